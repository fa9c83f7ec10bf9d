import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PodSpec } from '../../../../main/api/index.ts';
import { details, violations } from '../../../../main/apiserver/admission/podSecurity/checks.ts';
import { TestCluster } from '../registry/testCluster.ts';

const container = (securityContext: object = {}, more: object = {}) => ({ name: 'a', image: 'x', securityContext, ...more });
const strict = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } };
const breaks = (level: 'baseline' | 'restricted', spec: object, minor = Infinity) => details(violations({ level, minor }, {}, spec as PodSpec));

describe('the pod security standards', () => {
  it('let a careful pod be, and any pod where nothing is asked', () => {
    expect(breaks('restricted', { containers: [container(strict)], volumes: [{ name: 'v', emptyDir: {} }] })).toBe('');
    expect(violations({ level: 'privileged', minor: Infinity }, {}, { hostNetwork: true, containers: [] })).toEqual([]);
  });

  it.each([
    ['baseline', { hostNetwork: true, hostPID: true, containers: [] }, 'host namespaces (hostNetwork=true, hostPID=true)'],
    ['baseline', { containers: [container({ privileged: true })] }, 'privileged (container "a" must not set securityContext.privileged=true)'],
    ['baseline', { containers: [container({ capabilities: { add: ['NET_ADMIN', 'CHOWN'] } })] }, 'non-default capabilities (container "a" must not include "NET_ADMIN" in securityContext.capabilities.add)'],
    ['baseline', { containers: [container({}, { ports: [{ hostPort: 80 }, { hostPort: 443 }] })] }, 'hostPort (container "a" uses hostPorts 443, 80)'],
    ['baseline', { containers: [], volumes: [{ name: 'v', hostPath: {} }] }, 'hostPath volumes (volume "v")'],
    ['baseline', { containers: [container({ procMount: 'Unmasked' })] }, 'procMount (container "a" must not set securityContext.procMount to "Unmasked")'],
    ['baseline', { hostUsers: false, containers: [container({ procMount: 'Unmasked' })] }, ''],
    ['baseline', { containers: [], securityContext: { sysctls: [{ name: 'net.ipv4.tcp_rmem' }, { name: 'kernel.msgmax' }] } }, 'forbidden sysctls (kernel.msgmax)'],
    ['baseline', { containers: [container({ seLinuxOptions: { type: 'spc_t', user: 'u' } })] }, 'seLinuxOptions (container "a" set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set)'],
    ['baseline', { securityContext: { seccompProfile: { type: 'Unconfined' } }, containers: [] }, 'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")'],
    ['baseline', { containers: [container({}, { livenessProbe: { httpGet: { host: 'h' } } })] }, 'probe or lifecycle host (container "a" uses probe or lifecycle host "h")'],
    ['restricted', { containers: [container({ ...strict, capabilities: { add: ['CHOWN'] } })] }, 'unrestricted capabilities (container "a" must set securityContext.capabilities.drop=["ALL"]; container "a" must not include "CHOWN" in securityContext.capabilities.add)'],
    ['restricted', { containers: [container(strict)], volumes: [{ name: 'v', hostPath: {} }, { name: 'w', nfs: {} }] }, 'restricted volume types (volumes "v", "w" use restricted volume types "hostPath", "nfs")'],
    ['restricted', { containers: [container({ ...strict, runAsUser: 0 })], securityContext: { runAsUser: 0 } }, 'runAsUser=0 (pod and container "a" must not set runAsUser=0)'],
    ['restricted', { containers: [container({ ...strict, runAsNonRoot: undefined })], securityContext: { runAsNonRoot: false } }, 'runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false)'],
  ] as const)('%s: %j', (level, spec, expected) => {
    expect(breaks(level, spec)).toBe(expected);
  });

  it('are those of the version that is asked for', () => {
    const debugged = { containers: [container({}, { livenessProbe: { httpGet: { host: 'h' } } })] };
    expect(breaks('baseline', debugged, 33)).toBe('');
    expect(breaks('restricted', { containers: [container({ runAsNonRoot: true })] }, 7)).toBe('');
    expect(breaks('baseline', { containers: [], securityContext: { sysctls: [{ name: 'net.ipv4.tcp_rmem' }] } }, 31)).toBe('forbidden sysctls (net.ipv4.tcp_rmem)');
  });
});

describe('a namespace with a level', () => {
  let cluster: TestCluster;
  const pods = '/api/v1/namespaces/safe/pods';
  const pod = (name: string, securityContext = {}) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { serviceAccountName: 'default', containers: [container(securityContext)] } });
  const labelled = (labels: object) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'safe', labels } });

  beforeAll(async () => {
    cluster = await TestCluster.start();
    await cluster.ask('POST', '/api/v1/namespaces', labelled({ 'pod-security.kubernetes.io/enforce': 'baseline' }));
    await cluster.ask('POST', '/api/v1/namespaces/safe/serviceaccounts', { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } });
  });
  afterAll(() => cluster.close());

  it('refuses pods that go beyond it', async () => {
    expect(await cluster.refusal('POST', pods, pod('bold', { privileged: true }))).toBe(
      'pods "bold" is forbidden: violates PodSecurity "baseline:latest": privileged (container "a" must not set securityContext.privileged=true)',
    );
    await cluster.ask('POST', pods, pod('plain'));
  });

  it('only warns of workloads whose pods it would refuse', async () => {
    const replicaSet = { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: { name: 'bold' }, spec: { selector: { matchLabels: { a: 'b' } }, template: { metadata: { labels: { a: 'b' } }, spec: pod('', { privileged: true }).spec } } };
    expect(await cluster.warnings('POST', '/apis/apps/v1/namespaces/safe/replicasets', replicaSet)).toEqual([
      'would violate PodSecurity "baseline:latest": privileged (container "a" must not set securityContext.privileged=true)',
    ]);
  });

  it('says which pods a stricter level would not allow, and takes no level that there is not', async () => {
    expect(await cluster.warnings('PUT', '/api/v1/namespaces/safe', labelled({ 'pod-security.kubernetes.io/enforce': 'restricted' }))).toEqual([
      'existing pods in namespace "safe" violate the new PodSecurity enforce level "restricted:latest"',
      'plain: allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile',
    ]);
    expect(await cluster.refusal('PUT', '/api/v1/namespaces/safe', labelled({ 'pod-security.kubernetes.io/enforce': 'harsh', 'pod-security.kubernetes.io/warn-version': '1.2' }))).toBe(
      'Namespace "safe" is invalid: [metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "harsh": must be one of privileged, baseline, restricted, metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: "1.2": must be "latest" or "v1.x"]',
    );
  });
});
