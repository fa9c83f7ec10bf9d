import { expect, it } from 'vitest';
import { cloneJson } from '../../../../main/api/json.ts';
import { pod } from '../../../../main/apiserver/registry/core/pod.ts';
import { FieldErrors } from '../../../../main/apiserver/validation/field.ts';
import { validatePodCreate } from '../../../../main/apiserver/validation/pod.ts';
import { podWarnings } from '../../../../main/apiserver/validation/podWarnings.ts';
import type { Container, Pod, PodSpec } from '../../../../main/api/index.ts';

function makePod(spec: Partial<PodSpec>, container: Partial<Container> = {}): Pod {
  const object: Pod = { metadata: { name: 'p', namespace: 'n' }, spec: { containers: [{ name: 'c', image: 'i', ...container }], ...spec } };
  pod.defaults!(object);
  return object;
}

function findings(object: Pod): string[] {
  const errors = new FieldErrors();
  validatePodCreate(errors, object);
  return errors.all.map((e) => `${e.field}: ${e.message}`);
}

it('finds nothing wrong with a plain pod', () => {
  expect(findings(makePod({}))).toEqual([]);
});

it.each<[string, Partial<PodSpec>, Partial<Container>, string[]]>([
  ['no containers', { containers: [] }, {}, ['spec.containers: Required value']],
  ['no name', {}, { name: '' }, ['spec.containers[0].name: Required value']],
  ['an image with a space', {}, { image: ' i' }, ['spec.containers[0].image: Invalid value: " i": must not have leading or trailing whitespace']],
  ['a pull policy', {}, { imagePullPolicy: 'Sometimes' }, ['spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"']],
  ['a port too high', {}, { ports: [{ containerPort: 70000 }] }, ['spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive']],
  ['two ports of one name', {}, { ports: [{ name: 'a', containerPort: 1 }, { name: 'a', containerPort: 2 }] }, ['spec.containers[0].ports[1].name: Duplicate value: "a"']],
  ['a mount without a volume', {}, { volumeMounts: [{ name: 'v', mountPath: '/v' }] }, ['spec.containers[0].volumeMounts[0].name: Not found: "v"']],
  ['a request above its limit', {}, { resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } }, ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1']],
  ['an unknown resource', {}, { resources: { limits: { gpu: '1' } } }, ['spec.containers[0].resources.limits[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified', 'spec.containers[0].resources.limits[gpu]: Invalid value: "gpu": must be a standard resource for containers', 'spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified', 'spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": must be a standard resource for containers']],
  ['two sources of one variable', {}, { env: [{ name: 'A', value: 'x', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] }, ['spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty']],
  ['a field that is none', {}, { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.nope' } } }] }, ['spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.nope": error converting fieldPath: field label not supported: spec.nope']],
  ['a probe of nothing', {}, { livenessProbe: {} }, ['spec.containers[0].livenessProbe: Required value: must specify a handler type']],
  ['a liveness probe that needs two successes', {}, { livenessProbe: { successThreshold: 2, tcpSocket: { port: 80 } } }, ['spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1']],
  ['a restart policy', { restartPolicy: 'Maybe' }, {}, ['spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "OnFailure", "Never"']],
  ['two types of one volume', { volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/' } }] }, {}, ['spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type']],
  ['a volume of a config map without name', { volumes: [{ name: 'v', configMap: {} }] }, {}, ['spec.volumes[0].configMap.name: Required value']],
  ['two volumes of one name', { volumes: [{ name: 'v' }, { name: 'v' }] }, {}, ['spec.volumes[1].name: Duplicate value: "v"']],
  ['a part of what has none', {}, { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: "metadata.name['k']" } } }] }, [`spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "metadata.name['k']": error converting fieldPath: field label does not support subscript: metadata.name['k']`]],
  ['options that Kubernetes keeps for itself', { volumes: [{ name: 'v', flexVolume: { driver: 'd', options: { 'KUBERNETES.IO/a': '', 'a.k8s.io': '', 'b/k8s.io': '' } } }] }, {}, [
    'spec.volumes[0].flexVolume.options[KUBERNETES.IO/a]: Invalid value: "KUBERNETES.IO/a": kubernetes.io and k8s.io namespaces are reserved',
    'spec.volumes[0].flexVolume.options[a.k8s.io]: Invalid value: "a.k8s.io": kubernetes.io and k8s.io namespaces are reserved',
  ]],
  ['devices where users are not the host\'s', { hostUsers: false, volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'x' } }] }, { volumeDevices: [{ name: 'v', devicePath: '/d' }] }, ['spec.containers[0].volumeDevices: Forbidden: when `hostUsers` is false']],
  ['a claim beside a request of it', { resourceClaims: [{ name: 'd', resourceClaimName: 'x' }] }, { resources: { claims: [{ name: 'd', request: 'r' }, { name: 'd' }] } }, ['spec.containers[0].resources.claims[1]: Duplicate value: "d"']],
  ['a request of a whole claim', { resourceClaims: [{ name: 'd', resourceClaimName: 'x' }] }, { resources: { claims: [{ name: 'd' }, { name: 'd', request: 'r' }] } }, ['spec.containers[0].resources.claims[1]: Duplicate value: "d"']],
  ['probes of an init container', { initContainers: [{ name: 'i', image: 'i', livenessProbe: { tcpSocket: { port: 80 } } }] }, {}, ['spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always']],
  ['an init container named like another', { initContainers: [{ name: 'c', image: 'i' }] }, {}, ['spec.initContainers[0].name: Duplicate value: "c"']],
  ['ephemeral containers', { ephemeralContainers: [{ name: 'e', image: 'i' }] }, {}, ['spec.ephemeralContainers: Forbidden: cannot be set on create']],
  ['DNS of its own without servers', { dnsPolicy: 'None' }, {}, ['spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None']],
  ['a toleration of nothing', { tolerations: [{ operator: 'Equal' }] }, {}, ['spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"']],
  ['an affinity without a topology', { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ labelSelector: {}, topologyKey: '' }] } } }, {}, [
    'spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Required value: can not be empty',
    'spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Invalid value: "": name part must be non-empty',
    `spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Invalid value: "": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
  ]],
  ['options of Windows in a pod for Linux', { os: { name: 'linux' }, securityContext: { windowsOptions: {} } }, { securityContext: { windowsOptions: {} } }, [
    'spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod', 'spec.containers[0].securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod',
  ]],
  ['what only Linux has in a pod for Windows', { os: { name: 'windows' }, hostPID: true, securityContext: { runAsUser: 1 } }, { securityContext: { privileged: false } }, [
    'spec.hostPID: Forbidden: cannot be set for a windows pod', 'spec.securityContext.runAsUser: Forbidden: cannot be set for a windows pod', 'spec.containers[0].securityContext.privileged: Forbidden: cannot be set for a windows pod',
  ]],
  ['another system', { os: { name: 'plan9' } }, {}, ['spec.os: Unsupported value: "plan9": supported values: "linux", "windows"']],
  ['a process of the host in a network of its own', { securityContext: { windowsOptions: { hostProcess: true } } }, { securityContext: { windowsOptions: { hostProcess: false } } }, [
    'spec.containers[0].securityContext.windowsOptions.hostProcess: Invalid value: false: pod hostProcess value must be identical if both are specified, was true',
  ]],
  ['a user that Windows has not', {}, { securityContext: { windowsOptions: { runAsUserName: 'a\\b\\c' } } }, ['spec.containers[0].securityContext.windowsOptions.runAsUserName: Invalid value: "a\\\\b\\\\c": runAsUserName cannot contain more than one backslash']],
  ['only periods as one', {}, { securityContext: { windowsOptions: { runAsUserName: 'd\\..' } } }, ['spec.containers[0].securityContext.windowsOptions.runAsUserName: Invalid value: "d\\\\..": runAsUserName\'s User cannot contain only periods or spaces']],
  ['rules of an init container without a policy', { initContainers: [{ name: 'i', image: 'i', restartPolicyRules: [{ action: 'x' }] }] }, {}, ['spec.initContainers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used']],
  ['a privileged container that may not gain privileges', {}, { securityContext: { privileged: true, allowPrivilegeEscalation: false } }, ['spec.containers[0].securityContext: Invalid value: {"Capabilities":null,"Privileged":true,"SELinuxOptions":null,"WindowsOptions":null,"RunAsUser":null,"RunAsGroup":null,"RunAsNonRoot":null,"ReadOnlyRootFilesystem":null,"AllowPrivilegeEscalation":false,"ProcMount":null,"SeccompProfile":null,"AppArmorProfile":null}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true']],
])('refuses %s', (_name, spec, container, expected) => {
  expect(findings(makePod(spec, container))).toEqual(expected);
});

it('forgets what features bring that are off', () => {
  const object = makePod({ volumes: [{ name: 'v', projected: { sources: [{ clusterTrustBundle: { path: 'p' } }] } }] });
  expect(object.spec?.volumes?.[0]?.projected?.sources).toEqual([{}]);
});

it.each<[string, PodSpec, string]>([
  ['no amounts', { containers: [{ name: 'a', image: 'i' }] }, 'BestEffort'],
  ['a request', { containers: [{ name: 'a', image: 'i', resources: { requests: { cpu: '1' } } }] }, 'Burstable'],
  ['limits of both', { containers: [{ name: 'a', image: 'i', resources: { limits: { cpu: '1', memory: '1Gi' } } }] }, 'Guaranteed'],
  ['limits of one container only', { containers: [{ name: 'a', image: 'i', resources: { limits: { cpu: '1', memory: '1Gi' } } }, { name: 'b', image: 'i' }] }, 'Burstable'],
])('gives a pod with %s its quality of service', (_name, spec, expected) => {
  const object = makePod(spec);
  pod.prepareForCreate!({} as never, object);
  expect(object.status!.qosClass).toBe(expected);
});

it('lets what is refused by now stay in a pod that has it, and refuses it of others', () => {
  const old = makePod({ initContainers: [{ name: 'i', image: 'i', resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }] }] });
  const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'In', values: ['-1'] }] }] } } };
  old.spec!.affinity = affinity;
  const changed = cloneJson(old);
  changed.metadata!.labels = { a: 'b' };
  expect(pod.validateUpdate({} as never, changed, old, {} as never)).toEqual([]);
  expect(findings(old).map((text) => text.split(':')[0])).toEqual([
    'spec.initContainers[0].resizePolicy[0].restartPolicy',
    'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values[0]',
  ]);
});

it('forgets signals to stop, which are a feature that is off', () => {
  expect(makePod({}, { lifecycle: { stopSignal: 'SIGHUP' } }).spec!.containers[0]!.lifecycle).toBeUndefined();
});

it('writes amounts as Kubernetes reads them', () => {
  const object = makePod({}, { resources: { limits: { cpu: '0.5', memory: '1024Mi' } } });
  expect(object.spec!.containers[0]!.resources).toEqual({ limits: { cpu: '500m', memory: '1Gi' }, requests: { cpu: '500m', memory: '1Gi' } });
});

it('warns of an address without its port, which it shows as Go does', () => {
  const { spec, metadata } = makePod({}, { ports: [{ containerPort: 53, protocol: 'UDP', hostIP: '127.0.0.1' }] });
  expect(podWarnings('spec', spec, metadata, undefined)).toEqual([
    'spec.containers[0].ports[0]: hostIP set without hostPort: {Name: HostPort:0 ContainerPort:53 Protocol:UDP HostIP:127.0.0.1}',
  ]);
});

it('warns about what will surprise', () => {
  const object = makePod({ imagePullSecrets: [{}] }, { env: [{ name: 'A', value: '1' }, { name: 'A', value: '2' }], ports: [{ containerPort: 80 }, { containerPort: 80 }] });
  expect(podWarnings('spec', object.spec, object.metadata, undefined)).toEqual([
    'spec.imagePullSecrets[0].name: invalid empty name ""',
    'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
    'spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]',
  ]);
});

it.each<[string, Partial<Pod>, string]>([
  ['a name with dots', { metadata: { name: 'a.b' } }, "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]"],
  ['a label of nodes that is no more', { spec: { containers: [], nodeSelector: { 'node-role.kubernetes.io/master': '' } } }, 'spec.nodeSelector[node-role.kubernetes.io/master]: use "node-role.kubernetes.io/control-plane" instead'],
  ['seccomp by annotation', { metadata: { name: 'p', annotations: { 'seccomp.security.alpha.kubernetes.io/pod': 'x' } } }, 'metadata.annotations[seccomp.security.alpha.kubernetes.io/pod]: non-functional in v1.27+; use the "seccompProfile" field instead'],
  ['files that hide each other', { spec: { containers: [], volumes: [{ name: 'v', configMap: { name: 'c', items: [{ key: 'a', path: 'd' }, { key: 'b', path: 'd/e/' }] } }] } }, 'volume "v" (ConfigMap "c"): overlapping paths: "d/e" with "d"'],
])('warns of %s', (_name, given, warning) => {
  const object: Pod = { ...makePod({}), ...given };
  expect(pod.warnings!(object, undefined)).toContain(warning);
});

it('makes fields of the AppArmor profiles that older clients annotate, and says so', () => {
  const object = makePod({});
  object.metadata!.annotations = { 'container.apparmor.security.beta.kubernetes.io/c': 'localhost/strict' };
  const warnings: string[] = [];
  pod.prepareForCreate!({ now: 0, warnings } as never, object);
  expect(object.spec!.containers[0]!.securityContext?.appArmorProfile).toEqual({ type: 'Localhost', localhostProfile: 'strict' });
  expect(warnings).toEqual(['metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: deprecated since v1.30; use the "appArmorProfile" field instead']);
});

const now = Date.parse('2026-01-01T01:00:00Z');
const ended = (exitCode: number, reason: string) => ({ terminated: { exitCode, reason, finishedAt: '2026-01-01T00:59:50Z' } });

it.each<[string, Partial<Pod>, [string, string, string]]>([
  ['waits for a node', { status: { phase: 'Pending' } }, ['0/1', 'Pending', '0']],
  ['runs', { status: { phase: 'Running', containerStatuses: [{ name: 'c', ready: true, restartCount: 0, image: '', imageID: '', state: { running: {} } }] } }, ['1/1', 'Running', '0']],
  ['crashes', { status: { phase: 'Running', containerStatuses: [{ name: 'c', ready: false, restartCount: 3, image: '', imageID: '', state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: ended(1, 'Error') }] } }, ['0/1', 'CrashLoopBackOff', '3 (10s ago)']],
  ['initializes', { spec: { containers: [{ name: 'c' }], initContainers: [{ name: 'i' }, { name: 'j' }] }, status: { phase: 'Pending', initContainerStatuses: [{ name: 'i', ready: false, restartCount: 0, image: '', imageID: '', state: ended(0, 'Completed') }, { name: 'j', ready: false, restartCount: 0, image: '', imageID: '', state: { waiting: { reason: 'PodInitializing' } } }] } }, ['0/1', 'Init:1/2', '0']],
  ['is done', { status: { phase: 'Succeeded', containerStatuses: [{ name: 'c', ready: false, restartCount: 0, image: '', imageID: '', state: ended(0, 'Completed') }] } }, ['0/1', 'Completed', '0']],
  ['goes', { metadata: { name: 'p', deletionTimestamp: '2026-01-01T00:00:00Z' }, status: { phase: 'Running' } }, ['0/1', 'Terminating', '0']],
])('shows a pod that %s', (_name, over, [ready, status, restarts]) => {
  const object = { metadata: { name: 'p', creationTimestamp: '2026-01-01T00:00:00Z' }, spec: { containers: [{ name: 'c' }] }, ...over } as Pod;
  expect(pod.row(object, now).slice(1, 4)).toEqual([ready, status, restarts]);
});
