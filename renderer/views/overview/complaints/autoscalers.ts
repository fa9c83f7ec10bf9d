import type { V2HorizontalPodAutoscaler } from '../../../../main/api/index.ts';
import { autoscalerStatus, obstacleOf } from '../../../kinds/horizontalpodautoscaler/status.ts';
import type { Complaint } from '../trouble.ts';

/** A new autoscaler has no measures yet, and one round without them passes; after so many milliseconds it cannot work. */
const patience = 60_000;

export function* ofAutoscalers(scalers: readonly V2HorizontalPodAutoscaler[], now: number): Iterable<Complaint> {
  for (const scaler of scalers) {
    const { namespace = '', name = '' } = scaler.metadata ?? {};
    const { text, tone, title = '', means } = autoscalerStatus(scaler);
    if (tone !== 'bad' || now - Date.parse(obstacleOf(scaler)?.lastTransitionTime ?? '') < patience) continue;
    yield { namespace, name, kind: 'HorizontalPodAutoscaler', word: text, tone, why: title, means, group: `${namespace}/${name}/HorizontalPodAutoscaler` };
  }
}
