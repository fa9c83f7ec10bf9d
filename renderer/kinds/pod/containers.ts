import type { Container, ContainerStatus, Pod } from '../../../main/api/index.ts';
import type { StatusText } from '../../components/grid/types.ts';

export interface ContainerView {
  container: Pick<Container, 'name' | 'image' | 'ports' | 'resources' | 'volumeMounts' | 'command' | 'args' | 'env' | 'envFrom' | 'restartPolicy'>;
  role: 'main' | 'init' | 'sidecar';
  status: ContainerStatus | undefined;
}

/** Every container of a pod with its status: those that serve first, those that prepared last. */
export function containersOf(pod: Pod): ContainerView[] {
  const statuses = new Map([...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])].map((status) => [status.name, status]));
  const main = (pod.spec?.containers ?? []).map((container): ContainerView => ({ container, role: 'main', status: statuses.get(container.name) }));
  const init = (pod.spec?.initContainers ?? []).map((container): ContainerView => ({ container, role: container.restartPolicy === 'Always' ? 'sidecar' : 'init', status: statuses.get(container.name) }));
  return [...main, ...init];
}

export function containerStatus({ status }: ContainerView): StatusText {
  const state = status?.state;
  if (state?.running) return { text: 'Running', tone: status?.ready ? 'ok' : 'warn' };
  if (state?.terminated) {
    const { reason, exitCode } = state.terminated;
    return { text: reason || 'Terminated', tone: exitCode === 0 ? 'idle' : 'bad' };
  }
  const reason = state?.waiting?.reason;
  return { text: reason ?? 'Waiting', tone: reason && !['ContainerCreating', 'PodInitializing'].includes(reason) ? 'bad' : 'warn' };
}
