import { cloneJson } from '../../api/json.ts';
import { jsonError, nestedTooDeep } from '../../api/jsonError.ts';
import { badRequest, failure } from '../../api/status.ts';
import { duplicateFields, isSameText } from '../../api/duplicates.ts';
import { parseYamlWithDuplicates, YamlError } from '../../api/yaml.ts';
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
  if (!type) throw failure(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {});
  if (!allowed.includes(type)) throw unsupportedMediaType(Object.keys(types).filter((name) => allowed.includes(types[name]!)));
  return type;
}

/** A patch, and what strict decoding complains about in its text. */
export interface ReadPatch {
  patch: unknown;
  complaints: string[];
}

/** The patch in a request's body. Throws 400, 413. */
export async function readPatch(call: Call, type: PatchType): Promise<ReadPatch> {
  const read = await parsePatch(call, type);
  call.audited?.request(read.patch as object);
  return read;
}

async function parsePatch(call: Call, type: PatchType): Promise<ReadPatch> {
  const body = await call.body();
  if (body.type === 'value') return { patch: cloneJson(body.value), complaints: [] };
  const text = body.type === 'none' ? '' : body.bytes.toString('utf8');
  const wrong = () => badRequest(type === 'strategic' ? jsonError(text) : `error decoding patch: ${jsonError(text)}`);
  if (type !== 'apply' && nestedTooDeep(text)) throw wrong();
  try {
    if (type === 'apply') {
      const { value, duplicates } = parseYamlWithDuplicates(text);
      // Appliers send JSON, though the type says YAML.
      return { patch: value, complaints: isSameText(text, value) ? [] : duplicates() };
    }
    const patch: unknown = JSON.parse(text);
    return { patch, complaints: complaintsOf(type, text, patch) };
  } catch (error) {
    if (error instanceof YamlError) throw badRequest(`error decoding YAML: error converting YAML to JSON: ${error.inGo}`);
    throw error instanceof SyntaxError ? wrong() : error;
  }
}

const operationMembers = new Set(['from', 'op', 'path', 'value']);

function complaintsOf(type: PatchType, text: string, patch: unknown): string[] {
  if (type !== 'json' && isSameText(text, patch)) return [];
  if (type !== 'json') return duplicateFields(text);
  const unknown = (Array.isArray(patch) ? (patch as unknown[]) : []).flatMap((operation, i) =>
    Object.keys(operation ?? {}).filter((name) => !operationMembers.has(name)).map((name) => `unknown field ${JSON.stringify(`[${i}].${name}`)}`),
  );
  return duplicateFields(text, unknown).map((complaint) => `json patch ${complaint}`);
}
