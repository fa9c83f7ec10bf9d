import { decodeAs, DecodeError } from '../../api/decode.ts';
import type { DeleteOptions } from '../../api/index.ts';
import type { KubeObject } from '../../api/meta.ts';
import { schemaById } from '../../api/schema.ts';
import { badRequest, forbidden, invalid, type FieldError } from '../../api/status.ts';
import type { Call, Handler } from '../call.ts';
import { parseBody } from '../content/body.ts';
import { checkTypeMeta } from '../content/decode.ts';
import { invalidField, unsupportedField } from '../fieldErrors.ts';
import { deleteObject } from '../registry/deletion.ts';
import type { Registry } from '../registry/generic.ts';
import type { RequestContext } from '../registry/strategy.ts';
import { objectOf } from '../registry/stored.ts';
import type { Serving } from '../serving.ts';
import { writeContext } from '../writeContext.ts';
import { Admit } from './admit.ts';

/** Mirrors k8s.io/apiserver/pkg/endpoints/handlers/delete.go (DeleteResource). */
export const deleteOne =
  (serving: Serving): Handler =>
  async (call, registry) => {
    const { info } = call;
    const { context, options } = await deletionOf(call);
    const kept = registry.strategy.keeps?.(info.name);
    if (kept) throw forbidden({ group: registry.definition.group, kind: registry.definition.resource }, info.name, kept);
    const admit = new Admit(serving, context, registry, info.subresource, info.name);
    const { entry, gone } = await deleteObject(registry, context, info.name, options, (object) => admit.both('DELETE', undefined, object));
    const code = !gone && options.orphanDependents === false ? 202 : 200;
    if (!gone || registry.strategy.returnsDeletedObject) return { type: 'entry', code, entry, registry };
    return { type: 'object', code, object: deletedStatus(registry, objectOf(entry)) };
  };

function deletedStatus({ definition }: Registry, { metadata }: KubeObject): KubeObject {
  const status = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: {
      name: metadata!.name,
      ...(definition.group ? { group: definition.group } : {}),
      kind: definition.resource,
      uid: metadata!.uid,
    },
  };
  return status as KubeObject;
}

/** The options of a deletion, from its body or else its query. Throws 400 and 422. */
export async function deletionOf(call: Call): Promise<{ context: RequestContext; options: DeleteOptions }> {
  const parsed = await parseBody(call);
  const options = parsed ? fromBody(parsed.value) : fromQuery(call);
  if (parsed) call.audited?.request(options);
  const errors = check(options);
  if (errors.length) throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', errors);
  const context = writeContext(call, call.info.namespace, 'DeleteOptions');
  if (options.dryRun?.length) context.dryRun = true;
  context.options = { ...context.options, ...options } as KubeObject;
  return { context, options };
}

function fromBody(body: unknown): DeleteOptions {
  const value = body ?? {};
  checkTypeMeta(value, badRequest);
  const { kind, apiVersion = '' } = value;
  if (kind && kind !== 'DeleteOptions')
    throw badRequest(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme "pkg/apis/meta/internalversion/scheme/register.go:27"`);
  try {
    return decodeAs(schemaById('meta/v1.DeleteOptions')!, value) as DeleteOptions;
  } catch (error) {
    throw error instanceof DecodeError ? badRequest(error.message) : error;
  }
}

function fromQuery({ query }: Call): DeleteOptions {
  return {
    gracePeriodSeconds: query.integer('gracePeriodSeconds'),
    orphanDependents: query.flag('orphanDependents'),
    propagationPolicy: query.get('propagationPolicy') || undefined,
    dryRun: query.all('dryRun'),
  };
}

const policies = ['Foreground', 'Background', 'Orphan'];

function check({ orphanDependents, propagationPolicy, dryRun }: DeleteOptions): FieldError[] {
  const errors: FieldError[] = [];
  if (orphanDependents !== undefined && propagationPolicy !== undefined)
    errors.push(invalidField('propagationPolicy', propagationPolicy, 'orphanDependents and deletionPropagation cannot be both set'));
  if (propagationPolicy !== undefined && !policies.includes(propagationPolicy))
    errors.push(unsupportedField('propagationPolicy', propagationPolicy, [...policies, 'nil']));
  if (dryRun?.some((value) => value !== 'All')) errors.push(unsupportedField('dryRun', dryRun, ['All']));
  return errors;
}
