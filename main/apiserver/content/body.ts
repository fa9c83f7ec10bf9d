import { jsonError, nestedTooDeep } from '../../api/jsonError.ts';
import type { KubeObject } from '../../api/meta.ts';
import { decodeProtobuf } from '../../api/protobuf.ts';
import { DecodeError } from '../../api/decode.ts';
import { withNumberTexts } from '../../api/numberText.ts';
import { badRequest, type StatusError } from '../../api/status.ts';
import { parseYamlWithDuplicates, YamlError } from '../../api/yaml.ts';
import { duplicateFields, isSameText } from '../../api/duplicates.ts';
import type { Call } from '../call.ts';
import { bodyFormat } from './negotiate.ts';

/** What a request carries, before anybody has looked at it. */
export interface Parsed {
  value: unknown;
  /** Complaints about keys that stand twice in the text, together with the other complaints about it. */
  duplicates?: (others: string[]) => string[];
  /** The same value with its odd numbers as they were written; undefined where there are none. */
  numberTexts?: unknown;
  /** A 400 that shows the beginning of what came; absent where nothing came as text. */
  unrecognized?: (why: string) => StatusError;
  /** An object of this process, typed by the compiler: its fields need no check, but it may share parts with others. */
  trusted: boolean;
}

/** Throws 400, 413, 415; undefined for an empty body. `kind` is what a body of the request must be of, absent: nobody tells the client. */
export async function parseBody(call: Call, kind?: string): Promise<Parsed | undefined> {
  const body = await call.body();
  if (body.type === 'value') return body.value === undefined ? undefined : { value: body.value, trusted: true };
  const format = bodyFormat(call.contentType);
  if (body.type === 'none' || body.bytes.length === 0) return undefined;
  const unrecognized = (why: string) => refusal(kind, why, body.bytes);
  switch (format) {
    case 'json':
      return parseJsonText(body.bytes, unrecognized);
    case 'yaml': {
      const text = body.bytes.toString('utf8');
      try {
        const { value, duplicates } = parseYamlWithDuplicates(text);
        return { value, duplicates: (others) => (isSameText(text, value) ? others : [...duplicates(), ...others]), unrecognized, trusted: false };
      } catch (error) {
        if (error instanceof YamlError) throw unrecognized(error.inGo);
        throw error;
      }
    }
    case 'protobuf':
      try {
        return { value: decodeProtobuf(body.bytes) satisfies KubeObject, unrecognized, trusted: false };
      } catch (error) {
        if (error instanceof DecodeError) throw unrecognized(error.message);
        throw error;
      }
  }
}

function parseJsonText(bytes: Buffer, unrecognized: (why: string) => StatusError): Parsed {
  const text = bytes.toString('utf8');
  const wrong = () => unrecognized(`couldn't get version/kind; json parse error: ${jsonError(text)}`);
  if (nestedTooDeep(text)) throw wrong();
  try {
    const value: unknown = JSON.parse(text);
    return {
      value,
      duplicates: (others) => (isSameText(text, value) ? others : duplicateFields(text, others)),
      numberTexts: withNumberTexts(text),
      unrecognized,
      trusted: false,
    };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw wrong();
  }
}

/** Mirrors k8s.io/apiserver/pkg/endpoints/handlers/rest.go (transformDecodeError, summarizeData). */
function refusal(kind: string | undefined, why: string, bytes: Buffer): StatusError {
  if (!kind) return badRequest(why);
  const shown = bytes.length === 0 ? '<empty>' : bytes[0] === 0x7b ? clip(bytes, 'utf8') : clip(bytes, 'hex');
  return badRequest(`the object provided is unrecognized (must be of type ${kind}): ${why} (${shown})`);
}

function clip(bytes: Buffer, encoding: 'utf8' | 'hex'): string {
  return bytes.length > 30 ? `${bytes.toString(encoding, 0, 30)} ...` : bytes.toString(encoding);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
