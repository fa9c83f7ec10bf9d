import { apiVersionOf, parseApiVersion, type GroupVersionKind, type KubeObject } from '../../api/meta.ts';
import { badRequest } from '../../api/status.ts';
import type { Call } from '../call.ts';
import type { RequestContext } from '../registry/strategy.ts';
import { isObject, parseBody } from './body.ts';
import { duplicateFields } from './duplicates.ts';
import { FieldTypeError, settleFields } from './fields.ts';

/**
 * The object in a request's body, its fields checked as `fieldValidation` asks; the server's own to change.
 * Throws 400, 413, 415. Mirrors k8s.io/apiserver/pkg/endpoints/handlers/create.go and update.go.
 */
export async function decodeObject(call: Call, kind: GroupVersionKind, context: RequestContext): Promise<KubeObject> {
  const parsed = await parseBody(call, kind.kind);
  if (!parsed) throw badRequest(`the object provided is unrecognized (must be of type ${kind.kind}): Object 'Kind' is missing in '' (<empty>)`);
  if (!isObject(parsed.value))
    throw badRequest(`the object provided is unrecognized (must be of type ${kind.kind}): json: cannot unmarshal into a Kubernetes object`);
  const object = parsed.value as KubeObject;
  checkKind(object, kind);
  const lenient = parsed.trusted || context.fieldValidation === 'Ignore';
  const duplicates = lenient || parsed.text === undefined ? [] : duplicateFields(parsed.text, object);
  object.apiVersion = apiVersionOf(kind);
  object.kind = kind.kind;
  if (!isObject(object.metadata)) object.metadata = {};
  if (parsed.trusted) return object;
  const complaints = [...duplicates, ...settled(object, kind)];
  if (lenient || !complaints.length) return object;
  if (context.fieldValidation === 'Strict') throw unhandled(kind, `strict decoding error: ${complaints.join(', ')}`);
  context.warnings.push(...complaints);
  return object;
}

function settled(object: KubeObject, kind: GroupVersionKind): string[] {
  try {
    return settleFields(object, kind);
  } catch (error) {
    if (error instanceof FieldTypeError) throw unhandled(kind, error.message);
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
    `${object.kind} in version "${version}" cannot be handled as a ${expected.kind}: converting (${version}.${object.kind}) to (${expected.version}.${expected.kind}): unknown conversion`,
  );
}
