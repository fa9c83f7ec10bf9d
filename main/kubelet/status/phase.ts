import type { ContainerStateTerminated, ContainerStatus, Pod } from '../../api/index.ts';
import { shouldRestart } from '../../api/containerRestart.ts';
import { initContainersOf, isRestartableInit, type AnyContainer } from '../spec.ts';

/**
 * The phase that a pod's containers add up to. `terminal`: none will be started again whatever the policy.
 * `initialized`: a regular container has begun, so restarting sidecars do not make the pod pending again.
 * Mirrors pkg/kubelet/kubelet_pods.go (getPhase).
 */
export function phaseOf(pod: Pod, statuses: ContainerStatus[], terminal: boolean, initialized: boolean): string {
  const spec = pod.spec!;
  const statusOf = (container: AnyContainer) => statuses.find((status) => status.name === container.name);
  // What was taken away for all to begin anew has not ended for good.
  const final = (container: AnyContainer, { exitCode, reason }: ContainerStateTerminated) => reason !== 'RestartingAllContainers' && !shouldRestart(container, spec, exitCode);

  let pendingInit = 0;
  let pendingSidecars = 0;
  let unknown = 0;
  let running = 0;
  let waiting = 0;
  let stopped = 0;
  let stoppedForGood = 0;
  let succeeded = 0;

  for (const container of initContainersOf(pod)) {
    const status = statusOf(container);
    const state = status?.state ?? {};
    const last = status?.lastState?.terminated;
    if (isRestartableInit(container)) {
      if (!status) unknown++;
      else if (state.running) {
        running++;
        if (!status.started) pendingSidecars++;
      } else if (state.waiting) {
        // One that has ended and waits for its restart does not count.
        if (!last) {
          pendingSidecars++;
          waiting++;
        }
      } else if (!state.terminated) {
        pendingSidecars++;
        unknown++;
      }
      continue;
    }
    const ended = state.terminated ?? (state.waiting ? last : undefined);
    if (!ended) pendingInit++;
    else if (ended.exitCode !== 0 && final(container, ended)) return 'Failed';
  }

  for (const container of spec.containers) {
    const status = statusOf(container);
    const state = status?.state ?? {};
    const ended = state.terminated ?? (state.waiting ? status?.lastState?.terminated : undefined);
    if (state.running) running++;
    else if (ended) {
      stopped++;
      if (final(container, ended)) stoppedForGood++;
      if (state.terminated?.exitCode === 0) succeeded++;
    } else if (state.waiting) waiting++;
    else unknown++;
  }

  if (pendingInit > 0 || (pendingSidecars > 0 && !initialized) || waiting > 0) return 'Pending';
  if (running > 0 && unknown === 0) return 'Running';
  if (running === 0 && stopped > 0 && unknown === 0) {
    if (!terminal && stopped !== stoppedForGood) return 'Running';
    return stopped === succeeded ? 'Succeeded' : 'Failed';
  }
  return 'Pending';
}
