import type { V2HorizontalPodAutoscaler } from '../../../main/api/index.ts';
import type { StatusText } from '../../components/grid/types.ts';

/** What keeps an autoscaler from its work. */
export const obstacleOf = ({ status }: V2HorizontalPodAutoscaler) => status?.conditions?.find(({ type, status: value }) => (type === 'ScalingActive' || type === 'AbleToScale') && value === 'False');

/** Whether an autoscaler does its work, and if not, why. */
export function autoscalerStatus(scaler: V2HorizontalPodAutoscaler): StatusText {
  const obstacle = obstacleOf(scaler);
  if (scaler.metadata?.deletionTimestamp) return { text: 'Terminating', tone: 'warn' };
  // Scaled to zero by hand: that is how an autoscaler is switched off.
  if (obstacle?.reason === 'ScalingDisabled') return { text: 'ScalingDisabled', tone: 'idle', title: obstacle.message ?? '' };
  if (obstacle) return { text: obstacle.reason || obstacle.type, tone: 'bad', title: obstacle.message ?? '' };
  return scaler.status?.conditions?.length ? { text: 'Active', tone: 'ok' } : { text: 'Starting', tone: 'info' };
}
