import type { DaemonSet } from '../../../main/api/index.ts';
import type { StatusText } from '../../components/grid/types.ts';

/** One word on how far a DaemonSet has come, by what `kubectl rollout status` goes by (DaemonSetStatusViewer of kubectl's rollout_status.go). */
export function daemonSetStatus({ metadata, spec, status }: DaemonSet): StatusText {
  const wanted = status?.desiredNumberScheduled ?? 0;
  const isRolling = spec?.updateStrategy?.type !== 'OnDelete';
  if (metadata?.deletionTimestamp) return { text: 'Terminating', tone: 'warn' };
  if ((status?.observedGeneration ?? 0) < (metadata?.generation ?? 0)) return { text: 'Progressing', tone: 'info' };
  if (wanted === 0) return { text: 'No node', tone: 'idle' };
  if (isRolling && (status?.updatedNumberScheduled ?? 0) < wanted) return { text: 'Progressing', tone: 'info' };
  if ((status?.numberAvailable ?? 0) < wanted) return { text: 'Unavailable', tone: 'warn' };
  return { text: 'Available', tone: 'ok' };
}
