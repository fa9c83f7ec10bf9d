import { isDns1123Label, isDns1123Subdomain } from '../../../api/names.ts';
import { aggregate, fileKind, listOf, messageOf, objectOf, readFileOf, structure, text } from '../configuration/read.ts';
import { FieldErrors } from '../../validation/field.ts';
import { levelProblem, minorOf, versionProblem, type Level, type LevelVersion, type Policy } from './levels.ts';

/** What holds where a namespace says nothing, and for whom nothing holds. */
export interface PodSecurityConfiguration {
  defaults: Policy;
  exempt: {
    usernames: ReadonlySet<string>;
    namespaces: ReadonlySet<string>;
    runtimeClasses: ReadonlySet<string>;
  };
}

type Mode = keyof Policy;
interface Given {
  defaults?: Partial<Record<Mode | `${Mode}-version`, string>>;
  exemptions?: { usernames?: string[]; namespaces?: string[]; runtimeClasses?: string[] };
}

const modes = ['enforce', 'warn', 'audit'] as const;
const kind = fileKind(
  ['v1', 'v1beta1', 'v1alpha1'].map((version) => `pod-security.admission.config.k8s.io/${version} PodSecurityConfiguration`),
  'k8s.io/pod-security-admission/admission/api/scheme/scheme.go:31',
  'PodSecurityConfiguration',
  {
    defaults: objectOf(structure('PodSecurityDefaults', Object.fromEntries(modes.flatMap((mode) => [[mode, text], [`${mode}-version`, text]])))),
    exemptions: objectOf(structure('PodSecurityExemptions', { usernames: listOf(text), namespaces: listOf(text), runtimeClasses: listOf(text) })),
  },
);

/** What was read cannot be used; upstream finds that out only when the plugin is set up. */
export class InvalidConfiguration extends Error {}

/** Throws an Error that says what is wrong. Mirrors k8s.io/pod-security-admission/admission/api/{load,validation}. */
export function readPodSecurity(content: string): PodSecurityConfiguration {
  if (content === '') return podSecurityConfiguration({});
  const given = readFileOf(kind, content) as Given;
  const problems = (['enforce', 'audit', 'warn'] as const).flatMap((mode) => {
    const { [mode]: level, [`${mode}-version` as const]: version } = given.defaults ?? {};
    const [ofLevel, ofVersion] = [level && levelProblem(level), version && versionProblem(version)];
    return [...(ofLevel ? [`${mode}: ${ofLevel}`] : []), ...(ofVersion ? [`${mode}-version: ${ofVersion}`] : [])];
  });
  if (problems.length > 0) throw new InvalidConfiguration(`PodSecurity configuration error: ${aggregate(problems)}`);
  const errors = new FieldErrors();
  const { namespaces, runtimeClasses, usernames } = given.exemptions ?? {};
  checkNames(errors, 'exemptions.namespaces', namespaces, isDns1123Label);
  checkNames(errors, 'exemptions.runtimeClasses', runtimeClasses, isDns1123Subdomain);
  checkNames(errors, 'exemptions.usernames', usernames, (name) => (name ? [] : ['username must not be empty']));
  if (errors.length > 0) throw new InvalidConfiguration(`PodSecurity invalid: ${messageOf(errors)}`);
  return podSecurityConfiguration(given);
}

export function podSecurityConfiguration({ defaults = {}, exemptions = {} }: Given): PodSecurityConfiguration {
  const of = (mode: Mode): LevelVersion => ({ level: (defaults[mode] || 'privileged') as Level, minor: minorOf(defaults[`${mode}-version`] || 'latest')! });
  return {
    defaults: { enforce: of('enforce'), audit: of('audit'), warn: of('warn') },
    exempt: {
      usernames: new Set(exemptions.usernames),
      namespaces: new Set(exemptions.namespaces),
      runtimeClasses: new Set(exemptions.runtimeClasses),
    },
  };
}

function checkNames(errors: FieldErrors, field: string, names: string[] = [], faultsOf: (name: string) => string[]): void {
  const seen = new Set<string>();
  for (const [i, name] of names.entries()) {
    const faults = faultsOf(name);
    if (faults.length > 0) errors.invalid(`${field}[${i}]`, name, faults.join(', '));
    else if (seen.has(name)) errors.duplicate(`${field}[${i}]`, name);
    else seen.add(name);
  }
}
