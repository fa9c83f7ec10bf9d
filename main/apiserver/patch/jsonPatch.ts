import { cloneJson, equalJson } from '../../api/json.ts';
import { jsonKind, nestedTooDeep } from '../../api/jsonError.ts';
import { badRequest, failure } from '../../api/status.ts';
import { setMember } from './mergePatch.ts';
import { isMap } from './schema.ts';

/** Upstream: endpoints/handlers/patch.go. */
const maxOperations = 10_000;

/** How much JSON all copies of a patch may add, characters: forty copies of what grows with each are a million millions. Upstream: JSONPatchMaxCopyBytes. */
const maxCopied = 3 * 2 ** 20;

/** Why an operation cannot be carried out. Clients are not told, as upstream's are not; whose webhook made the patch is. */
export class OperationError extends Error {
  constructor(
    message: string,
    /** It is that of a test. */
    readonly ofTest = false,
  ) {
    super(message);
  }
}

type Container = Record<string, unknown> | unknown[];

/**
 * RFC 6902. The result is the caller's own; neither argument is changed. Throws 400 for what is no patch, 413 for more
 * than 10,000 operations, and 422 when an operation does not apply or a test fails.
 */
export function applyJsonPatch<T extends object>(doc: T, patch: unknown): T {
  if (patch === null) return cloneJson(doc);
  if (!Array.isArray(patch)) throw badRequest(`error decoding patch: json: cannot unmarshal ${jsonKind(patch)} into Go value of type []handlers.jsonPatchOp`);
  const odd = patch.find((operation) => operation !== null && !isMap(operation)) as unknown;
  if (odd !== undefined) throw badRequest(`error decoding patch: json: cannot unmarshal ${jsonKind(odd)} into Go value of type handlers.jsonPatchOp`);
  if (patch.length > maxOperations)
    throw failure(413, 'RequestEntityTooLarge', `Request entity too large: The allowed maximum operations in a JSON patch is ${maxOperations}, got ${patch.length}`);
  try {
    return carryOutAll(doc, patch as (Record<string, unknown> | null)[]);
  } catch (error) {
    if (error instanceof OperationError) throw failure(422, 'Invalid', 'the server rejected our request due to an error in our request', {});
    throw error;
  }
}

/** The same for a patch that is a list of objects, without a limit. Throws an OperationError in the words of upstream's library. */
export function carryOutAll<T extends object>(doc: T, patch: readonly (Record<string, unknown> | null)[]): T {
  let root: unknown = cloneJson(doc);
  let copied = 0;
  const copy = (value: unknown): unknown => {
    const text = JSON.stringify(value);
    copied += text.length;
    if (copied > maxCopied) throw new OperationError(`the accumulated size of the copies exceeds ${maxCopied}`);
    return JSON.parse(text) as unknown;
  };
  for (const operation of patch) root = carryOut(root as Container, operation ?? {}, copy);
  // What is added to or moved into what was added before may be nested deeper than any text that is read.
  if (nestedTooDeep(JSON.stringify(root))) throw new OperationError('exceeded max depth');
  return root as T;
}

function carryOut(root: Container, operation: Record<string, unknown>, copy: (value: unknown) => unknown): unknown {
  const path = pointer(operation, 'path');
  switch (operation.op) {
    case 'add':
      add(root, path, valueOf(operation));
      return root;
    case 'remove':
      remove(root, path);
      return root;
    case 'replace':
      if (path === '') {
        const value = valueOf(operation);
        if (typeof value !== 'object' || value === null) throw new OperationError('replace operation value must be object or array');
        return value;
      }
      replace(root, path, valueOf(operation));
      return root;
    case 'move': {
      const from = pointer(operation, 'from');
      const value = get(root, from);
      remove(root, from);
      add(root, path, value);
      return root;
    }
    case 'copy':
      add(root, path, copy(get(root, pointer(operation, 'from'))));
      return root;
    case 'test': {
      const actual = path === '' ? root : getOrMissing(root, path);
      const wanted = operation.value ?? null;
      if (!equalJson(actual ?? null, wanted)) throw new OperationError(`testing value ${path} failed: test failed`, true);
      return root;
    }
    default:
      throw new OperationError(`Unexpected kind: ${String(operation.op)}`);
  }
}

const valueOf = (operation: Record<string, unknown>): unknown => cloneJson(operation.value ?? null);

function pointer(operation: Record<string, unknown>, member: 'path' | 'from'): string {
  const value = operation[member];
  if (typeof value !== 'string') throw new OperationError(`operation missing ${member} field`);
  return value;
}

/** The container that a pointer leads into, and the last part of the pointer. */
function find(root: Container, path: string, before = 'doc is missing path: ', after = ''): { container: Container; key: string } {
  const missing = () => new OperationError(`${before}${path}${after}: missing value`);
  const parts = path.split('/');
  if (parts.length < 2) throw missing();
  let container: unknown = root;
  for (const part of parts.slice(1, -1)) {
    container = member(container as Container, unescape(part));
    if (typeof container !== 'object' || container === null) throw missing();
  }
  return { container: container as Container, key: unescape(parts.at(-1)!) };
}

const unescape = (part: string): string => part.replaceAll('~1', '/').replaceAll('~0', '~');

function member(container: Container, key: string): unknown {
  if (!Array.isArray(container)) return Object.hasOwn(container, key) ? container[key] : undefined;
  return container[index(key, container.length - 1)];
}

/** A negative index counts from the end, as in upstream's library. */
function index(key: string, last: number): number {
  if (!/^[+-]?\d+$/.test(key)) throw new OperationError(`Unable to access invalid index: ${key}`);
  const at = Number(key) < 0 ? last + 1 + Number(key) : Number(key);
  if (at < 0 || at > last) throw new OperationError(`Unable to access invalid index: ${key}`);
  return at;
}

function get(root: Container, path: string): unknown {
  const value = getOrMissing(root, path);
  if (value === undefined) throw new OperationError(`doc is missing path: ${path}`);
  return value;
}

function getOrMissing(root: Container, path: string): unknown {
  const { container, key } = find(root, path);
  return member(container, key);
}

function add(root: Container, path: string, value: unknown): void {
  const { container, key } = find(root, path, 'add operation does not apply: doc is missing path: "', '"');
  if (!Array.isArray(container)) setMember(container, key, value);
  else if (key === '-') container.push(value);
  else container.splice(index(key, container.length), 0, value);
}

function remove(root: Container, path: string): void {
  const { container, key } = find(root, path, 'remove operation does not apply: doc is missing path: "', '"');
  if (Array.isArray(container)) container.splice(index(key, container.length - 1), 1);
  else if (Object.hasOwn(container, key)) delete container[key];
  else throw new OperationError(`error in remove for path: '${path}': Unable to remove nonexistent key: ${key}: missing value`);
}

function replace(root: Container, path: string, value: unknown): void {
  const { container, key } = find(root, path, 'replace operation does not apply: doc is missing path: ', '');
  if (Array.isArray(container)) container[index(key, container.length - 1)] = value;
  // What is not there is added, as by upstream's library.
  else setMember(container, key, value);
}
