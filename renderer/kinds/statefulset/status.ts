import type { StatefulSet } from '../../../main/api/index.ts';
import type { StatusText } from '../../components/grid/types.ts';

/** One word on how far a StatefulSet has come, by what `kubectl rollout status` goes by (StatefulSetStatusViewer of kubectl's rollout_status.go). */
export function statefulSetStatus({ metadata, spec, status }: StatefulSet): StatusText {
  const wanted = spec?.replicas ?? 1;
  const updated = status?.updatedReplicas ?? 0;
  const partition = spec?.updateStrategy?.rollingUpdate?.partition ?? 0;
  const isRolling = spec?.updateStrategy?.type !== 'OnDelete';
  if (metadata?.deletionTimestamp) return { text: 'Terminating', tone: 'warn' };
  if ((status?.observedGeneration ?? 0) < (metadata?.generation ?? 0) || (status?.replicas ?? 0) > wanted) return { text: 'Progressing', tone: 'info' };
  if (wanted === 0) return { text: 'Scaled to 0', tone: 'idle' };
  if ((status?.readyReplicas ?? 0) < wanted) return { text: 'Unavailable', tone: 'warn' };
  if (isRolling && status?.updateRevision !== status?.currentRevision && updated < wanted - partition) return { text: 'Progressing', tone: 'info' };
  return { text: 'Available', tone: 'ok' };
}
