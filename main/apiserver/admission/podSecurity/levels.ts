/* What a namespace's labels ask of its pods. Mirrors k8s.io/pod-security-admission/api/helpers.go. */

export const levels = ['privileged', 'baseline', 'restricted'] as const;
export type Level = (typeof levels)[number];

/** A level as of a minor version of Kubernetes; Infinity: the latest. */
export interface LevelVersion {
  level: Level;
  minor: number;
}

export interface Policy {
  enforce: LevelVersion;
  audit: LevelVersion;
  warn: LevelVersion;
}

/** A label that says nothing. */
export interface LabelProblem {
  label: string;
  value: string;
  why: string;
}

const prefix = 'pod-security.kubernetes.io/';

export const shown = ({ level, minor }: LevelVersion) => `${level}:${minor === Infinity ? 'latest' : `v1.${minor}`}`;
export const isSame = (a: LevelVersion, b: LevelVersion) => a.level === b.level && a.minor === b.minor;
export const stricter = (a: Level, b: Level) => levels.indexOf(a) - levels.indexOf(b);

/** Labels that cannot be read are taken for the strictest of what is enforced, and for nothing of what is only told. */
export function policyOf(labels: Record<string, string> | undefined): { policy: Policy; problems: LabelProblem[] } {
  const free = (): LevelVersion => ({ level: 'privileged', minor: Infinity });
  const policy: Policy = { enforce: free(), audit: free(), warn: free() };
  const problems: LabelProblem[] = [];
  if (!labels) return { policy, problems };
  let enforced = false;
  for (const mode of ['enforce', 'audit', 'warn'] as const) {
    const level = labels[prefix + mode];
    if (level !== undefined) {
      const valid = (levels as readonly string[]).includes(level);
      policy[mode].level = valid ? (level as Level) : mode === 'enforce' ? 'restricted' : 'privileged';
      if (mode === 'enforce') enforced = valid;
      if (!valid) problems.push({ label: prefix + mode, value: level, why: `must be one of ${levels.join(', ')}` });
    }
    const version = labels[`${prefix}${mode}-version`];
    if (version === undefined) continue;
    const minor = /^v1\.(0|[1-9]\d*)$/.exec(version)?.[1];
    if (minor !== undefined) policy[mode].minor = Number(minor);
    else if (version !== 'latest') problems.push({ label: `${prefix}${mode}-version`, value: version, why: 'must be "latest" or "v1.x"' });
  }
  // What is enforced is warned of as well: controllers' pods are refused later.
  if (labels[`${prefix}warn`] === undefined && enforced && stricter(policy.enforce.level, policy.warn.level) > 0) {
    policy.warn.level = policy.enforce.level;
    if (labels[`${prefix}warn-version`] === undefined) policy.warn.minor = policy.enforce.minor;
  }
  return { policy, problems };
}
