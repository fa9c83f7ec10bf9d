import type { Pod } from '../api/index.ts';
import { deviceClaimKeys } from '../api/deviceClaims.ts';
import { resources } from '../client/index.ts';
import { tell, type KubeletContext } from './context.ts';

/**
 * Devices are made ready by their drivers, and none can be plugged into these nodes: a pod that has devices does not
 * start. Simulated nodes have whatever they are said to have. Rejects. Mirrors pkg/kubelet/cm/dra/manager.go (PrepareResources).
 */
export async function prepareDevices(context: KubeletContext, pod: Pod): Promise<void> {
  if (context.machine.runtimeName === 'simulated') return;
  const { namespace, uid } = pod.metadata!;
  for (const key of deviceClaimKeys(pod)) {
    const claimName = key.split('/')[1]!;
    const { metadata, status } = await context.client.of(resources.resourceClaims).get(namespace!, claimName);
    const mayUse = status?.reservedFor?.some((consumer) => consumer.uid === uid);
    const driver = status?.allocation?.devices?.results?.[0]?.driver;
    if (mayUse && driver === undefined) continue;
    const problem = mayUse ? `DRA driver ${driver} is not registered` : `pod ${pod.metadata!.name} (${uid}) is not allowed to use ResourceClaim ${claimName} (${metadata!.uid})`;
    const message = `prepare dynamic resources: ${problem}`;
    tell(context, pod, 'Warning', 'FailedPrepareDynamicResources', `Failed to prepare dynamic resources: ${message}`);
    throw new Error(message);
  }
}
