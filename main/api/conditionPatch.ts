import type { Pod } from './index.ts';

/**
 * What a strategic merge patch of a pod's status says of one condition: those that are there keep their order, and a new
 * one comes last, as with the patches that client-go makes.
 */
export function conditionPatch<C extends { type: string }>({ status }: Pod, condition: C) {
  const types = (status?.conditions ?? []).map(({ type }) => type);
  if (!types.includes(condition.type)) types.push(condition.type);
  return { '$setElementOrder/conditions': types.map((type) => ({ type })), conditions: [condition] };
}
