import { describe, expect, it } from 'vitest';
import type { Node, Pod, PodSpec } from '../../../main/api/index.ts';
import { resources } from '../../../main/client/index.ts';
import { admit, sysctlName, withoutAppArmor } from '../../../main/kubelet/admission.ts';
import { Harness } from './harness.ts';

const node: Node = {
  metadata: { name: 'node-1', labels: { disk: 'ssd' } },
  spec: { taints: [{ key: 'gone', effect: 'NoExecute' }, { key: 'full', effect: 'NoSchedule' }] },
  status: { allocatable: { cpu: '1', memory: '1Gi', pods: '2', 'example.com/gpu': '1' } },
};
const tolerations = [{ key: 'gone', operator: 'Exists' }];

const pod = (spec: Partial<PodSpec> = {}, labels = {}): Pod => ({
  metadata: { name: 'web', namespace: 'default', uid: 'u', labels },
  spec: { tolerations, containers: [{ name: 'web', image: 'x' }], ...spec },
});
const asking = (requests: Record<string, string>, ports?: { containerPort: number; hostPort: number }[]) =>
  pod({ containers: [{ name: 'web', image: 'x', resources: { requests }, ...(ports ? { ports } : {}) }] });

/** What a claim was made for. */
const devices = (resourceName: string): Pod => ({
  ...asking({ [resourceName]: '1' }),
  status: { extendedResourceClaimStatus: { resourceClaimName: 'claim', requestMappings: [{ containerName: 'web', resourceName, requestName: 'r' }] } },
});

describe('what a node takes', () => {
  it.each<[string, Pod, Pod[], string | undefined, string?]>([
    ['a pod that fits', asking({ cpu: '1', 'example.com/gpu': '1' }), [], undefined],
    ['what the node knows nothing of', asking({ 'example.com/other': '1' }), [], undefined],
    ['devices that stand for a resource', devices('deviceclass.resource.kubernetes.io/gpu'), [], undefined],
    ['the name of devices that it has none of', asking({ 'deviceclass.resource.kubernetes.io/gpu': '1' }), [], 'OutOfdeviceclass.resource.kubernetes.io/gpu'],
    ['too much CPU', asking({ cpu: '600m' }), [asking({ cpu: '500m' })], 'OutOfcpu', "Node didn't have enough resource: cpu, requested: 600, used: 500, capacity: 1000"],
    ['too much memory', asking({ memory: '2Gi' }), [], 'OutOfmemory'],
    ['too many devices', asking({ 'example.com/gpu': '1' }), [asking({ 'example.com/gpu': '1' })], 'OutOfexample.com/gpu'],
    ['too many pods', pod(), [pod(), pod()], 'OutOfpods', "Node didn't have enough resource: pods, requested: 1, used: 2, capacity: 2"],
    ['another node', pod({ nodeSelector: { disk: 'hdd' } }), [], 'NodeAffinity', "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"],
    ['a port that is taken', asking({}, [{ containerPort: 80, hostPort: 80 }]), [asking({}, [{ containerPort: 1, hostPort: 80 }])], 'NodePorts'],
    ['a taint', pod({ tolerations: [] }), [], 'TaintToleration'],
    ['another system', pod({ os: { name: 'windows' } }), [], 'PodOSNotSupported'],
    ['a safe sysctl', pod({ securityContext: { sysctls: [{ name: 'net/ipv4/tcp_syncookies', value: '1' }] } }), [], undefined],
    ['an unsafe sysctl', pod({ securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } }), [], 'SysctlForbidden', 'forbidden sysctl: "kernel.msgmax" not allowlisted'],
    [
      'a sysctl of the node',
      pod({ hostNetwork: true, securityContext: { sysctls: [{ name: 'net.ipv4.tcp_syncookies', value: '1' }] } }),
      [],
      'SysctlForbidden',
      'forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host net enabled',
    ],
    ['strict groups', pod({ securityContext: { supplementalGroupsPolicy: 'Strict' } }), [], 'SupplementalGroupsPolicyNotSupported'],
  ])('%s', (_, wanted, others, reason, message) => {
    const rejection = admit(wanted, others, node);
    expect(rejection?.reason).toBe(reason);
    if (message) expect(rejection?.message).toBe(message);
  });

  it('takes no pod that wants a profile where the kernel has none', () => {
    const profile = { appArmorProfile: { type: 'RuntimeDefault' } };
    expect(withoutAppArmor(pod({ securityContext: profile }))).toEqual({ reason: 'AppArmor', message: 'Cannot enforce AppArmor: AppArmor is not enabled on the host' });
    expect(withoutAppArmor(pod({ containers: [{ name: 'web', securityContext: profile }] }))).toBeDefined();
    expect(withoutAppArmor(pod({ securityContext: { appArmorProfile: { type: 'Unconfined' } } }))).toBeUndefined();
    expect(withoutAppArmor(pod({}))).toBeUndefined();
  });

  it('reads sysctls with dots and with slashes', () => {
    expect(['net/ipv4/conf/eth0.1/x', 'net.ipv4.x', 'kernel/shm', 'a'].map(sysctlName)).toEqual(['net.ipv4.conf.eth0/1.x', 'net.ipv4.x', 'kernel.shm', 'a']);
  });
});

describe('a pod that its node does not take', () => {
  it('fails with the reason, never begins and goes when it is deleted', async () => {
    const h = await new Harness().start();
    await h.create('web', { securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } });
    expect(h.pod('web').status).toMatchObject({
      phase: 'Failed',
      reason: 'SysctlForbidden',
      message: 'Pod was rejected: forbidden sysctl: "kernel.msgmax" not allowlisted',
      observedGeneration: 1,
    });
    expect(h.said('web')).toEqual(['SysctlForbidden: forbidden sysctl: "kernel.msgmax" not allowlisted']);
    expect(await h.runtime.listSandboxes()).toEqual([]);
    await h.delete('web', 0);
    expect(h.find('web')).toBeUndefined();
  });

  it('is not one that takes the place of a pod which the API has let go', async () => {
    const h = await new Harness({ simulated: { cpus: 1 } }).start();
    const asking = { containers: [{ name: 'web', image: 'web:1', resources: { requests: { cpu: '800m' } } }] };
    await h.create('old', asking);
    // Its end takes as long as it takes.
    h.runtime.stopContainer = () => new Promise(() => {});
    h.server.drop(resources.pods, 'default', 'old');
    await h.create('new', asking);
    expect(h.pod('new').status!.phase).toBe('Running');
  });
});
