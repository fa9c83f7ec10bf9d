import { cloneJson } from '../../api/json.ts';
import { jsonKind } from '../../api/jsonError.ts';
import { badRequest } from '../../api/status.ts';
import { isMap } from './schema.ts';

/**
 * RFC 7386. The result is the caller's own; neither argument is changed. Throws 400 for a patch that is no object.
 */
export function applyMergePatch<T extends object>(doc: T, patch: unknown): T {
  if (patch === null) throw badRequest('Invalid JSON Patch');
  if (!isMap(patch)) throw badRequest(`error decoding patch: json: cannot unmarshal ${jsonKind(patch)} into Go value of type map[string]interface {}`);
  return merge(cloneJson(doc), patch) as T;
}

function merge(target: unknown, patch: unknown): unknown {
  if (!isMap(patch)) return cloneJson(patch);
  const merged: Record<string, unknown> = isMap(target) ? target : {};
  for (const name in patch) {
    const value = patch[name];
    if (value === null) delete merged[name];
    else if (value !== undefined) setMember(merged, name, merge(Object.hasOwn(merged, name) ? merged[name] : undefined, value));
  }
  // For upstream's library it is a map now, which is written in order.
  return inNameOrder(merged);
}

function inNameOrder(target: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(target).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Sets a member whatever its name is: `__proto__` too is only a name. */
export function setMember(target: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__') Object.defineProperty(target, name, { value, enumerable: true, writable: true, configurable: true });
  else target[name] = value;
}
