import { cloneJson } from '../../api/json.ts';
import { decodeObject as decodeFields, DecodeError } from '../../api/decode.ts';
import { apiVersionOf, internalNameOf, parseApiVersion, type GroupVersionKind, type KubeObject } from '../../api/meta.ts';
import { jsonKind } from '../../api/jsonError.ts';
import { normalizeObject } from '../../api/normalize.ts';
import { isReadAs, schemaOf } from '../../api/schema.ts';
import { badRequest, invalid, type StatusError } from '../../api/status.ts';
import type { Call } from '../call.ts';
import { invalidField } from '../fieldErrors.ts';
import type { RequestContext, Strategy } from '../registry/strategy.ts';
import { isObject, parseBody, type Parsed } from './body.ts';

/**
 * The object in a request's body, its fields checked as `fieldValidation` asks; the server's own to change. `unread`: a
 * member that does not count, which is left out of what this process itself sends.
 * Throws 400, 413, 415. Mirrors k8s.io/apiserver/pkg/endpoints/handlers/create.go and update.go.
 */
export async function decodeObject(call: Call, kind: GroupVersionKind, context: RequestContext, strategy?: Strategy, unread?: string): Promise<KubeObject> {
  const parsed = await parseBody(call, kind.kind);
  if (!parsed) throw badRequest(`the object provided is unrecognized (must be of type ${kind.kind}): couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)`);
  // Go reads null as an object of which nothing is said.
  const value = parsed.value ?? {};
  checkTypeMeta(value, parsed.unrecognized ?? badRequest);
  checkKind(value as KubeObject, kind, parsed.unrecognized ?? badRequest);
  const object = parsed.trusted ? normalized(unread ? { ...value, [unread]: undefined } : value, kind) : checked({ ...parsed, value }, kind, context, strategy);
  object.apiVersion = apiVersionOf(kind);
  object.kind = kind.kind;
  object.metadata ??= {};
  call.audited?.request(object);
  return object;
}

const typeMeta = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';

/** Of what kind a body is must be readable before anything else is. Throws what `refuse` makes of the reason. */
export function checkTypeMeta(value: unknown, refuse: (why: string) => StatusError): asserts value is Record<string, unknown> {
  const wrong = (found: unknown, target: string) => refuse(`couldn't get version/kind; json parse error: json: cannot unmarshal ${jsonKind(found)} into Go ${target}`);
  if (!isObject(value)) throw wrong(value, `value of type ${typeMeta}`);
  for (const name of ['apiVersion', 'kind'] as const)
    if (typeof (value[name] ?? '') !== 'string') throw wrong(value[name], `struct field .${name} of type string`);
}

/** What the compiler has checked, as the server's own. */
function normalized(value: Record<string, unknown>, kind: GroupVersionKind): KubeObject {
  const schema = schemaOf(kind);
  return schema ? (normalizeObject(schema, value) as KubeObject) : cloneJson(value as KubeObject);
}

function checked({ duplicates, numberTexts, value }: Parsed, kind: GroupVersionKind, context: RequestContext, strategy: Strategy | undefined): KubeObject {
  // Only for what it throws.
  if (numberTexts !== undefined && schemaOf(kind)) decoded(numberTexts, kind, undefined);
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

/** A body may leave out of what kind and version it is, as both are clear from the path. Mirrors runtime/serializer/json and codec. */
function checkKind(object: KubeObject, expected: GroupVersionKind, unrecognized: (why: string) => StatusError): void {
  const apiVersion = object.apiVersion || apiVersionOf(expected);
  const kind = object.kind || expected.kind;
  if (apiVersion === apiVersionOf(expected) && kind === expected.kind) return;
  if (apiVersion.split('/').length > 2) throw unrecognized(`unexpected GroupVersion string: ${apiVersion}`);
  const { group, version } = parseApiVersion(apiVersion);
  if (isReadAs({ group, version, kind }, expected)) return;
  // Of users' own kinds nothing is converted: what kind an object is, is a finding about it like others.
  if (!schemaOf(expected) && apiVersion === apiVersionOf(expected))
    throw invalid({ group: expected.group, kind }, object.metadata?.name ?? '', [invalidField('kind', kind, `must be ${expected.kind}`)]);
  const refuse = (why: string) => badRequest(`${kind} in version "${object.apiVersion && object.kind ? version : expected.version}" cannot be handled as a ${expected.kind}: ${why}`);
  if (schemaOf(expected) && !schemaOf({ group, version, kind })) throw refuse(unregistered(apiVersion, kind));
  if (kind !== expected.kind) throw refuse(`converting (${version}.${kind}) to (${internalNameOf(expected)}): unknown conversion`);
  throw badRequest(`the API version in the data (${apiVersion}) does not match the expected API version (${apiVersionOf(expected)})`);
}

/** What upstream's table of types says of a kind that is not in it. */
export const unregistered = (apiVersion: string, kind: string): string =>
  `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme "pkg/api/legacyscheme/scheme.go:30"`;
