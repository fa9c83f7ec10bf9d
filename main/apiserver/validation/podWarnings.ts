import { equalJson } from '../../api/json.ts';
import type { Container, ContainerPort, ObjectMeta, PodAffinityTerm, PodSpec, PodTemplateSpec, Volume } from '../../api/index.ts';
import { quantityOf } from './resources.ts';

/* Mirrors pkg/api/pod/warnings.go. */

const deprecatedVolumes: Partial<Record<keyof Volume, [field: string, text: string]>> = {
  photonPersistentDisk: ['photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  gitRepo: ['gitRepo', 'deprecated in v1.11, and disabled by default in v1.33+'],
  scaleIO: ['scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  flocker: ['flocker', 'deprecated in v1.22, non-functional in v1.25+'],
  storageos: ['storageOS', 'deprecated in v1.22, non-functional in v1.25+'],
  quobyte: ['quobyte', 'deprecated in v1.22, non-functional in v1.25+'],
  glusterfs: ['glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  cephfs: ['cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  rbd: ['rbd', 'deprecated in v1.28, non-functional in v1.31+'],
};

/** Labels of nodes that have newer names (pkg/api/node/util.go). */
const deprecatedNodeLabels: Record<string, string> = {
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region': 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone': 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type': 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
};

const deprecatedAnnotations: Record<string, string> = {
  'scheduler.alpha.kubernetes.io/critical-pod': 'non-functional in v1.16+; use the "priorityClassName" field instead',
  'security.alpha.kubernetes.io/sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
  'security.alpha.kubernetes.io/unsafe-sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
};

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
    for (const key of Object.keys(volume) as (keyof Volume)[]) {
      const deprecated = deprecatedVolumes[key];
      if (deprecated) warn(`${field}.volumes[${i}].${deprecated[0]}`, deprecated[1]);
    }
  });
  duplicates(spec.hostAliases, (alias) => alias.ip, (i, ip) => warn(`${field}.hostAliases[${i}].ip`, `duplicate ip ${JSON.stringify(ip)}`));
  duplicates(spec.imagePullSecrets, (secret) => secret.name ?? '', (i, name) =>
    warn(`${field}.imagePullSecrets[${i}].name`, `duplicate name ${JSON.stringify(name)}`),
  );
  spec.imagePullSecrets?.forEach((secret, i) => {
    if (!secret.name) warn(`${field}.imagePullSecrets[${i}].name`, 'invalid empty name ""');
  });
  const containers = visit(field, spec);
  for (const [path, container] of containers) containerWarnings(path, container, warn);
  portWarnings(containers, warn);
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0)
    warn(`${field}.terminationGracePeriodSeconds`, 'must be >= 0; negative values are invalid and will be treated as 1');
  affinityWarnings(field, spec, warn);
  return warnings;
}

type Warn = (path: string, text: string) => void;

function visit(field: string, spec: PodSpec): [string, Container][] {
  return (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((kind) =>
    (spec[kind] ?? []).map((container, i): [string, Container] => [`${field}.${kind}[${i}]`, container]),
  );
}

function duplicates<T>(items: T[] | undefined, key: (item: T) => string, found: (i: number, key: string) => void): void {
  const seen = new Set<string>();
  items?.forEach((item, i) => {
    if (seen.has(key(item))) found(i, key(item));
    seen.add(key(item));
  });
}

function containerWarnings(path: string, container: Container, warn: Warn): void {
  for (const what of ['limits', 'requests'] as const)
    for (const name of ['memory', 'ephemeral-storage']) {
      const text = container.resources?.[what]?.[name];
      const quantity = text === undefined ? undefined : quantityOf(text);
      if (quantity && quantity.milliValue() % 1000 !== 0)
        warn(`${path}.resources.${what}[${name}]`, `fractional byte value ${JSON.stringify(quantity.toString())} is invalid, must be an integer`);
    }
  const seen = new Set<string>();
  container.env?.forEach((variable, i) => {
    const reference = `$(${variable.name})`;
    const hides = variable.valueFrom !== undefined || variable.value === reference || !variable.value?.includes(reference);
    if (seen.has(variable.name) && hides)
      warn(`${path}.env[${i}]`, `hides previous definition of ${JSON.stringify(variable.name)}, which may be dropped when using apply`);
    seen.add(variable.name);
  });
}

function portWarnings(containers: [string, Container][], warn: Warn): void {
  const taken = new Map<string, { path: string; port: ContainerPort }[]>();
  const names = new Map<string, string>();
  for (const [containerPath, container] of containers)
    container.ports?.forEach((port, i) => {
      const path = `${containerPath}.ports[${i}]`;
      if (port.hostIP && !port.hostPort) warn(path, `hostIP set without hostPort: ${JSON.stringify(port)}`);
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
