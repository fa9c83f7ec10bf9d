import type { Container, ObjectMeta, PodSpec, SecurityContext } from '../../../api/index.ts';
import type { Level, LevelVersion } from './levels.ts';

/* The rules of the Pod Security Standards. Mirrors k8s.io/pod-security-admission/policy. */

/** Why a pod is not allowed: in short, and what exactly. */
export interface Violation {
  reason: string;
  detail: string;
}

interface Subject {
  metadata: ObjectMeta;
  spec: PodSpec;
  /** Initializing ones first, debugging ones last. */
  containers: Container[];
}

type Judge = (pod: Subject) => Violation | undefined;

interface Check {
  id: string;
  level: Exclude<Level, 'privileged'>;
  /** From which minor version on it is judged how. */
  versions: [from: number, judge: Judge][];
  /** The weaker rule that it takes the place of. */
  overrides?: string;
}

const plural = (count: number, one: string, many: string) => (count === 1 ? one : many);
const quoted = (items: readonly string[]) => items.map((item) => `"${item}"`).join(', ');
const named = (containers: readonly string[]) => `${plural(containers.length, 'container', 'containers')} ${quoted(containers)}`;
const sorted = (items: Iterable<string>) => [...new Set(items)].sort();
const isWindows = ({ spec }: Subject) => spec.os?.name === 'windows';
/** The pod's root is nobody outside of it. */
const hasOwnUsers = ({ spec }: Subject) => spec.hostUsers === false;
const unless = (free: (pod: Subject) => boolean, judge: Judge): Judge => (pod) => (free(pod) ? undefined : judge(pod));

/** Names of the containers of which something is true. */
function where({ containers }: Subject, holds: (context: SecurityContext | undefined, container: Container) => boolean): string[] {
  return containers.filter((container) => holds(container.securityContext, container)).map(({ name }) => name);
}

/** `pod and containers "a", "b"`: who set something. */
function setters(pod: boolean, containers: string[]): string {
  return [...(pod ? ['pod'] : []), ...(containers.length ? [named(containers)] : [])].join(' and ');
}

const allowPrivilegeEscalation: Judge = (pod) => {
  const bad = where(pod, (context) => context?.allowPrivilegeEscalation !== false);
  return bad.length ? { reason: 'allowPrivilegeEscalation != false', detail: `${named(bad)} must set securityContext.allowPrivilegeEscalation=false` } : undefined;
};

const appArmorPrefix = 'container.apparmor.security.beta.kubernetes.io/';

const appArmorProfile: Judge = (pod) => {
  const isBad = (profile: { type?: string } | undefined) => !!profile && profile.type !== 'RuntimeDefault' && profile.type !== 'Localhost';
  const own = pod.spec.securityContext?.appArmorProfile;
  const bad = where(pod, (context) => isBad(context?.appArmorProfile));
  const values = sorted([...(isBad(own) ? [own!.type] : []), ...pod.containers.filter(({ name }) => bad.includes(name)).map((container) => container.securityContext!.appArmorProfile!.type)]);
  const annotations = Object.entries(pod.metadata.annotations ?? {})
    .filter(([key, value]) => key.startsWith(appArmorPrefix) && value !== '' && value !== 'runtime/default' && !value.startsWith('localhost/'))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .sort();
  const who = [setters(isBad(own), bad), annotations.length ? plural(annotations.length, 'annotation', 'annotations') : ''].filter(Boolean).join(' and ');
  const all = [...values, ...annotations];
  return who ? { reason: plural(all.length, 'forbidden AppArmor profile', 'forbidden AppArmor profiles'), detail: `${who} must not set AppArmor profile type to ${quoted(all)}` } : undefined;
};

const usualCapabilities = 'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT'.split(' ');

function added(pod: Subject, allowed: readonly string[]): string | undefined {
  const beyond = (context: SecurityContext | undefined) => (context?.capabilities?.add ?? []).filter((capability) => !allowed.includes(capability));
  const bad = where(pod, (context) => beyond(context).length > 0);
  const capabilities = sorted(pod.containers.flatMap((container) => beyond(container.securityContext)));
  return bad.length ? `${named(bad)} must not include ${quoted(capabilities)} in securityContext.capabilities.add` : undefined;
}

const capabilitiesBaseline: Judge = (pod) => {
  const detail = added(pod, usualCapabilities);
  return detail ? { reason: 'non-default capabilities', detail } : undefined;
};

const capabilitiesRestricted: Judge = (pod) => {
  const keeping = where(pod, (context) => !context?.capabilities?.drop?.includes('ALL'));
  const details = [keeping.length ? `${named(keeping)} must set securityContext.capabilities.drop=["ALL"]` : '', added(pod, ['NET_BIND_SERVICE']) ?? ''].filter(Boolean);
  return details.length ? { reason: 'unrestricted capabilities', detail: details.join('; ') } : undefined;
};

const hostNamespaces: Judge = ({ spec }) => {
  const shared = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((name) => spec[name]).map((name) => `${name}=true`);
  return shared.length ? { reason: 'host namespaces', detail: shared.join(', ') } : undefined;
};

const hostPathVolumes: Judge = ({ spec }) => {
  const bad = (spec.volumes ?? []).filter((volume) => volume.hostPath).map(({ name }) => name);
  return bad.length ? { reason: 'hostPath volumes', detail: `${plural(bad.length, 'volume', 'volumes')} ${quoted(bad)}` } : undefined;
};

const hostPorts: Judge = (pod) => {
  const bad = where(pod, (_context, container) => !!container.ports?.some((port) => port.hostPort));
  const ports = sorted(pod.containers.flatMap((container) => (container.ports ?? []).flatMap((port) => (port.hostPort ? String(port.hostPort) : []))));
  return bad.length ? { reason: 'hostPort', detail: `${named(bad)} ${plural(bad.length, 'uses', 'use')} ${plural(ports.length, 'hostPort', 'hostPorts')} ${ports.join(', ')}` } : undefined;
};

const probeHosts: Judge = (pod) => {
  const hosts = ({ livenessProbe, readinessProbe, startupProbe, lifecycle }: Container) =>
    [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop].flatMap((handler) => [handler?.httpGet?.host || [], handler?.tcpSocket?.host || []].flat());
  const bad = sorted(where(pod, (_context, container) => hosts(container).length > 0));
  const all = sorted(pod.containers.flatMap(hosts));
  const what = plural(all.length, 'probe or lifecycle host', 'probe or lifecycle hosts');
  return bad.length ? { reason: 'probe or lifecycle host', detail: `${named(bad)} ${plural(bad.length, 'uses', 'use')} ${what} ${quoted(all)}` } : undefined;
};

const privileged: Judge = (pod) => {
  const bad = where(pod, (context) => context?.privileged === true);
  return bad.length ? { reason: 'privileged', detail: `${named(bad)} must not set securityContext.privileged=true` } : undefined;
};

const procMount: Judge = (pod) => {
  const isBad = (context: SecurityContext | undefined) => context?.procMount !== undefined && context.procMount !== 'Default';
  const bad = where(pod, isBad);
  const types = sorted(pod.containers.flatMap((container) => (isBad(container.securityContext) ? container.securityContext!.procMount! : [])));
  return bad.length ? { reason: 'procMount', detail: `${named(bad)} must not set securityContext.procMount to ${quoted(types)}` } : undefined;
};

const safeVolumes = ['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'image', 'persistentVolumeClaim', 'projected', 'secret'];
const otherVolumes = [
  'hostPath', 'gcePersistentDisk', 'awsElasticBlockStore', 'gitRepo', 'nfs', 'iscsi', 'glusterfs', 'rbd', 'flexVolume', 'cinder', 'cephfs', 'flocker', 'fc',
  'azureFile', 'vsphereVolume', 'quobyte', 'azureDisk', 'photonPersistentDisk', 'portworxVolume', 'scaleIO', 'storageos',
];

const restrictedVolumes: Judge = ({ spec }) => {
  const bad = (spec.volumes ?? []).filter((volume) => !safeVolumes.some((type) => type in volume));
  const types = sorted(bad.map((volume) => otherVolumes.find((type) => type in volume) ?? 'unknown'));
  const names = bad.map(({ name }) => name);
  const detail = `${plural(names.length, 'volume', 'volumes')} ${quoted(names)} ${plural(names.length, 'uses', 'use')} ${plural(types.length, 'restricted volume type', 'restricted volume types')} ${quoted(types)}`;
  return bad.length ? { reason: 'restricted volume types', detail } : undefined;
};

const runAsNonRoot: Judge = (pod) => {
  const own = pod.spec.securityContext?.runAsNonRoot;
  const refusing = setters(own === false, where(pod, (context) => context?.runAsNonRoot === false));
  if (refusing) return { reason: 'runAsNonRoot != true', detail: `${refusing} must not set securityContext.runAsNonRoot=false` };
  const silent = own ? [] : where(pod, (context) => context?.runAsNonRoot === undefined);
  return silent.length ? { reason: 'runAsNonRoot != true', detail: `pod or ${named(silent)} must set securityContext.runAsNonRoot=true` } : undefined;
};

const runAsUser: Judge = (pod) => {
  const who = setters(pod.spec.securityContext?.runAsUser === 0, where(pod, (context) => context?.runAsUser === 0));
  return who ? { reason: 'runAsUser=0', detail: `${who} must not set runAsUser=0` } : undefined;
};

const seccompPod = 'seccomp.security.alpha.kubernetes.io/pod';
const seccompContainer = 'container.seccomp.security.alpha.kubernetes.io/';

const seccompAnnotations: Judge = ({ metadata, containers }) => {
  const bad = [seccompPod, ...containers.map(({ name }) => seccompContainer + name)].flatMap((key) => {
    const value = metadata.annotations?.[key];
    return value === undefined || value === 'runtime/default' || value === 'docker/default' || value.startsWith('localhost/') ? [] : `${key}=${JSON.stringify(value)}`;
  });
  return bad.length ? { reason: 'seccompProfile', detail: `forbidden ${plural(sorted(bad).length, 'annotation', 'annotations')} ${sorted(bad).join(', ')}` } : undefined;
};

const isBadSeccomp = (profile: { type?: string } | undefined) => !!profile && profile.type !== 'RuntimeDefault' && profile.type !== 'Localhost';

const seccompBaseline: Judge = (pod) => {
  const own = pod.spec.securityContext?.seccompProfile;
  const who = setters(isBadSeccomp(own), where(pod, (context) => isBadSeccomp(context?.seccompProfile)));
  const values = sorted([own, ...pod.containers.map((container) => container.securityContext?.seccompProfile)].flatMap((profile) => (isBadSeccomp(profile) ? (profile!.type ?? '') : [])));
  return who ? { reason: 'seccompProfile', detail: `${who} must not set securityContext.seccompProfile.type to ${quoted(values)}` } : undefined;
};

const seccompRestricted: Judge = (pod) => {
  const bad = seccompBaseline(pod);
  if (bad) return bad;
  const silent = pod.spec.securityContext?.seccompProfile ? [] : where(pod, (context) => !context?.seccompProfile);
  return silent.length ? { reason: 'seccompProfile', detail: `pod or ${named(silent)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"` } : undefined;
};

const seLinuxOptions =
  (types: readonly string[]): Judge =>
  (pod) => {
    type Options = { type?: string; user?: string; role?: string };
    const isBad = (options: Options | undefined) => !!options && (!types.includes(options.type ?? '') || !!options.user || !!options.role);
    const own = pod.spec.securityContext?.seLinuxOptions;
    const who = setters(isBad(own), where(pod, (context) => isBad(context?.seLinuxOptions)));
    if (!who) return undefined;
    const all = [own, ...pod.containers.map((container) => container.securityContext?.seLinuxOptions)].flatMap((options) => options ?? []);
    const badTypes = sorted(all.flatMap(({ type = '' }) => (types.includes(type) ? [] : type)));
    const details = [
      badTypes.length ? `${plural(badTypes.length, 'type', 'types')} ${quoted(badTypes)}` : '',
      all.some(({ user }) => user) ? 'user may not be set' : '',
      all.some(({ role }) => role) ? 'role may not be set' : '',
    ];
    return { reason: 'seLinuxOptions', detail: `${who} set forbidden securityContext.seLinuxOptions: ${details.filter(Boolean).join('; ')}` };
  };

const containerTypes = ['', 'container_t', 'container_init_t', 'container_kvm_t'];

const sysctls =
  (...allowed: string[]): Judge =>
  ({ spec }) => {
    const bad = (spec.securityContext?.sysctls ?? []).map(({ name }) => name).filter((name) => !allowed.includes(name));
    return bad.length ? { reason: 'forbidden sysctls', detail: bad.join(', ') } : undefined;
  };

const sysctls0 = ['kernel.shm_rmid_forced', 'net.ipv4.ip_local_port_range', 'net.ipv4.tcp_syncookies', 'net.ipv4.ping_group_range', 'net.ipv4.ip_unprivileged_port_start'];
const sysctls27 = [...sysctls0, 'net.ipv4.ip_local_reserved_ports'];
const sysctls29 = [...sysctls27, 'net.ipv4.tcp_keepalive_time', 'net.ipv4.tcp_fin_timeout', 'net.ipv4.tcp_keepalive_intvl', 'net.ipv4.tcp_keepalive_probes'];
const sysctls32 = [...sysctls29, 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem'];

const windowsHostProcess: Judge = (pod) => {
  const who = setters(pod.spec.securityContext?.windowsOptions?.hostProcess === true, where(pod, (context) => context?.windowsOptions?.hostProcess === true));
  return who ? { reason: 'hostProcess', detail: `${who} must not set securityContext.windowsOptions.hostProcess=true` } : undefined;
};

// In the order in which violations are told: by level, then by name.
const checks: Check[] = [
  { id: 'appArmorProfile', level: 'baseline', versions: [[0, appArmorProfile]] },
  { id: 'capabilities_baseline', level: 'baseline', versions: [[0, capabilitiesBaseline]] },
  { id: 'hostNamespaces', level: 'baseline', versions: [[0, hostNamespaces]] },
  { id: 'hostPathVolumes', level: 'baseline', versions: [[0, hostPathVolumes]] },
  { id: 'hostPorts', level: 'baseline', versions: [[0, hostPorts]] },
  { id: 'hostProbesAndHostLifecycle', level: 'baseline', versions: [[34, probeHosts]] },
  { id: 'privileged', level: 'baseline', versions: [[0, privileged]] },
  { id: 'procMount', level: 'baseline', versions: [[0, procMount], [35, unless(hasOwnUsers, procMount)]] },
  { id: 'seLinuxOptions', level: 'baseline', versions: [[0, seLinuxOptions(containerTypes)], [31, seLinuxOptions([...containerTypes, 'container_engine_t'])]] },
  { id: 'seccompProfile_baseline', level: 'baseline', versions: [[0, seccompAnnotations], [19, seccompBaseline]] },
  { id: 'sysctls', level: 'baseline', versions: [[0, sysctls(...sysctls0)], [27, sysctls(...sysctls27)], [29, sysctls(...sysctls29)], [32, sysctls(...sysctls32)]] },
  { id: 'windowsHostProcess', level: 'baseline', versions: [[0, windowsHostProcess]] },
  { id: 'allowPrivilegeEscalation', level: 'restricted', versions: [[8, allowPrivilegeEscalation], [25, unless(isWindows, allowPrivilegeEscalation)]] },
  { id: 'capabilities_restricted', level: 'restricted', versions: [[22, capabilitiesRestricted], [25, unless(isWindows, capabilitiesRestricted)]], overrides: 'capabilities_baseline' },
  { id: 'procMount_restricted', level: 'restricted', versions: [[35, procMount]], overrides: 'procMount' },
  { id: 'restrictedVolumes', level: 'restricted', versions: [[0, restrictedVolumes]], overrides: 'hostPathVolumes' },
  { id: 'runAsNonRoot', level: 'restricted', versions: [[0, runAsNonRoot], [35, unless(hasOwnUsers, runAsNonRoot)]] },
  { id: 'runAsUser', level: 'restricted', versions: [[23, runAsUser], [35, unless(hasOwnUsers, runAsUser)]] },
  { id: 'seccompProfile_restricted', level: 'restricted', versions: [[19, seccompRestricted], [25, unless(isWindows, seccompRestricted)]], overrides: 'seccompProfile_baseline' },
];

/** All rules of a level that a pod breaks. */
export function violations({ level, minor }: LevelVersion, metadata: ObjectMeta, spec: PodSpec): Violation[] {
  if (level === 'privileged') return [];
  const inForce = (check: Check) => (level === 'restricted' || check.level === 'baseline') && check.versions[0]![0] <= minor;
  const overridden = new Set(checks.filter(inForce).map(({ overrides }) => overrides));
  const containers = [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? [])] as Container[];
  return checks
    .filter((check) => inForce(check) && !overridden.has(check.id))
    .flatMap((check) => check.versions.findLast(([from]) => from <= minor)![1]({ metadata, spec, containers }) ?? []);
}

/** `privileged (container "a" must not …), hostPort (…)` */
export const details = (found: readonly Violation[]) => found.map(({ reason, detail }) => (detail ? `${reason} (${detail})` : reason)).join(', ');
export const reasons = (found: readonly Violation[]) => found.map(({ reason }) => reason).join(', ');
