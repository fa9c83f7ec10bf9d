import { cloneJson } from '../../api/json.ts';
import { decodeObject as decodeFields, DecodeError } from '../../api/decode.ts';
import { apiVersionOf, parseApiVersion, type GroupVersionKind, type KubeObject } from '../../api/meta.ts';
import { normalizeObject } from '../../api/normalize.ts';
import { schemaOf } from '../../api/schema.ts';
import { badRequest } from '../../api/status.ts';
import type { Call } from '../call.ts';
import type { RequestContext, Strategy } from '../registry/strategy.ts';
import { isObject, parseBody, type Parsed } from './body.ts';

/**
 * The object in a request's body, its fields checked as `fieldValidation` asks; the server's own to change.
 * Throws 400, 413, 415. Mirrors k8s.io/apiserver/pkg/endpoints/handlers/create.go and update.go.
 */
export async function decodeObject(call: Call, kind: GroupVersionKind, context: RequestContext, strategy?: Strategy): Promise<KubeObject> {
  const parsed = await parseBody(call, kind.kind);
  if (!parsed) throw badRequest(`the object provided is unrecognized (must be of type ${kind.kind}): couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)`);
  if (!isObject(parsed.value))
    throw badRequest(`the object provided is unrecognized (must be of type ${kind.kind}): json: cannot unmarshal into a Kubernetes object`);
  for (const name of ['apiVersion', 'kind'] as const)
    if (!isText(parsed.value[name])) throw badRequest(`couldn't get version/kind; json parse error: json: cannot unmarshal into Go struct field .${name} of type string`);
  checkKind(parsed.value as KubeObject, kind);
  const object = parsed.trusted ? normalized(parsed.value, kind) : checked(parsed, kind, context, strategy);
  object.apiVersion = apiVersionOf(kind);
  object.kind = kind.kind;
  object.metadata ??= {};
  call.audited?.request(object);
  return object;
}

/** Whether it can be a member of type string: null is the same as none. */
const isText = (value: unknown) => value === undefined || value === null || typeof value === 'string';

/** What the compiler has checked, as the server's own. */
function normalized(value: Record<string, unknown>, kind: GroupVersionKind): KubeObject {
  const schema = schemaOf(kind);
  return schema ? (normalizeObject(schema, value) as KubeObject) : cloneJson(value as KubeObject);
}

function checked({ duplicates, value }: Parsed, kind: GroupVersionKind, context: RequestContext, strategy: Strategy | undefined): KubeObject {
  const { object, complaints } = decoded(value, kind, strategy);
  if (context.fieldValidation === 'Ignore') return object;
  // What a schema of its own does not know is found after the text has been read.
  const all = !duplicates ? complaints : strategy?.complaints ? [...duplicates([]), ...complaints] : duplicates(complaints);
  if (!all.length) return object;
  if (context.fieldValidation === 'Strict') throw unhandled(kind, `strict decoding error: ${all.join(', ')}`);
  context.warnings.push(...all);
  return object;
}

function decoded(value: unknown, kind: GroupVersionKind, strategy: Strategy | undefined) {
  try {
    const { object, complaints } = decodeFields(kind, strategy?.complaints ? cloneJson(value) : value);
    return { object, complaints: [...complaints, ...(strategy?.complaints?.(object) ?? [])] };
  } catch (error) {
    if (error instanceof DecodeError) throw unhandled(kind, error.message);
    throw error;
  }
}

const unhandled = ({ kind, version }: GroupVersionKind, why: string) =>
  badRequest(`${kind} in version "${version}" cannot be handled as a ${kind}: ${why}`);

function checkKind(object: KubeObject, expected: GroupVersionKind): void {
  if (object.apiVersion && object.apiVersion !== apiVersionOf(expected)) {
    if (object.kind && object.kind !== expected.kind) throw unconvertible(object, expected);
    throw badRequest(`the API version in the data (${object.apiVersion}) does not match the expected API version (${apiVersionOf(expected)})`);
  }
  if (object.kind && object.kind !== expected.kind) throw unconvertible(object, expected);
}

function unconvertible(object: KubeObject, expected: GroupVersionKind) {
  const { version } = parseApiVersion(object.apiVersion ?? apiVersionOf(expected));
  return badRequest(
    `${object.kind} in version "${version}" cannot be handled as a ${expected.kind}: converting (${version}.${object.kind}) to (${expected.group.split('.')[0] || 'core'}.${expected.kind}): unknown conversion`,
  );
}
