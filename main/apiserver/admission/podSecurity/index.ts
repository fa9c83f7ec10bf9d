import type { Namespace, ObjectMeta, Pod, PodSpec, PodTemplateSpec } from '../../../api/index.ts';
import { controllerOf, type KubeObject } from '../../../api/meta.ts';
import { internalError, invalid } from '../../../api/status.ts';
import { FieldErrors } from '../../validation/field.ts';
import { as, is, reject } from '../attributes.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '../types.ts';
import { details, reasons, violations, type Violation } from './checks.ts';
import type { PodSecurityConfiguration } from './configuration.ts';
import { isSame, policyOf, shown, stricter, type LabelProblem, type LevelVersion, type Policy } from './levels.ts';

const ignoredParts = new Set(['exec', 'attach', 'binding', 'eviction', 'log', 'portforward', 'proxy', 'status']);
/** Group and resource of what makes pods, and where its template lies. */
const controllers: Record<string, (object: KubeObject) => PodTemplateSpec | undefined> = {
  '/replicationcontrollers': specTemplate,
  '/podtemplates': (object) => (object as { template?: PodTemplateSpec }).template,
  'apps/replicasets': specTemplate,
  'apps/deployments': specTemplate,
  'apps/statefulsets': specTemplate,
  'apps/daemonsets': specTemplate,
  'batch/jobs': specTemplate,
  'batch/cronjobs': (object) => (object as { spec?: { jobTemplate?: { spec?: { template?: PodTemplateSpec } } } }).spec?.jobTemplate?.spec?.template,
};
const maxPodsToCheck = 3000;
const notes = 'pod-security.kubernetes.io';
const exemptNote = `${notes}/exempt`;

/**
 * Pods keep to the level that their namespace's labels ask for, or their writers are told that they do not.
 * Mirrors k8s.io/pod-security-admission/admission/admission.go.
 */
export const podSecurity = (configuration: PodSecurityConfiguration): AdmissionPlugin => ({
  name: 'PodSecurity',
  handles(operation, resource, subresource) {
    if (operation !== 'CREATE' && operation !== 'UPDATE') return false;
    if (is(resource, '', 'pods')) return !ignoredParts.has(subresource);
    return !subresource && (is(resource, '', 'namespaces') || `${resource.group}/${resource.resource}` in controllers);
  },
  async validate(attributes) {
    const { context, resource } = attributes;
    const { defaults, exempt } = configuration;
    if (is(resource, '', 'namespaces')) return judgeNamespace(attributes, configuration);
    const exemption = exempt.namespaces.has(attributes.namespace) ? 'namespace' : exempt.usernames.has(context.user.name) ? 'user' : undefined;
    if (exemption) return void (context.auditAnnotations[exemptNote] = exemption);
    const namespace = await attributes.objects.get<Namespace>({ group: '', version: 'v1', resource: 'namespaces' }, '', attributes.namespace);
    const isPod = is(resource, '', 'pods');
    if (!namespace && isPod) throw internalError(`failed to lookup namespace ${JSON.stringify(attributes.namespace)}`);
    const asked = policyOf(namespace?.metadata?.labels, defaults);
    const { policy, problems } = asked;
    const modes = [policy.warn, policy.audit, ...(isPod ? [policy.enforce] : [])];
    if (!problems.length && modes.every(({ level }) => level === 'privileged')) return;
    if (!isPod) {
      const template = controllers[`${resource.group}/${resource.resource}`]!(attributes.object!);
      if (template) judge(attributes, configuration, asked, template.metadata ?? {}, template.spec ?? { containers: [] }, false);
      return;
    }
    const pod = as<Pod>(attributes.object);
    if (attributes.operation === 'UPDATE' && !isSignificant(pod, as<Pod>(attributes.oldObject))) return;
    judge(attributes, configuration, asked, pod.metadata ?? {}, pod.spec ?? { containers: [] }, true);
  },
});

function specTemplate(object: KubeObject): PodTemplateSpec | undefined {
  return (object as { spec?: { template?: PodTemplateSpec } }).spec?.template;
}

/** What a namespace asks for, and what of that could not be read. */
interface Asked {
  policy: Policy;
  problems: LabelProblem[];
}

function judge(attributes: AdmissionAttributes, { exempt }: PodSecurityConfiguration, { policy, problems }: Asked, metadata: ObjectMeta, spec: PodSpec, enforce: boolean): void {
  const { auditAnnotations, warnings } = attributes.context;
  if (exempt.runtimeClasses.has(spec.runtimeClassName ?? '')) return void (auditAnnotations[exemptNote] = 'runtimeClass');
  if (problems.length > 0)
    auditAnnotations[`${notes}/error`] = `Failed to parse policy: ${problems.map(({ label, value, why }) => `metadata.labels[${label}]: Invalid value: ${JSON.stringify(value)}: ${why}`).join(', ')}`;
  const known = new Map<string, Violation[]>();
  const found = (mode: LevelVersion) => {
    const key = shown(mode);
    let result = known.get(key);
    if (!result) known.set(key, (result = violations(mode, metadata, spec)));
    return result;
  };
  if (enforce) auditAnnotations[`${notes}/enforce-policy`] = shown(policy.enforce);
  if (found(policy.audit).length) auditAnnotations[`${notes}/audit-violations`] = `would violate PodSecurity ${JSON.stringify(shown(policy.audit))}: ${details(found(policy.audit))}`;
  if (enforce && found(policy.enforce).length) throw reject(attributes, `violates PodSecurity ${JSON.stringify(shown(policy.enforce))}: ${details(found(policy.enforce))}`);
  if (found(policy.warn).length) warnings.push(`would violate PodSecurity ${JSON.stringify(shown(policy.warn))}: ${details(found(policy.warn))}`);
}

/** Labels must make sense, and who makes them stricter hears which pods would not be allowed any more. */
async function judgeNamespace(attributes: AdmissionAttributes, { defaults, exempt }: PodSecurityConfiguration): Promise<void> {
  const { operation, object, oldObject, name, objects, context, resource } = attributes;
  const labels = object!.metadata?.labels;
  const { policy, problems } = policyOf(labels, defaults);
  const before = operation === 'UPDATE' ? policyOf(oldObject!.metadata?.labels, defaults) : undefined;
  if (problems.length && JSON.stringify(problems) !== JSON.stringify(before?.problems)) {
    const errors = new FieldErrors();
    for (const { label, value, why } of problems) errors.invalid(`metadata.labels[${label}]`, value, why);
    throw invalid({ group: resource.group, kind: resource.kind }, name, errors.all);
  }
  const isExempt = exempt.namespaces.has(name);
  const ignored = isExempt ? ignoredPolicy(name, policy, defaults, labels) : [];
  if (!before) return void context.warnings.push(...ignored);
  const { enforce } = policy;
  const old = before.policy.enforce;
  if (isSame(enforce, old) || enforce.level === 'privileged' || (enforce.minor === old.minor && stricter(enforce.level, old.level) < 1)) return;
  if (isExempt) return void context.warnings.push(...ignored);
  const pods = await objects.list<Pod>({ group: '', version: 'v1', resource: 'pods' }, name);
  context.warnings.push(...existing(pods.filter(({ spec }) => !exempt.runtimeClasses.has(spec?.runtimeClassName ?? '')), name, enforce));
}

/** A word to who labels a namespace that is exempt. */
function ignoredPolicy(name: string, policy: Policy, defaults: Policy, labels: Record<string, string> = {}): string[] {
  const modes = ['enforce', 'audit', 'warn'] as const;
  const isFree = ({ level }: LevelVersion) => level === 'privileged';
  if (modes.every((mode) => isFree(policy[mode]))) return [];
  if (modes.every((mode) => isSame(policy[mode], defaults[mode]) || (isFree(policy[mode]) && isFree(defaults[mode])))) return [];
  const isLabelled = (mode: string) => labels[`${notes}/${mode}`] !== undefined || labels[`${notes}/${mode}-version`] !== undefined;
  const said = modes.filter((mode) => !isFree(policy[mode]) && isLabelled(mode)).map((mode) => `${mode}=${shown(policy[mode])}`);
  return [`namespace ${JSON.stringify(name)} is exempt from Pod Security, and the policy (${said.join(', ')}) will be ignored`];
}

function existing(all: Pod[], namespace: string, enforce: LevelVersion): string[] {
  // Of pods that belong together one says it all; it comes first.
  const owners = new Set<string>();
  const alone: Pod[] = [];
  const rest: Pod[] = [];
  for (const pod of all) {
    const owner = controllerOf(pod)?.uid;
    if (owner === undefined || !owners.has(owner)) alone.push(pod);
    else rest.push(pod);
    if (owner !== undefined) owners.add(owner);
  }
  const pods = [...alone, ...rest].slice(0, maxPodsToCheck);
  const byReason = new Map<string, string[]>();
  for (const { metadata, spec } of pods) {
    const why = reasons(violations(enforce, metadata!, spec!));
    if (why) byReason.set(why, [...(byReason.get(why) ?? []), metadata!.name!]);
  }
  const others = (count: number) => (count === 0 ? '' : count === 1 ? ' (and 1 other pod)' : ` (and ${count} other pods)`);
  return [
    ...(pods.length < all.length ? [`new PodSecurity enforce level only checked against the first ${pods.length} of ${all.length} existing pods`] : []),
    ...(byReason.size ? [`existing pods in namespace ${JSON.stringify(namespace)} violate the new PodSecurity enforce level ${JSON.stringify(shown(enforce))}`] : []),
    ...[...byReason].map(([why, names]) => `${names.sort()[0]!}${others(names.length - 1)}: ${why}`).sort(),
  ];
}

/** Whether an update changes what the rules look at: images, and containers that are added to debug. */
function isSignificant({ spec }: Pod, { spec: old }: Pod): boolean {
  const differs = (now: readonly { image?: string }[] = [], before: readonly { image?: string }[] = []) =>
    now.length !== before.length || now.some((container, i) => container.image !== before[i]!.image);
  if (differs(spec?.containers, old?.containers) || differs(spec?.initContainers, old?.initContainers)) return true;
  return (spec?.ephemeralContainers ?? []).some((container) => old?.ephemeralContainers?.find(({ name }) => name === container.name)?.image !== container.image);
}
