import { apiVersionOf, parseApiVersion, type GroupVersionKind, type KubeObject } from '../../api/meta.ts';
import { badRequest } from '../../api/status.ts';
import type { Call } from '../call.ts';
import type { RequestContext } from '../registry/strategy.ts';
import { isObject, parseBody } from './body.ts';
import { settleFields } from './fields.ts';

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
  object.apiVersion = apiVersionOf(kind);
  object.kind = kind.kind;
  if (!isObject(object.metadata)) object.metadata = {};
  if (parsed.trusted) return object;
  const complaints = settleFields(object, kind, context.fieldValidation !== 'Ignore' ? parsed.text ?? '' : undefined);
  if (!complaints.length) return object;
  if (context.fieldValidation === 'Warn') context.warnings.push(...complaints);
  else
    throw badRequest(
      `${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: strict decoding error: ${complaints.join(', ')}`,
    );
  return object;
}

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
