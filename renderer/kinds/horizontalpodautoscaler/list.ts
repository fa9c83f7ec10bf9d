import type { V2HorizontalPodAutoscaler } from '../../../main/api/index.ts';
import { core } from '../../client/index.ts';
import { referenceRoute } from '../../routes.ts';
import { useDiscovery } from '../../stores/discovery.ts';
import { countColumn, stateColumns } from '../columns.ts';
import type { KindList } from '../types.ts';
import { metricsOf } from './metrics.ts';
import { autoscalerStatus } from './status.ts';

export const list: KindList<V2HorizontalPodAutoscaler> = {
  columns: stateColumns(core.horizontalPodAutoscalers, autoscalerStatus, [
    {
      id: 'target',
      title: 'autoscaler.target',
      width: 120,
      grow: 2,
      text: ({ spec }) => (spec ? `${spec.scaleTargetRef.kind}/${spec.scaleTargetRef.name}` : ''),
      to: ({ metadata, spec }) => spec && referenceRoute(useDiscovery().resources, { ...spec.scaleTargetRef, namespace: metadata?.namespace ?? '' }),
    },
    { id: 'metrics', title: 'autoscaler.metrics', width: 130, grow: 2, keep: 4, text: (scaler) => metricsOf(scaler).map(({ name, current, target }) => `${name}: ${current || '–'} / ${target}`).join(', ') },
    { ...countColumn<V2HorizontalPodAutoscaler>('replicas', 'rollout.replicas', ({ status }) => status?.currentReplicas ?? 0), width: 84 },
    { id: 'range', title: 'autoscaler.range', width: 84, text: ({ spec }) => (spec ? `${spec.minReplicas ?? 1} – ${spec.maxReplicas}` : '') },
  ], 150),
};
