import type { KubeObject } from '../../main/api/meta.ts';
import { causesOf, messageOf, StatusError, UnreachableError } from '../client/index.ts';

/** What the server said of one field. */
export interface FieldFinding {
  field: string;
  message: string;
}

/** A refusal by the fields it speaks of; what speaks of none is the `message`. */
export interface Refusal {
  findings: FieldFinding[];
  message: string;
}

/** Finds the fields that a server's refusal of `object` speaks of, also where it names them only in its message. */
export function readRefusal(error: unknown, object: KubeObject): Refusal {
  const findings = causesOf(error).flatMap(({ field, message }) => (field ? [{ field, message: message ?? '' }] : []));
  if (findings.length > 0) return { findings, message: '' };
  const message = messageOf(error);
  if (error instanceof UnreachableError || !(error instanceof StatusError)) return { findings, message };
  if (error.reason === 'AlreadyExists' && error.status.details?.name === object.metadata?.name) return { findings: [{ field: 'metadata.name', message }], message: '' };
  if (error.code === 404 && error.status.details?.kind === 'namespaces') return { findings: [{ field: 'metadata.namespace', message }], message: '' };
  if (error.code !== 400) return { findings, message };
  const unknown = [...message.matchAll(/(unknown|duplicate) field "([^"]+)"/g)].map(([said, , field]) => ({ field: field!, message: said }));
  if (unknown.length > 0) return { findings: unknown, message: '' };
  const wrong = /json: (cannot unmarshal (\w+) into Go struct field \w+?\.(\S+) of type \S+)/.exec(message);
  const field = wrong && typedField(object, wrong[3]!.split('.'), wrong[2]!);
  return field ? { findings: [{ field, message: wrong[1]! }], message: '' } : { findings, message };
}

const jsonType = (value: unknown): string => (Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value === 'boolean' ? 'bool' : typeof value);

/** Go names the field without the indexes of lists: the first one on that way that holds such a value is meant. */
function typedField(value: unknown, way: readonly string[], type: string, path = ''): string | undefined {
  if (Array.isArray(value) && way.length > 0) {
    for (const [index, item] of value.entries()) {
      const found = typedField(item, way, type, `${path}[${index}]`);
      if (found) return found;
    }
    return undefined;
  }
  const [step, ...rest] = way;
  if (step === undefined) return jsonType(value) === type ? path : undefined;
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
  return typedField((value as Record<string, unknown>)[step], rest, type, path ? `${path}.${step}` : step);
}
