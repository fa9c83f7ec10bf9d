import type { Namespace, ObjectMeta, Pod, PodSpec, PodTemplateSpec } from '../../../api/index.ts';
import { controllerOf, type KubeObject } from '../../../api/meta.ts';
import { internalError, invalid } from '../../../api/status.ts';
import { FieldErrors } from '../../validation/field.ts';
import { as, is, reject } from '../attributes.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '../types.ts';
import { details, reasons, violations, type Violation } from './checks.ts';
import { isSame, policyOf, shown, stricter, type LevelVersion, type Policy } from './levels.ts';

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

/**
 * Pods keep to the level that their namespace's labels ask for, or their writers are told that they do not.
 * Mirrors k8s.io/pod-security-admission/admission/admission.go.
 */
export const podSecurity: AdmissionPlugin = {
  name: 'PodSecurity',
  handles(operation, resource, subresource) {
    if (operation !== 'CREATE' && operation !== 'UPDATE') return false;
    if (is(resource, '', 'pods')) return !ignoredParts.has(subresource);
    return !subresource && (is(resource, '', 'namespaces') || `${resource.group}/${resource.resource}` in controllers);
  },
  async validate(attributes) {
    const { resource } = attributes;
    if (is(resource, '', 'namespaces')) return judgeNamespace(attributes);
    const namespace = await attributes.objects.get<Namespace>({ group: '', version: 'v1', resource: 'namespaces' }, '', attributes.namespace);
    const isPod = is(resource, '', 'pods');
    if (!namespace && isPod) throw internalError(`failed to lookup namespace ${JSON.stringify(attributes.namespace)}`);
    const { policy, problems } = policyOf(namespace?.metadata?.labels);
    const modes = [policy.warn, policy.audit, ...(isPod ? [policy.enforce] : [])];
    if (!problems.length && modes.every(({ level }) => level === 'privileged')) return;
    if (problems.length)
      attributes.context.auditAnnotations[`${notes}/error`] = `Failed to parse policy: ${problems.map(({ label, value, why }) => `metadata.labels[${label}]: Invalid value: ${JSON.stringify(value)}: ${why}`).join(', ')}`;
    if (!isPod) {
      const template = controllers[`${resource.group}/${resource.resource}`]!(attributes.object!);
      if (template) judge(attributes, policy, template.metadata ?? {}, template.spec ?? { containers: [] }, false);
      return;
    }
    const pod = as<Pod>(attributes.object);
    if (attributes.operation === 'UPDATE' && !isSignificant(pod, as<Pod>(attributes.oldObject))) return;
    judge(attributes, policy, pod.metadata ?? {}, pod.spec ?? { containers: [] }, true);
  },
};

function specTemplate(object: KubeObject): PodTemplateSpec | undefined {
  return (object as { spec?: { template?: PodTemplateSpec } }).spec?.template;
}

function judge(attributes: AdmissionAttributes, policy: Policy, metadata: ObjectMeta, spec: PodSpec, enforce: boolean): void {
  const known = new Map<string, Violation[]>();
  const found = (mode: LevelVersion) => {
    const key = shown(mode);
    let result = known.get(key);
    if (!result) known.set(key, (result = violations(mode, metadata, spec)));
    return result;
  };
  const { auditAnnotations, warnings } = attributes.context;
  if (enforce) auditAnnotations[`${notes}/enforce-policy`] = shown(policy.enforce);
  if (found(policy.audit).length) auditAnnotations[`${notes}/audit-violations`] = `would violate PodSecurity ${JSON.stringify(shown(policy.audit))}: ${details(found(policy.audit))}`;
  if (enforce && found(policy.enforce).length) throw reject(attributes, `violates PodSecurity ${JSON.stringify(shown(policy.enforce))}: ${details(found(policy.enforce))}`);
  if (found(policy.warn).length) warnings.push(`would violate PodSecurity ${JSON.stringify(shown(policy.warn))}: ${details(found(policy.warn))}`);
}

/** Labels must make sense, and who makes them stricter hears which pods would not be allowed any more. */
async function judgeNamespace(attributes: AdmissionAttributes): Promise<void> {
  const { operation, object, oldObject, name, objects, context, resource } = attributes;
  const { policy, problems } = policyOf(object!.metadata?.labels);
  const before = operation === 'UPDATE' ? policyOf(oldObject!.metadata?.labels) : undefined;
  if (problems.length && JSON.stringify(problems) !== JSON.stringify(before?.problems)) {
    const errors = new FieldErrors();
    for (const { label, value, why } of problems) errors.invalid(`metadata.labels[${label}]`, value, why);
    throw invalid({ group: resource.group, kind: resource.kind }, name, errors.all);
  }
  if (!before) return;
  const { enforce } = policy;
  const old = before.policy.enforce;
  if (isSame(enforce, old) || enforce.level === 'privileged' || (enforce.minor === old.minor && stricter(enforce.level, old.level) < 1)) return;
  context.warnings.push(...existing(await objects.list<Pod>({ group: '', version: 'v1', resource: 'pods' }, name), name, enforce));
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
