import type {
  ContainerStatus,
  Pod,
  PodFailurePolicy,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyRule,
} from '../../api/index.ts';

export interface PolicyMatch {
  /** Why the whole Job fails, if it does. */
  message?: string;
  /** Whether the failure counts towards the limits. */
  counts: boolean;
  action?: string;
}

/** What the first rule that fits makes of a failed pod. Mirrors pkg/controller/job/pod_failure_policy.go. */
export function matchPodFailurePolicy(policy: PodFailurePolicy | undefined, pod: Pod): PolicyMatch {
  for (const [index, rule] of policy?.rules.entries() ?? []) {
    const why = reasonOf(rule, pod);
    if (why === undefined) continue;
    const { action } = rule;
    if (action === 'FailJob')
      return { message: `${why} matching FailJob rule at index ${index}`, counts: true, action };
    return { counts: action !== 'Ignore', action };
  }
  return { counts: true };
}

/** What of the pod fits the rule, in words. */
function reasonOf({ onExitCodes, onPodConditions }: PodFailurePolicyRule, pod: Pod): string | undefined {
  const name = `${pod.metadata!.namespace}/${pod.metadata!.name}`;
  if (onExitCodes) {
    const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
    const status = [...containerStatuses, ...initContainerStatuses].find((each) => fits(each, onExitCodes));
    return (
      status && `Container ${status.name} for pod ${name} failed with exit code ${status.state!.terminated!.exitCode}`
    );
  }
  const condition = pod.status?.conditions?.find(({ type, status }) =>
    onPodConditions?.some((pattern) => pattern.type === type && (pattern.status ?? 'True') === status),
  );
  return condition && `Pod ${name} has condition ${condition.type}`;
}

function fits(
  { name, state }: ContainerStatus,
  { containerName, operator, values }: PodFailurePolicyOnExitCodesRequirement,
): boolean {
  const code = state?.terminated?.exitCode;
  if (!code || (containerName !== undefined && containerName !== name)) return false;
  if (operator === 'In') return values.includes(code);
  return operator === 'NotIn' && !values.includes(code);
}
