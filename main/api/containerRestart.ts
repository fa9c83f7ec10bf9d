import type { Container, PodSpec } from './index.ts';

/**
 * Whether a container that ended with `exitCode` is started again: by its own rules and policy, else by the pod's.
 * Mirrors pkg/api/v1/pod/util.go (ContainerShouldRestart).
 */
export function shouldRestart(container: Container, spec: PodSpec, exitCode: number): boolean {
  // Each action that there is starts it again, alone or with all others.
  if (restartAction(container, exitCode)) return true;
  switch (container.restartPolicy ?? spec.restartPolicy ?? 'Always') {
    case 'Always':
      return true;
    case 'OnFailure':
      return exitCode !== 0;
    default:
      return false;
  }
}

/** What the first of a container's rules that fits wants done after it ended with `exitCode`. Mirrors FindMatchingContainerRestartRule. */
export function restartAction(container: Container, exitCode: number): string | undefined {
  return container.restartPolicyRules?.find(({ exitCodes }) => {
    const values = exitCodes?.values ?? [];
    return exitCodes && (exitCodes.operator === 'NotIn' ? !values.includes(exitCode) : values.includes(exitCode));
  })?.action;
}
