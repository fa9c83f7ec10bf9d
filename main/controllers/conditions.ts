/** What conditions of all kinds share. */
export interface ConditionLike {
  type: string;
  status: string;
  reason?: string;
}

export function findCondition<C extends ConditionLike>(conditions: C[] | undefined, type: string): C | undefined {
  return conditions?.find((condition) => condition.type === type);
}

export function withoutCondition<C extends ConditionLike>(conditions: C[] | undefined, type: string): C[] | undefined {
  const rest = conditions?.filter((condition) => condition.type !== type);
  return rest?.length ? rest : undefined;
}

/** Puts the condition last, in the place of the one of its type; unless that one has the same status and reason. */
export function withCondition<C extends ConditionLike & { lastTransitionTime?: string }>(
  conditions: C[] | undefined,
  condition: C,
): C[] | undefined {
  const current = findCondition(conditions, condition.type);
  if (current && current.status === condition.status && current.reason === condition.reason) return conditions;
  const kept = current?.status === condition.status ? { lastTransitionTime: current.lastTransitionTime } : {};
  return [...(withoutCondition(conditions, condition.type) ?? []), { ...condition, ...kept }];
}
