import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootstrapCluster } from '../../../../main/bootstrap/index.ts';
import type { Node, PersistentVolumeClaim, Pod } from '../../../../main/api/index.ts';
import { cloneJson } from '../../../../main/api/json.ts';
import { resources } from '../../../../main/client/index.ts';
import { TestCluster } from '../registry/testCluster.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start();
  await bootstrapCluster(cluster.client());
  for (const name of ['a', 'limited', 'quota']) {
    await cluster.ask('POST', '/api/v1/namespaces', { metadata: { name } });
    await cluster.ask('POST', `/api/v1/namespaces/${name}/serviceaccounts`, { metadata: { name: 'default' } });
  }
});
afterAll(() => cluster.close());

const pods = (namespace: string) => `/api/v1/namespaces/${namespace}/pods`;
const pod = (name: string, resources: object = {}, spec: object = {}) => ({ metadata: { name }, spec: { containers: [{ name: 'c', image: 'i', resources }], ...spec } });

describe('a namespace', () => {
  it('has to be there', async () => {
    expect(await cluster.refusal('POST', pods('nowhere'), pod('p'))).toBe('namespaces "nowhere" not found');
  });
  it('that is going takes nothing more', async () => {
    await cluster.ask('POST', '/api/v1/namespaces', { metadata: { name: 'going' } });
    await cluster.ask('DELETE', '/api/v1/namespaces/going');
    expect(await cluster.refusal('POST', '/api/v1/namespaces/going/configmaps', { metadata: { name: 'c' } })).toBe(
      'configmaps "c" is forbidden: unable to create new content in namespace going because it is being terminated',
    );
  });
  it.each(['default', 'kube-system', 'kube-public'])('%s stays', async (name) => {
    expect(await cluster.refusal('DELETE', `/api/v1/namespaces/${name}`)).toBe(`namespaces "${name}" is forbidden: this namespace may not be deleted`);
  });
});

describe('a pod', () => {
  it('needs an account that is there', async () => {
    expect(await cluster.refusal('POST', pods('a'), pod('p', {}, { serviceAccountName: 'nobody' }))).toBe(
      'pods "p" is forbidden: error looking up service account a/nobody: serviceaccount "nobody" not found',
    );
  });
  it('gets no token when it wants none', async () => {
    const made = await cluster.ask<Pod>('POST', pods('a'), pod('quiet', {}, { automountServiceAccountToken: false }));
    expect(made.spec!.volumes).toBeUndefined();
  });
  it('gets the number of its priority class', async () => {
    await cluster.ask('POST', '/apis/scheduling.k8s.io/v1/priorityclasses', { metadata: { name: 'high' }, value: 1000 });
    expect((await cluster.ask<Pod>('POST', pods('a'), pod('high', {}, { priorityClassName: 'high' }))).spec!.priority).toBe(1000);
    expect(await cluster.refusal('POST', pods('a'), pod('x', {}, { priorityClassName: 'none' }))).toBe('pods "x" is forbidden: no PriorityClass with name none was found');
    expect(await cluster.refusal('POST', '/apis/scheduling.k8s.io/v1/priorityclasses', { metadata: { name: 'system-mine' }, value: 1 })).toContain("priority class names with 'system-' prefix are reserved");
  });
});

it('there is one default priority class at most', async () => {
  const classes = '/apis/scheduling.k8s.io/v1/priorityclasses';
  const standard = (name: string) => ({ metadata: { name }, value: 7, globalDefault: true });
  await cluster.ask('POST', classes, standard('usual'));
  for (const name of ['usual', 'other'])
    expect(await cluster.refusal('POST', classes, standard(name))).toBe(`priorityclasses.scheduling.k8s.io "${name}" is forbidden: PriorityClass usual is already marked as default. Only one default can exist`);
  await cluster.ask('DELETE', `${classes}/usual`);
});

describe('a limit range', () => {
  it('gives amounts and holds pods to them', async () => {
    await cluster.ask('POST', '/api/v1/namespaces/limited/limitranges', {
      metadata: { name: 'l' }, spec: { limits: [{ type: 'Container', default: { cpu: '500m' }, defaultRequest: { cpu: '100m' }, max: { cpu: '1' } }] },
    });
    const made = await cluster.ask<Pod>('POST', pods('limited'), pod('p'));
    expect(made.spec!.containers[0]!.resources).toEqual({ limits: { cpu: '500m' }, requests: { cpu: '100m' } });
    expect(made.metadata!.annotations).toEqual({ 'kubernetes.io/limit-ranger': 'LimitRanger plugin set: cpu request for container c; cpu limit for container c' });
    expect(await cluster.refusal('POST', pods('limited'), pod('big', { limits: { cpu: '2' } }))).toBe('pods "big" is forbidden: maximum cpu usage per Container is 1, but limit is 2');
  });

  it('says what several containers have wrong alike once', async () => {
    const containers = ['c', 'd'].map((name) => ({ name, image: 'i', resources: { limits: { cpu: '2' } } }));
    expect(await cluster.refusal('POST', pods('limited'), pod('both', {}, { containers }))).toBe('pods "both" is forbidden: maximum cpu usage per Container is 1, but limit is 2');
  });

  it('holds no claim up that is being deleted', async () => {
    const claims = '/api/v1/namespaces/limited/persistentvolumeclaims';
    await cluster.ask('POST', claims, { metadata: { name: 'small', finalizers: ['example.com/hold'] }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } });
    await cluster.ask('POST', '/api/v1/namespaces/limited/limitranges', { metadata: { name: 'claims' }, spec: { limits: [{ type: 'PersistentVolumeClaim', min: { storage: '2Gi' } }] } });
    await cluster.ask('DELETE', `${claims}/small`);
    await cluster.client().of(resources.persistentVolumeClaims).patch('limited', 'small', 'merge', { metadata: { finalizers: null } });
    expect(await cluster.refusal('GET', `${claims}/small`)).toBe('persistentvolumeclaims "small" not found');
  });
});

describe('a quota', () => {
  it('is not exceeded', async () => {
    await cluster.ask('POST', '/api/v1/namespaces/quota/resourcequotas', { metadata: { name: 'q' }, spec: { hard: { pods: '2', 'requests.cpu': '1' } } });
    expect(await cluster.refusal('POST', pods('quota'), pod('none'))).toBe('pods "none" is forbidden: failed quota: q: must specify requests.cpu for: c');
    await cluster.ask('POST', pods('quota'), pod('one', { requests: { cpu: '600m' } }));
    expect(await cluster.refusal('POST', pods('quota'), pod('two', { requests: { cpu: '600m' } }))).toBe(
      'pods "two" is forbidden: exceeded quota: q, requested: requests.cpu=600m, used: requests.cpu=600m, limited: requests.cpu=1',
    );
    await cluster.ask('POST', pods('quota'), pod('two', { requests: { cpu: '100m' } }));
    expect(await cluster.refusal('POST', pods('quota'), pod('three', { requests: { cpu: '100m' } }))).toBe(
      'pods "three" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2',
    );
    await cluster.ask('DELETE', `${pods('quota')}/two`);
    await cluster.ask('POST', pods('quota'), pod('three', { requests: { cpu: '100m' } }));
  });
  it('lets no burst slip through', async () => {
    await cluster.ask('POST', '/api/v1/namespaces/a/resourcequotas', { metadata: { name: 'cm' }, spec: { hard: { configmaps: '3' } } });
    const answers = await Promise.allSettled(Array.from({ length: 8 }, (_, i) => cluster.ask('POST', '/api/v1/namespaces/a/configmaps', { metadata: { name: `c${i}` } })));
    expect(answers.filter((answer) => answer.status === 'fulfilled')).toHaveLength(3);
  });
  it('counts neither what came to nothing nor what is gone', async () => {
    await cluster.ask('POST', '/api/v1/namespaces/limited/resourcequotas', { metadata: { name: 's' }, spec: { hard: { secrets: '1' } } });
    const secrets = '/api/v1/namespaces/limited/secrets';
    await cluster.ask('POST', secrets, { metadata: { name: 'one' } });
    await cluster.ask('DELETE', `${secrets}/one`);
    await cluster.ask('POST', secrets, { metadata: { name: 'two' } });
    expect(await cluster.refusal('POST', secrets, { metadata: { name: 'two' } })).toContain('exceeded quota: s');
    await cluster.ask('DELETE', `${secrets}/two`);
    await cluster.ask('POST', secrets, { metadata: { name: 'three' } });
  });
  it('says by how much a change goes beyond it', async () => {
    await cluster.ask('POST', '/api/v1/namespaces/limited/resourcequotas', { metadata: { name: 'np' }, spec: { hard: { 'services.nodeports': '1' } } });
    const services = '/api/v1/namespaces/limited/services';
    const ports = [{ name: 'a', port: 1 }, { name: 'b', port: 2 }];
    const made = await cluster.ask<object>('POST', services, { metadata: { name: 'web' }, spec: { ports } });
    expect(await cluster.refusal('PUT', `${services}/web`, { ...made, spec: { ports, type: 'NodePort' } })).toBe(
      'services "web" is forbidden: exceeded quota: np, requested: services.nodeports=2, used: services.nodeports=0, limited: services.nodeports=1',
    );
  });

  it('of an extended resource holds for pods and for claims of the devices that stand for it', async () => {
    await cluster.ask('POST', '/apis/resource.k8s.io/v1/deviceclasses', { metadata: { name: 'gpu' }, spec: { extendedResourceName: 'example.com/gpu' } });
    await cluster.ask('POST', '/api/v1/namespaces/a/resourcequotas', { metadata: { name: 'gpus' }, spec: { hard: { 'requests.example.com/gpu': '3' } } });
    const claims = '/apis/resource.k8s.io/v1/namespaces/a/resourceclaims';
    const claim = (name: string) => ({ metadata: { name }, spec: { devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'gpu', count: 2 } }] } } });
    const gpus = (amount: string) => ({ requests: { 'example.com/gpu': amount }, limits: { 'example.com/gpu': amount } });
    await cluster.ask('POST', claims, claim('one'));
    expect(await cluster.refusal('POST', claims, claim('two'))).toContain('exceeded quota: gpus, requested: requests.example.com/gpu=2, used: requests.example.com/gpu=2, limited: requests.example.com/gpu=3');
    expect(await cluster.refusal('POST', pods('a'), pod('greedy', gpus('2')))).toContain('exceeded quota: gpus, requested: requests.example.com/gpu=2, used: requests.example.com/gpu=2');
    await cluster.ask('POST', pods('a'), pod('modest', gpus('1')));
    expect(await cluster.refusal('POST', pods('a'), pod('late', gpus('1')))).toContain('used: requests.example.com/gpu=3');
  });
});

describe('a pod that is resized', () => {
  const resize = (name: string) => `${pods('a')}/${name}/resize`;
  const amounts = (cpu: string) => ({ requests: { cpu } });
  const setStatus = async (name: string, status: object) => {
    const found = await cluster.ask<Node>('GET', `/api/v1/nodes/${name}`);
    await cluster.ask('PUT', `/api/v1/nodes/${name}/status`, { ...found, status: { ...found.status, ...status } });
  };
  const node = async (name: string, status: object, labels: object = {}) => {
    await cluster.ask('POST', '/api/v1/nodes', { metadata: { name, labels } });
    await setStatus(name, status);
  };
  beforeAll(async () => {
    await node('small', { allocatable: { cpu: '2', memory: '1Gi' } });
    await node('windows', { allocatable: { cpu: '2' } }, { 'kubernetes.io/os': 'windows' });
    for (const nodeName of ['small', 'windows', 'gone']) await cluster.ask('POST', pods('a'), pod(`on-${nodeName}`, amounts('1'), { nodeName }));
  });
  const grown = async (name: string, change: (spec: NonNullable<Pod['spec']>) => void): Promise<Pod> => {
    const found = cloneJson(await cluster.ask<Pod>('GET', `${pods('a')}/${name}`));
    change(found.spec!);
    return found;
  };
  const to = (cpu: string) => (spec: NonNullable<Pod['spec']>) => void (spec.containers[0]!.resources = amounts(cpu));

  it('cannot outgrow its node', async () => {
    await cluster.ask('PUT', resize('on-small'), await grown('on-small', to('2')));
    expect(await cluster.refusal('PUT', resize('on-small'), await grown('on-small', to('2500m')))).toBe(
      'pods "on-small" is forbidden: node didn\'t have enough allocatable resources: cpu, requested: 2500, allocatable: 2000',
    );
  });
  it('has to be on a node that there is, of an operating system that can do it', async () => {
    expect(await cluster.refusal('PUT', resize('on-gone'), await grown('on-gone', to('500m')))).toBe('pods "on-gone" is forbidden: node "gone" not found');
    expect(await cluster.refusal('PUT', resize('on-windows'), await grown('on-windows', to('500m')))).toBe(
      'pods "on-windows" is forbidden: pod resize is only supported on linux nodes, node "windows" is "windows"',
    );
  });
  it('needs a kubelet that can do it where it is resized as a whole', async () => {
    const whole = await grown('on-small', (spec) => void (spec.resources = amounts('2')));
    expect(await cluster.refusal('PUT', resize('on-small'), whole)).toBe(
      'pods "on-small" is forbidden: pod update requires features InPlacePodLevelResourcesVerticalScaling which are not available on node "small"',
    );
    await setStatus('small', { declaredFeatures: ['InPlacePodLevelResourcesVerticalScaling'] });
    await cluster.ask('PUT', resize('on-small'), whole);
  });
});

it('a claim without a class gets the default one', async () => {
  const claim = { metadata: { name: 'c' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } };
  const made = await cluster.ask<PersistentVolumeClaim>('POST', '/api/v1/namespaces/a/persistentvolumeclaims', claim);
  expect(made.spec).toMatchObject({ storageClassName: 'standard', volumeMode: 'Filesystem' });
  const moved = { ...made, spec: { ...made.spec, accessModes: ['ReadOnlyMany'] } };
  expect(await cluster.refusal('PUT', '/api/v1/namespaces/a/persistentvolumeclaims/c', moved)).toContain(
    'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
  );
});

it('a new node takes no pods yet', async () => {
  const made = await cluster.ask<{ spec: object }>('POST', '/api/v1/nodes', { metadata: { name: 'n' } });
  expect(made.spec).toEqual({ taints: [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }] });
});

it("a node's credentials are good for that node", async () => {
  const node = { name: 'system:node:n', groups: ['system:nodes', 'system:masters'] };
  expect(await cluster.refusal('POST', '/api/v1/nodes', { metadata: { name: 'other' } }, node)).toBe('nodes "other" is forbidden: node "n" is not allowed to modify node "other"');
  expect(await cluster.refusal('POST', pods('a'), pod('mine'), node)).toContain('node "n" can only create mirror pods');
});
