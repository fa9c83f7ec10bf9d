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

const isLevel = (level: string): level is Level => (levels as readonly string[]).includes(level);

/** Why a text names no level; undefined: it does. */
export const levelProblem = (level: string) => (isLevel(level) ? undefined : `must be one of ${levels.join(', ')}`);

/** The minor version that a text names; undefined: it names none. */
export function minorOf(version: string): number | undefined {
  if (version === 'latest') return Infinity;
  const minor = /^v1\.(0|[1-9]\d*)$/.exec(version)?.[1];
  return minor === undefined ? undefined : Number(minor);
}

/** Why a text names no version; undefined: it does. */
export const versionProblem = (version: string) => (minorOf(version) === undefined ? 'must be "latest" or "v1.x"' : undefined);

/**
 * What a namespace's labels ask for, and `defaults` where they say nothing. Labels that cannot be read are taken for the strictest of
 * what is enforced, and for nothing of what is only told.
 */
export function policyOf(labels: Record<string, string> | undefined, defaults: Policy): { policy: Policy; problems: LabelProblem[] } {
  const policy: Policy = { enforce: { ...defaults.enforce }, audit: { ...defaults.audit }, warn: { ...defaults.warn } };
  const problems: LabelProblem[] = [];
  if (!labels) return { policy, problems };
  let enforced = false;
  for (const mode of ['enforce', 'audit', 'warn'] as const) {
    const level = labels[prefix + mode];
    if (level !== undefined) {
      policy[mode].level = isLevel(level) ? level : mode === 'enforce' ? 'restricted' : 'privileged';
      if (mode === 'enforce') enforced = isLevel(level);
      const why = levelProblem(level);
      if (why) problems.push({ label: prefix + mode, value: level, why });
    }
    const version = labels[`${prefix}${mode}-version`];
    if (version === undefined) continue;
    policy[mode].minor = minorOf(version) ?? Infinity;
    const why = versionProblem(version);
    if (why) problems.push({ label: `${prefix}${mode}-version`, value: version, why });
  }
  // What is enforced is warned of as well: controllers' pods are refused later.
  if (labels[`${prefix}warn`] === undefined && enforced && stricter(policy.enforce.level, policy.warn.level) > 0) {
    policy.warn.level = policy.enforce.level;
    if (labels[`${prefix}warn-version`] === undefined) policy.warn.minor = policy.enforce.minor;
  }
  return { policy, problems };
}
