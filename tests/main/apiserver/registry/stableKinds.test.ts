import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootstrapCluster } from '../../../../main/bootstrap/index.ts';
import type { FlowSchema, PriorityLevelConfiguration, ResourceResourceClaim, ResourceSlice, ServiceCIDR } from '../../../../main/api/index.ts';
import type { KubeObject } from '../../../../main/api/meta.ts';
import type { UserInfo } from '../../../../main/apiserver/index.ts';
import { TestCluster } from './testCluster.ts';

let cluster: TestCluster;
/** The priority levels of a cluster in which nobody has made one. */
let levels: string[];
beforeAll(async () => {
  cluster = await TestCluster.start();
  await bootstrapCluster(cluster.client());
  levels = await namesOf('prioritylevelconfigurations');
});
afterAll(() => cluster.close());

const flow = '/apis/flowcontrol.apiserver.k8s.io/v1';
const networking = '/apis/networking.k8s.io/v1';
const storage = '/apis/storage.k8s.io/v1';
const devices = '/apis/resource.k8s.io/v1';
const namesOf = async (resource: string) => (await cluster.ask<{ items: KubeObject[] }>('GET', `${flow}/${resource}`)).items.map(({ metadata }) => metadata!.name!);
const named = (name: string, more: object): KubeObject => ({ metadata: { name }, ...more });

describe('a fresh cluster', () => {
  it('has the mandatory and the suggested flows, and its service range', async () => {
    expect(levels).toEqual([
      'catch-all', 'exempt', 'global-default', 'leader-election', 'node-high', 'system', 'workload-high', 'workload-low',
    ]);
    expect(await namesOf('flowschemas')).toContain('kube-system-service-accounts');
    expect((await cluster.ask<ServiceCIDR>('GET', `${networking}/servicecidrs/kubernetes`)).spec).toEqual({ cidrs: ['10.96.0.0/16'] });
  });
});

describe('flow control', () => {
  it('fills in what a flow leaves open', async () => {
    const rules = [{ subjects: [{ kind: 'User', user: { name: 'jane' } }], nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/x/*'] }] }];
    const schema = await cluster.ask<FlowSchema>('POST', `${flow}/flowschemas`, named('a', { spec: { priorityLevelConfiguration: { name: 'a' }, rules } }));
    expect(schema.spec!.matchingPrecedence).toBe(1000);
    const level = await cluster.ask<PriorityLevelConfiguration>(
      'POST', `${flow}/prioritylevelconfigurations`, named('a', { spec: { type: 'Limited', limited: { limitResponse: { type: 'Queue', queuing: {} } } } }),
    );
    expect(level.spec).toEqual({
      type: 'Limited',
      limited: { nominalConcurrencyShares: 30, lendablePercent: 0, limitResponse: { type: 'Queue', queuing: { queues: 64, handSize: 8, queueLengthLimit: 50 } } },
    });
  });

  it('keeps the mandatory objects as they must be', async () => {
    const exempt = await cluster.ask<FlowSchema>('GET', `${flow}/flowschemas/exempt`);
    expect(await cluster.refusal('PUT', `${flow}/flowschemas/exempt`, { ...exempt, spec: { ...exempt.spec, matchingPrecedence: 2 } })).toContain(
      "spec of 'exempt' must equal the fixed value",
    );
  });

  it.each([
    ['flowschemas', {}, 'spec.priorityLevelConfiguration.name: Required value: must reference a priority level'],
    ['flowschemas', { priorityLevelConfiguration: { name: 'a' }, rules: [{}] }, '[spec.rules[0].subjects: Required value: subjects must contain at least one value, spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty]'],
    ['flowschemas', { priorityLevelConfiguration: { name: 'a' }, matchingPrecedence: 10001 }, 'spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000'],
    ['prioritylevelconfigurations', { type: 'Exempt' }, "spec.type: Invalid value: \"Exempt\": must be 'Exempt' if and only if `name` is 'exempt'"],
    ['prioritylevelconfigurations', { type: 'Limited', limited: { limitResponse: { type: 'Queue', queuing: { queues: 4, handSize: 5 } } } }, 'spec.limited.limitResponse.queuing.handSize: Invalid value: 5: should not be greater than queues (4)'],
  ])('refuses bad %s %j', async (resource, spec, finding) => {
    expect(await cluster.refusal('POST', `${flow}/${resource}`, named('bad', { spec }))).toContain(`"bad" is invalid: ${finding}`);
  });
});

describe('service ranges and addresses', () => {
  it('a range grows by another family only', async () => {
    await cluster.ask('POST', `${networking}/servicecidrs`, named('more', { spec: { cidrs: ['10.50.0.0/24'] } }));
    const grown = await cluster.ask<ServiceCIDR>('PUT', `${networking}/servicecidrs/more`, named('more', { spec: { cidrs: ['10.50.0.0/24', 'fd00::/112'] } }));
    expect(grown.spec!.cidrs).toEqual(['10.50.0.0/24', 'fd00::/112']);
    expect(await cluster.refusal('PUT', `${networking}/servicecidrs/more`, named('more', { spec: { cidrs: ['10.50.0.0/24'] } }))).toContain('field is immutable');
    expect(await cluster.refusal('POST', `${networking}/servicecidrs`, named('odd', { spec: { cidrs: ['10.50.0.1/24'] } }))).toContain(
      'spec.cidrs[0]: Invalid value: "10.50.0.1/24": must not have bits set beyond the prefix length',
    );
  });

  it('an address is named by itself and keeps its owner', async () => {
    const spec = { parentRef: { resource: 'services', namespace: 'default', name: 'web' } };
    expect(await cluster.refusal('POST', `${networking}/ipaddresses`, named('010.1.1.1', { spec }))).toContain('metadata.name: Invalid value: "010.1.1.1": must not have leading 0s');
    await cluster.ask('POST', `${networking}/ipaddresses`, named('10.1.1.1', { spec }));
    expect(await cluster.refusal('PUT', `${networking}/ipaddresses/10.1.1.1`, named('10.1.1.1', { spec: { parentRef: { ...spec.parentRef, name: 'other' } } }))).toContain(
      'spec.parentRef: Invalid value:',
    );
  });
});

describe('storage', () => {
  it('attributes of volumes name a driver and something to change, for good', async () => {
    expect(await cluster.refusal('POST', `${storage}/volumeattributesclasses`, named('fast', {}))).toBe(
      'VolumeAttributesClass.storage.k8s.io "fast" is invalid: [driverName: Required value, parameters: Required value: must contain at least one key/value pair]',
    );
    await cluster.ask('POST', `${storage}/volumeattributesclasses`, named('fast', { driverName: 'test.dev/d', parameters: { iops: '1' } }));
    expect(await cluster.refusal('PUT', `${storage}/volumeattributesclasses/fast`, named('fast', { driverName: 'test.dev/d', parameters: { iops: '2' } }))).toContain(
      'parameters: Forbidden: updates to parameters are forbidden.',
    );
  });

  it('capacity is updated only by who has seen it', async () => {
    const path = `${storage}/namespaces/default/csistoragecapacities`;
    const made = await cluster.ask('POST', path, named('c', { storageClassName: 'standard', capacity: '1Gi' }));
    expect(await cluster.refusal('PUT', `${path}/c`, named('c', { storageClassName: 'standard', capacity: '2Gi' }))).toContain('metadata.resourceVersion: Invalid value: 0: must be specified for an update');
    await cluster.ask('PUT', `${path}/c`, { ...made, capacity: '2Gi' });
  });
});

describe('devices', () => {
  const claims = `${devices}/namespaces/default/resourceclaims`;
  const request = { name: 'gpu', exactly: { deviceClassName: 'gpu.test.dev' } };
  const result = { request: 'gpu', driver: 'gpu.test.dev', pool: 'node-1', device: 'gpu-0' };

  it('a claim asks for one device unless it says otherwise, is allocated once, and forgets devices it has given back', async () => {
    const claim = await cluster.ask<ResourceResourceClaim>('POST', claims, named('one', { spec: { devices: { requests: [request] } }, status: { reservedFor: [] } }));
    expect(claim.spec.devices!.requests![0]!.exactly).toEqual({ deviceClassName: 'gpu.test.dev', allocationMode: 'ExactCount', count: 1 });
    expect(claim.status).toEqual({});
    const status = { allocation: { devices: { results: [result] } }, devices: [{ driver: 'gpu.test.dev', pool: 'node-1', device: 'gpu-0' }] };
    const allocated = await cluster.ask<ResourceResourceClaim>('PUT', `${claims}/one/status`, { ...claim, status });
    expect(allocated.status).toEqual(status);
    expect(await cluster.refusal('PUT', `${claims}/one/status`, { ...allocated, status: { allocation: { devices: { results: [{ ...result, device: 'gpu-1' }] } } } })).toContain(
      'status.allocation: Invalid value:',
    );
    const back = await cluster.ask<ResourceResourceClaim>('PUT', `${claims}/one/status`, { ...allocated, status: { devices: status.devices } });
    expect(back.status).toEqual({});
  });

  it('only who may bind claims gives them devices and consumers, and only who may speak for a driver says something of its devices', async () => {
    const onNode = (node: string): UserInfo => ({ name: 'system:serviceaccount:default:driver', groups: ['system:authenticated'], extra: { 'authentication.kubernetes.io/node-name': [node] } });
    const role = (name: string, rules: object[]) => cluster.ask('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', named(name, { rules }));
    const give = (name: string) =>
      cluster.ask('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', named(name, { subjects: [{ kind: 'ServiceAccount', namespace: 'default', name: 'driver' }], roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name } }));
    await role('status', [{ apiGroups: ['resource.k8s.io'], resources: ['resourceclaims/status'], verbs: ['update'] }]);
    await give('status');
    const claim = await cluster.ask<ResourceResourceClaim>('POST', claims, named('guarded', { spec: { devices: { requests: [request] } } }));
    const nodeSelector = { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['node-1'] }] }] };
    const status = { allocation: { devices: { results: [result] }, nodeSelector } };
    const put = (body: unknown, user?: UserInfo) => cluster.ask<ResourceResourceClaim>('PUT', `${claims}/guarded/status`, body, user);
    const no = (body: unknown, user: UserInfo) => cluster.refusal('PUT', `${claims}/guarded/status`, body, user);
    expect(await no({ ...claim, status }, onNode('node-1'))).toContain(
      'status.allocation: Forbidden: changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", verb="update" permission: resourceclaims.resource.k8s.io is forbidden: User "system:serviceaccount:default:driver" cannot update resource "resourceclaims/binding"',
    );
    const allocated = await put({ ...claim, status });
    const told = { ...allocated, status: { ...status, devices: [{ driver: 'gpu.test.dev', pool: 'node-1', device: 'gpu-0', data: { ready: true } }] } };
    expect(await no(told, onNode('node-1'))).toContain('status.devices: Forbidden: changing status.devices requires resource="resourceclaims/driver", verb="[associated-node:update arbitrary-node:update]" permission:');
    expect(await no(told, onNode('node-2'))).toContain('verb="[arbitrary-node:update]" permission: resourceclaims.resource.k8s.io "gpu.test.dev" is forbidden');
    await role('speak', [{ apiGroups: ['resource.k8s.io'], resources: ['resourceclaims/driver'], verbs: ['associated-node:update'], resourceNames: ['gpu.test.dev'] }]);
    await give('speak');
    expect(await no(told, onNode('node-2'))).toContain('status.devices: Forbidden');
    expect((await put(told, onNode('node-1'))).status).toEqual(told.status);
  });

  it('a claim is given access for administrators only in namespaces that are marked for it', async () => {
    const claim = await cluster.ask<ResourceResourceClaim>('POST', claims, named('plain', { spec: { devices: { requests: [request] } } }));
    const status = { allocation: { devices: { results: [{ ...result, adminAccess: true }] } } };
    expect(await cluster.refusal('PUT', `${claims}/plain/status`, { ...claim, status })).toContain('status.allocation.devices.results[0].adminAccess: Forbidden: admin access to devices requires the `resource.kubernetes.io/admin-access: true` label');
  });

  it.each([
    [{ requests: [{ name: 'gpu' }] }, 'spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required'],
    [{ requests: [request, request] }, 'spec.devices.requests[1]: Duplicate value: "gpu"'],
    [{ requests: [request], constraints: [{ requests: ['cpu'], matchAttribute: 'a.dev/x' }] }, "spec.devices.constraints[0].requests[0]: Invalid value: \"cpu\": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"],
    [{ requests: [{ name: 'gpu', exactly: { deviceClassName: 'c', allocationMode: 'All', count: 2 } }] }, "spec.devices.requests[0].exactly.count: Invalid value: 2: must not be specified when allocationMode is 'All'"],
  ])('refuses claims such as %j', async (wanted, finding) => {
    expect(await cluster.refusal('POST', claims, named('bad', { spec: { devices: wanted } }))).toBe(`ResourceClaim.resource.k8s.io "bad" is invalid: ${finding}`);
  });

  it('administrators use devices only from namespaces that are marked for it', async () => {
    const wanted = named('admin', { spec: { devices: { requests: [{ name: 'gpu', exactly: { ...request.exactly, adminAccess: true } }] } } });
    expect(await cluster.refusal('POST', claims, wanted)).toContain('admin access to devices requires the `resource.kubernetes.io/admin-access: true` label');
    await cluster.ask('POST', '/api/v1/namespaces', { metadata: { name: 'admins', labels: { 'resource.kubernetes.io/admin-access': 'true' } } });
    await cluster.ask('POST', claims.replace('default', 'admins'), wanted);
  });

  it('a slice counts its generations and says when a taint came', async () => {
    const spec = { driver: 'gpu.test.dev', nodeName: 'n1', pool: { name: 'n1', resourceSliceCount: 1 }, devices: [{ name: 'gpu-0', attributes: { model: { string: 'x' } }, taints: [{ key: 'broken', effect: 'NoSchedule' }] }] };
    const slice = await cluster.ask<ResourceSlice>('POST', `${devices}/resourceslices`, named('s', { spec }));
    expect(slice.metadata!.generation).toBe(1);
    expect(slice.spec.devices![0]!.taints![0]!.timeAdded).toMatch(/Z$/);
    const changed = await cluster.ask<ResourceSlice>('PUT', `${devices}/resourceslices/s`, { ...slice, spec: { ...slice.spec, devices: [] } });
    expect(changed.metadata!.generation).toBe(2);
    expect(await cluster.refusal('POST', `${devices}/resourceslices`, named('t', { spec: { ...spec, allNodes: true, devices: [{ name: 'A', attributes: { m: {} } }] } }))).toContain(
      'spec: Invalid value: "{`nodeName`, `allNodes`}": exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set',
    );
    const { items } = await cluster.ask<{ items: ResourceSlice[] }>('GET', `${devices}/resourceslices?fieldSelector=spec.nodeName=n1,spec.driver=gpu.test.dev`);
    expect(items).toHaveLength(1);
  });
});

describe('kinds without objects', () => {
  it('a posted Binding binds the pod that it names', async () => {
    await cluster.ask('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
    await cluster.ask('POST', '/api/v1/namespaces/default/pods', { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'x' }] } });
    await cluster.ask('POST', '/api/v1/namespaces/default/bindings', { metadata: { name: 'p' }, target: { kind: 'Node', name: 'n1' } });
    expect(await cluster.ask('GET', '/api/v1/namespaces/default/pods/p')).toMatchObject({ spec: { nodeName: 'n1' } });
  });

  it('components tell of themselves when they are asked', async () => {
    expect(await cluster.ask('GET', '/api/v1/componentstatuses')).toEqual({ kind: 'ComponentStatusList', apiVersion: 'v1', metadata: {}, items: [] });
    expect(await cluster.refusal('GET', '/api/v1/componentstatuses/etcd-0')).toBe('componentstatuses "etcd-0" not found');
  });
});
