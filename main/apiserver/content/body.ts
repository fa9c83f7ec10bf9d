import { jsonError } from '../../api/jsonError.ts';
import type { KubeObject } from '../../api/meta.ts';
import { decodeProtobuf } from '../../api/protobuf.ts';
import { DecodeError } from '../../api/decode.ts';
import { badRequest } from '../../api/status.ts';
import { parseYaml, yamlDuplicates } from '../../api/yaml.ts';
import { duplicateFields, isSameText } from '../../api/duplicates.ts';
import type { Call } from '../call.ts';
import { bodyFormat } from './negotiate.ts';

/** Of what every Kubernetes object in protobuf begins with. */
const magicLength = 4;

/** What a request carries, before anybody has looked at it. */
export interface Parsed {
  value: unknown;
  /** Complaints about keys that stand twice in the text, together with the other complaints about it. */
  duplicates?: (others: string[]) => string[];
  /** An object of this process, typed by the compiler: its fields need no check, but it may share parts with others. */
  trusted: boolean;
}

/** Throws 400, 413, 415; undefined for an empty body. */
export async function parseBody(call: Call, kind: string): Promise<Parsed | undefined> {
  const body = await call.body();
  if (body.type === 'value') return body.value === undefined ? undefined : { value: body.value, trusted: true };
  const format = bodyFormat(call.contentType);
  if (body.type === 'none' || body.bytes.length === 0) return undefined;
  switch (format) {
    case 'json':
      return parseJsonText(body.bytes, kind);
    case 'yaml': {
      const text = body.bytes.toString('utf8');
      try {
        const value = parseYaml(text);
        return { value, duplicates: (others) => (isSameText(text, value) ? others : [...yamlDuplicates(text), ...others]), trusted: false };
      } catch (error) {
        throw unrecognized(kind, `couldn't get version/kind; json parse error: ${messageOf(error)}`, body.bytes);
      }
    }
    case 'protobuf':
      try {
        return { value: decodeProtobuf(body.bytes) satisfies KubeObject, trusted: false };
      } catch (error) {
        if (error instanceof DecodeError) throw unrecognized(kind, body.bytes.length === magicLength ? 'empty body' : error.message, body.bytes);
        throw error;
      }
  }
}

function parseJsonText(bytes: Buffer, kind: string): Parsed {
  const text = bytes.toString('utf8');
  try {
    const value: unknown = JSON.parse(text);
    return { value, duplicates: (others) => (isSameText(text, value) ? others : duplicateFields(text, others)), trusted: false };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw unrecognized(kind, `couldn't get version/kind; json parse error: ${jsonError(text)}`, bytes);
  }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** Mirrors k8s.io/apiserver/pkg/endpoints/handlers/rest.go (transformDecodeError, summarizeData). */
function unrecognized(kind: string, why: string, bytes: Buffer) {
  const shown = bytes.length === 0 ? '<empty>' : bytes[0] === 0x7b ? clip(bytes, 'utf8') : clip(bytes, 'hex');
  return badRequest(`the object provided is unrecognized (must be of type ${kind}): ${why} (${shown})`);
}

function clip(bytes: Buffer, encoding: 'utf8' | 'hex'): string {
  return bytes.length > 30 ? `${bytes.toString(encoding, 0, 30)} ...` : bytes.toString(encoding);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
