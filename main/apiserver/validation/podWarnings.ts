import { equalJson } from '../../api/json.ts';
import type { AppArmorProfile, Container, ContainerPort, ObjectMeta, PodAffinityTerm, PodSpec, PodTemplateSpec, Volume } from '../../api/index.ts';
import { isDns1123Label } from '../../api/names.ts';
import { deprecatedNodeLabels, nodeSelectorTermWarnings } from './nodeLabelWarnings.ts';
import { appArmorOfContainer, seccompOfContainer, seccompOfPod } from './podAnnotations.ts';
import { fractionalBytes } from './resources.ts';
import { ipWarnings } from './warnings.ts';
import { claimSpecWarnings, deprecatedSources, overlappingPathWarnings } from './volumeWarnings.ts';

/* Mirrors pkg/api/pod/warnings.go. */

const deprecatedVolumes: Partial<Record<keyof Volume, readonly [field: string, text: string]>> = {
  photonPersistentDisk: deprecatedSources.photonPersistentDisk,
  gitRepo: ['gitRepo', 'deprecated in v1.11, and disabled by default in v1.33+'],
  scaleIO: deprecatedSources.scaleIO,
  flocker: ['flocker', 'deprecated in v1.22, non-functional in v1.25+'],
  storageos: deprecatedSources.storageos,
  quobyte: ['quobyte', 'deprecated in v1.22, non-functional in v1.25+'],
  glusterfs: deprecatedSources.glusterfs,
  cephfs: deprecatedSources.cephfs,
  rbd: deprecatedSources.rbd,
};

const deprecatedAnnotations: Record<string, string> = {
  'scheduler.alpha.kubernetes.io/critical-pod': 'non-functional in v1.16+; use the "priorityClassName" field instead',
  'security.alpha.kubernetes.io/sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
  'security.alpha.kubernetes.io/unsafe-sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
};

export const appArmorDeprecated = 'deprecated since v1.30; use the "appArmorProfile" field instead';

/** A name that pods can have, but that is no name of a host. */
export function podNameWarnings(name: string | undefined, use = 'Pod names and hostnames'): string[] {
  const problems = isDns1123Label(name ?? '');
  if (problems.length === 0) return [];
  return [`metadata.name: this is used in ${use}, which can result in surprising behavior; a DNS label is recommended: [${problems.join(' ')}]`];
}

/** Of what makes pods named after itself; the name is looked at when it is new. */
export function workloadWarnings(field: string, { metadata }: { metadata?: ObjectMeta }, template: PodTemplateSpec | undefined, old: PodTemplateSpec | undefined): string[] {
  return [...(old ? [] : podNameWarnings(metadata?.name)), ...podTemplateWarnings(field, template, old)];
}

/** Of a pod template at `field`; none where the spec is what it was. */
export function podTemplateWarnings(field: string, template: PodTemplateSpec | undefined, old: PodTemplateSpec | undefined): string[] {
  return podWarnings(`${field}.spec`, template?.spec, template?.metadata, old?.spec);
}

/** `field` is where the pod's spec lies. */
export function podWarnings(field: string, spec: PodSpec | undefined, metadata: ObjectMeta | undefined, old: PodSpec | undefined): string[] {
  if (!spec || (old && equalJson(spec, old))) return [];
  const warnings: string[] = [];
  const warn = (path: string, text: string) => warnings.push(`${path}: ${text}`);
  for (const key in spec.nodeSelector)
    if (deprecatedNodeLabels[key]) warn(`${field}.nodeSelector[${key}]`, deprecatedNodeLabels[key]);
  const { requiredDuringSchedulingIgnoredDuringExecution: required, preferredDuringSchedulingIgnoredDuringExecution: preferred } = spec.affinity?.nodeAffinity ?? {};
  const nodeAffinity = `${field}.affinity.nodeAffinity`;
  required?.nodeSelectorTerms.forEach((term, i) =>
    warnings.push(...nodeSelectorTermWarnings(`${nodeAffinity}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[${i}]`, term, false)),
  );
  preferred?.forEach(({ preference }, i) =>
    warnings.push(...nodeSelectorTermWarnings(`${nodeAffinity}.preferredDuringSchedulingIgnoredDuringExecution[${i}].preference`, preference, true)),
  );
  spec.topologySpreadConstraints?.forEach((constraint, i) => {
    const path = `${field}.topologySpreadConstraints[${i}]`;
    const deprecated = deprecatedNodeLabels[constraint.topologyKey];
    if (deprecated) warn(`${path}.topologyKey`, `${constraint.topologyKey} is ${deprecated}`);
    if (!constraint.labelSelector) warn(`${path}.labelSelector`, 'a null labelSelector results in matching no pod');
  });
  const metadataPath = field === 'spec' ? 'metadata' : field.replace(/spec$/, 'metadata');
  for (const key in deprecatedAnnotations)
    if (metadata?.annotations?.[key] !== undefined) warn(`${metadataPath}.annotations[${key}]`, deprecatedAnnotations[key]!);
  spec.volumes?.forEach((volume, i) => {
    for (const key in volume) {
      const deprecated = deprecatedVolumes[key as keyof Volume];
      if (deprecated) warn(`${field}.volumes[${i}].${deprecated[0]}`, deprecated[1]);
    }
    const claim = volume.ephemeral?.volumeClaimTemplate?.spec;
    if (claim) warnings.push(...claimSpecWarnings(`${field}.volumes[${i}].ephemeral.volumeClaimTemplate.spec`, claim));
  });
  if (spec.volumes) warnings.push(...overlappingPathWarnings(spec.volumes));
  spec.dnsConfig?.nameservers?.forEach((ip, i) => warnings.push(...ipWarnings(`spec.dnsConfig.nameservers[${i}]`, ip)));
  spec.hostAliases?.forEach(({ ip }, i) => warnings.push(...ipWarnings(`spec.hostAliases[${i}].ip`, ip)));
  duplicates(spec.hostAliases, (alias) => alias.ip, (i, ip) => warn(`${field}.hostAliases[${i}].ip`, `duplicate ip ${JSON.stringify(ip)}`));
  duplicates(spec.imagePullSecrets, (secret) => secret.name ?? '', (i, name) =>
    warn(`${field}.imagePullSecrets[${i}].name`, `duplicate name ${JSON.stringify(name)}`),
  );
  spec.imagePullSecrets?.forEach((secret, i) => {
    if (!secret.name) warn(`${field}.imagePullSecrets[${i}].name`, 'invalid empty name ""');
  });
  fractionalBytes(spec.overhead, (name, text) => warn(`${field}.overhead[${name}]`, text));
  if (!spec.securityContext?.seccompProfile && metadata?.annotations?.[seccompOfPod] !== undefined)
    warn(`${metadataPath}.annotations[${seccompOfPod}]`, seccompGone);
  const containers = visit(field, spec);
  for (const [path, container] of containers) {
    profileWarnings(field, spec, container, metadata, (key, text) => warn(`${metadataPath}.annotations[${key}]`, text));
    containerWarnings(path, container, warn);
  }
  portWarnings(containers, warn);
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0)
    warn(`${field}.terminationGracePeriodSeconds`, 'must be >= 0; negative values are invalid and will be treated as 1');
  affinityWarnings(field, spec, warn);
  return warnings;
}

type Warn = (path: string, text: string) => void;

function visit(field: string, spec: PodSpec): [string, Container][] {
  const found: [string, Container][] = [];
  for (const kind of ['initContainers', 'containers', 'ephemeralContainers'] as const)
    spec[kind]?.forEach((container, i) => found.push([`${field}.${kind}[${i}]`, container]));
  return found;
}

function duplicates<T>(items: T[] | undefined, key: (item: T) => string, found: (i: number, key: string) => void): void {
  if (!items) return;
  const seen = new Set<string>();
  items.forEach((item, i) => {
    if (seen.has(key(item))) found(i, key(item));
    seen.add(key(item));
  });
}

const seccompGone = 'non-functional in v1.27+; use the "seccompProfile" field instead';

/** Profiles that are given by annotations. Those of pods for AppArmor are told of where they become fields. */
function profileWarnings(field: string, spec: PodSpec, container: Container, metadata: ObjectMeta | undefined, warn: Warn): void {
  const seccomp = `${seccompOfContainer}${container.name}`;
  if (!container.securityContext?.seccompProfile && metadata?.annotations?.[seccomp] !== undefined) warn(seccomp, seccompGone);
  const appArmor = `${appArmorOfContainer}${container.name}`;
  const value = metadata?.annotations?.[appArmor];
  if (field === 'spec' || container.securityContext?.appArmorProfile || value === undefined) return;
  const ofPod = spec.securityContext?.appArmorProfile;
  if (!ofPod || !equalJson(ofPod, appArmorProfileOf(value))) warn(appArmor, appArmorDeprecated);
}

/** The profile that an annotation means; undefined: none. Mirrors pkg/api/pod/util.go (ApparmorFieldForAnnotation). */
export function appArmorProfileOf(annotation: string): AppArmorProfile | undefined {
  if (annotation === 'unconfined') return { type: 'Unconfined' };
  if (annotation === 'runtime/default') return { type: 'RuntimeDefault' };
  const localhostProfile = annotation.startsWith('localhost/') ? annotation.slice('localhost/'.length) : '';
  return localhostProfile ? { type: 'Localhost', localhostProfile } : undefined;
}

function containerWarnings(path: string, container: Container, warn: Warn): void {
  for (const what of ['limits', 'requests'] as const)
    fractionalBytes(container.resources?.[what], (name, text) => warn(`${path}.resources.${what}[${name}]`, text));
  if (!container.env) return;
  const seen = new Set<string>();
  container.env.forEach((variable, i) => {
    const reference = `$(${variable.name})`;
    const hides = variable.valueFrom !== undefined || variable.value === reference || !variable.value?.includes(reference);
    if (seen.has(variable.name) && hides)
      warn(`${path}.env[${i}]`, `hides previous definition of ${JSON.stringify(variable.name)}, which may be dropped when using apply`);
    seen.add(variable.name);
  });
}

/** A structure as Go's `%+v` prints it. */
const goFields = ({ name = '', hostPort = 0, containerPort, protocol = '', hostIP = '' }: ContainerPort): string =>
  `{Name:${name} HostPort:${hostPort} ContainerPort:${containerPort} Protocol:${protocol} HostIP:${hostIP}}`;

function portWarnings(containers: [string, Container][], warn: Warn): void {
  const taken = new Map<string, { path: string; port: ContainerPort }[]>();
  const names = new Map<string, string>();
  for (const [containerPath, container] of containers)
    container.ports?.forEach((port, i) => {
      const path = `${containerPath}.ports[${i}]`;
      if (port.hostIP && !port.hostPort) warn(path, `hostIP set without hostPort: ${goFields(port)}`);
      const key = `${port.containerPort}/${port.protocol}`;
      const others = taken.get(key) ?? [];
      for (const other of others) {
        const [ip, otherIp] = [port.hostIP ?? '', other.port.hostIP ?? ''];
        const [host, otherHost] = [port.hostPort ?? 0, other.port.hostPort ?? 0];
        if (ip === otherIp && host === otherHost) warn(path, `duplicate port definition with ${other.path}`);
        else if (!host || !otherHost) warn(path, `overlapping port definition with ${other.path}`);
        else if (host === otherHost && !ip !== !otherIp) warn(path, `dangerously ambiguous port definition with ${other.path}`);
      }
      taken.set(key, [...others, { path, port }]);
      if (!port.name) return;
      const first = names.get(port.name);
      if (first)
        warn(path, `duplicate port name ${JSON.stringify(port.name)} with ${first}, services and probes that select ports by name will use ${first}`);
      else names.set(port.name, path);
    });
}

function affinityWarnings(field: string, spec: PodSpec, warn: Warn): void {
  if (!spec.affinity) return;
  const none = 'a null labelSelector results in matching no pod';
  for (const kind of ['podAffinity', 'podAntiAffinity'] as const) {
    const path = `${field}.affinity.${kind}`;
    spec.affinity?.[kind]?.requiredDuringSchedulingIgnoredDuringExecution?.forEach((term: PodAffinityTerm, i) => {
      if (!term.labelSelector) warn(`${path}.requiredDuringSchedulingIgnoredDuringExecution[${i}].labelSelector`, none);
    });
    spec.affinity?.[kind]?.preferredDuringSchedulingIgnoredDuringExecution?.forEach((term, i) => {
      if (!term.podAffinityTerm?.labelSelector)
        warn(`${path}.preferredDuringSchedulingIgnoredDuringExecution[${i}].podAffinityTerm.labelSelector`, none);
    });
  }
}
