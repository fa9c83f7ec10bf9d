import type { AllocatedDeviceStatus, AllocationResult, ResourceClaimStatus } from '../../../api/index.ts';
import { equalJson } from '../../../api/json.ts';
import { StatusError } from '../../../api/status.ts';
import type { Authorizer, RequestInfo, UserInfo } from '../../auth/types.ts';
import { authorize } from '../../authorize.ts';
import type { FieldErrors } from '../../validation/field.ts';
import type { RequestContext } from '../strategy.ts';

/* Who may write which part of a claim's status, beyond the right to write it at all. Mirrors pkg/registry/resource/utils.go. */

/** Says no to whoever gives claims devices or consumers and may not bind claims (`resourceclaims/binding`). */
export async function judgeBinding(errors: FieldErrors, authorizer: Authorizer, context: RequestContext, status: ResourceClaimStatus, old: ResourceClaimStatus): Promise<void> {
  if (equalJson(status.allocation, old.allocation) && equalJson(status.reservedFor ?? [], old.reservedFor ?? [])) return;
  const verb = verbOf(context);
  const problem = await refusal(authorizer, context.user, { verb, subresource: 'binding', namespace: '', name: '' });
  if (problem) errors.forbidden('status.allocation', `changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", verb="${verb}" permission: ${problem}`);
}

/**
 * Says no to whoever writes about devices of a driver and may not speak for it (`resourceclaims/driver`): on every node, or
 * on that of the claim where the user's own node is that one.
 */
export async function judgeDeviceStatus(errors: FieldErrors, authorizer: Authorizer, context: RequestContext, status: ResourceClaimStatus, old: ResourceClaimStatus): Promise<void> {
  const { user, namespace } = context;
  const verb = verbOf(context);
  const verbs = [...(isOnNodeOf(user, status.allocation) ? [`associated-node:${verb}`] : []), `arbitrary-node:${verb}`];
  for (const driver of changedDrivers(status.devices, old.devices)) {
    const problems: string[] = [];
    for (const each of verbs) {
      const problem = await refusal(authorizer, user, { verb: each, subresource: 'driver', namespace, name: driver });
      if (problem === undefined) break;
      problems.push(problem);
    }
    if (problems.length === verbs.length) errors.forbidden('status.devices', `changing status.devices requires resource="resourceclaims/driver", verb="[${verbs.join(' ')}]" permission: ${problems[0]}`);
  }
}

const verbOf = ({ options }: RequestContext) => (options.kind === 'PatchOptions' ? 'patch' : 'update');

/** Undefined: the user may. */
async function refusal(authorizer: Authorizer, user: UserInfo, asked: Pick<RequestInfo, 'verb' | 'subresource' | 'namespace' | 'name'>): Promise<string | undefined> {
  try {
    await authorize(authorizer, user, { isResourceRequest: true, path: '', apiPrefix: 'apis', group: 'resource.k8s.io', version: 'v1', resource: 'resourceclaims', parts: [], ...asked });
    return undefined;
  } catch (error) {
    if (error instanceof StatusError) return error.message;
    throw error;
  }
}

const idOf = ({ driver, pool, device, shareID }: AllocatedDeviceStatus) => [driver, pool, device, shareID ?? ''].join('/');

/** Those of whose devices something is said that was not, or the other way round, in the order of their names. */
function changedDrivers(devices: AllocatedDeviceStatus[] = [], old: AllocatedDeviceStatus[] = []): string[] {
  const before = new Map(old.map((device) => [idOf(device), device]));
  const changed = new Set<string>();
  for (const device of devices) {
    if (!equalJson(before.get(idOf(device)), device)) changed.add(device.driver);
    before.delete(idOf(device));
  }
  for (const { driver } of before.values()) changed.add(driver);
  return [...changed].sort();
}

function isOnNodeOf({ name, extra }: UserInfo, allocation: AllocationResult | undefined): boolean {
  const terms = allocation?.nodeSelector?.nodeSelectorTerms ?? [];
  const fields = terms[0]?.matchFields ?? [];
  if (terms.length !== 1 || terms[0]!.matchExpressions?.length || fields.length !== 1) return false;
  const { key, operator, values = [] } = fields[0]!;
  const nodes = extra?.['authentication.kubernetes.io/node-name'] ?? [];
  const isAccount = /^system:serviceaccount:[^:]+:[^:]+$/.test(name);
  return isAccount && key === 'metadata.name' && operator === 'In' && values.length === 1 && nodes.length === 1 && nodes[0] === values[0];
}
