import type { DeviceTaint, DeviceToleration } from './index.ts';

/** Mirrors k8s.io/dynamic-resource-allocation/resourceclaim (ToleratesTaint). */
export function toleratesDeviceTaint({ key, operator = 'Equal', value, effect }: DeviceToleration, taint: DeviceTaint): boolean {
  if ((effect && effect !== taint.effect) || (key && key !== taint.key)) return false;
  return operator === 'Exists' || (operator === 'Equal' && (value ?? '') === (taint.value ?? ''));
}
