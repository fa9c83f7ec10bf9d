import { cloneJson } from '../../api/json.ts';
import { badRequest } from '../../api/status.ts';
import { parseYaml } from '../../api/yaml.ts';
import type { Call } from '../call.ts';
import { unsupportedMediaType } from './negotiate.ts';

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

const types: Record<string, PatchType> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
};

/** Which of `allowed` a PATCH is, by its Content-Type. Throws 415. */
export function patchTypeOf(call: Call, allowed: readonly PatchType[]): PatchType {
  const type = types[call.contentType?.split(';')[0]!.trim() ?? ''];
  if (!type || !allowed.includes(type)) throw unsupportedMediaType(Object.keys(types).filter((name) => allowed.includes(types[name]!)));
  return type;
}

/** The patch in a request's body. Throws 400, 413. */
export async function readPatch(call: Call, type: PatchType): Promise<unknown> {
  const body = await call.body();
  if (body.type === 'value') return cloneJson(body.value);
  const text = body.type === 'none' ? '' : body.bytes.toString('utf8');
  try {
    return type === 'apply' ? parseYaml(text) : JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw badRequest(type === 'apply' ? `error decoding YAML: ${why}` : `error decoding patch: ${why}`);
  }
}
