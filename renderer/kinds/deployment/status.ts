import type { Deployment } from '../../../main/api/index.ts';
import type { StatusText } from '../../components/grid/types.ts';

/** One word on how far a deployment has come. */
export function deploymentStatus(deployment: Deployment): StatusText {
  const { spec, status, metadata } = deployment;
  const conditions = status?.conditions ?? [];
  const failure = conditions.find(({ type, status: value }) => type === 'ReplicaFailure' && value === 'True');
  const stalled = conditions.find(({ type, reason }) => type === 'Progressing' && reason === 'ProgressDeadlineExceeded');
  const wanted = spec?.replicas ?? 1;
  if (metadata?.deletionTimestamp) return { text: 'Terminating', tone: 'warn' };
  if (failure) return { text: failure.reason ?? 'ReplicaFailure', tone: 'bad', title: failure.message ?? '', means: failure.reason === 'FailedCreate' ? 'workload.refusedWhy' : undefined };
  if (stalled) return { text: 'ProgressDeadlineExceeded', tone: 'bad', title: stalled.message ?? '' };
  if (spec?.paused) return { text: 'Paused', tone: 'idle' };
  if ((status?.observedGeneration ?? 0) < (metadata?.generation ?? 0) || (status?.updatedReplicas ?? 0) < wanted || (status?.replicas ?? 0) > (status?.updatedReplicas ?? 0))
    return { text: 'Progressing', tone: 'info' };
  if ((status?.availableReplicas ?? 0) < wanted) return { text: 'Unavailable', tone: 'warn' };
  if (wanted === 0) return { text: 'Scaled to 0', tone: 'idle' };
  return { text: 'Available', tone: 'ok' };
}
