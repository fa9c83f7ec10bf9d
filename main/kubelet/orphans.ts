import type { Runtime } from '../runtime/index.ts';
import type { Logger } from '../util/log.ts';
import { annotation, type RuntimeStatus } from './runtimeStatus.ts';

const defaultGrace = 30;

/** Ends and removes what runs of a pod that the API does not have any more: it was deleted while no kubelet was there. */
export async function removeOrphan(runtime: Runtime, log: Logger, uid: string, status: RuntimeStatus): Promise<void> {
  log.info('removing what is left of a pod that was deleted', { uid, sandboxes: status.sandboxes.length, containers: status.containers.length });
  await Promise.all(
    status.containers
      .filter((container) => container.state === 'running')
      .map((container) => runtime.stopContainer(container.id, Number(container.annotations[annotation.terminationGracePeriod] ?? defaultGrace))),
  );
  await Promise.all(status.sandboxes.map((sandbox) => runtime.removeSandbox(sandbox.id)));
  await Promise.all(status.containers.map((container) => runtime.removeContainer(container.id)));
}
