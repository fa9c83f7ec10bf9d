import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootstrapCluster } from '../../../../main/bootstrap/index.ts';
import type { DaemonSet, Job, LimitRange, Node, PersistentVolume, PersistentVolumeClaim, Service } from '../../../../main/api/index.ts';
import type { KubeObject } from '../../../../main/api/meta.ts';
import { TestCluster } from './testCluster.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start();
  await bootstrapCluster(cluster.client());
});
afterAll(() => cluster.close());

const core = '/api/v1/namespaces/default';
const apps = '/apis/apps/v1/namespaces/default';
const batch = '/apis/batch/v1/namespaces/default';
const pod = { containers: [{ name: 'c', image: 'i' }] };
const template = { metadata: { labels: { app: 'x' } }, spec: pod };
const chosen = { manualSelector: true, selector: { matchLabels: { app: 'x' } } };
const differ = '`selector` does not match template `labels`';

describe('what is wrong is said as Kubernetes says it', () => {
  it('also of an object whose name is generated', async () => {
    const body = { metadata: { generateName: 'bad-' }, spec: { selector: { matchLabels: { app: 'x' } }, template: { metadata: { labels: {} }, spec: pod } } };
    expect(await cluster.refusal('POST', `${apps}/deployments`, body)).toContain(`spec.template.metadata.labels: Invalid value: {}: ${differ}`);
  });

  it.each<[string, string, object, string]>([
    ['a deployment without a selector', `${apps}/deployments`, { spec: { template } }, `[spec.selector: Required value, spec.template.metadata.labels: Invalid value: {"app":"x"}: ${differ}]`],
    ['a daemon set without one', `${apps}/daemonsets`, { spec: { template } }, `spec.template.metadata.labels: Invalid value: {"app":"x"}: ${differ}`],
    ['a strategy', `${apps}/deployments`, { spec: { selector: { matchLabels: { app: 'x' } }, template, strategy: { type: 'X' } } }, 'spec.strategy: Unsupported value: {"Type":"X","RollingUpdate":null}: supported values: "Recreate", "RollingUpdate"'],
    ['a finalizer', `${core}/configmaps`, { metadata: { finalizers: ['x'] } }, 'metadata.finalizers[0]: Invalid value: "x": name is neither a standard finalizer name nor is it fully qualified'],
    ['a taint', '/api/v1/nodes', { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }, { key: 'k', effect: 'NoSchedule' }] } }, 'metadata.taints[1]: Duplicate value: {"Key":"k","Value":"","Effect":"NoSchedule","TimeAdded":null}: taints must be unique by key and effect pair'],
    ['networks of one family', '/api/v1/nodes', { spec: { podCIDRs: ['10.0.0.0/24', '10.1.0.0/24'] } }, 'spec.podCIDRs: Invalid value: ["10.0.0.0/24","10.1.0.0/24"]: may specify no more than one CIDR for each IP family'],
    ['a selector that the cluster has not chosen', `${batch}/jobs`, { spec: { selector: { matchLabels: { app: 'x' } }, template: { ...template, spec: { ...pod, restartPolicy: 'Never' } } } }, '`selector` not auto-generated'],
    ['a manager of a job', `${batch}/jobs`, { spec: { managedBy: 'x', template: { spec: { ...pod, restartPolicy: 'Never' } } } }, 'spec.managedBy: Invalid value: "x": must be a domain-prefixed path (such as "acme.io/foo")'],
    ['an address', `${core}/endpoints`, { subsets: [{ addresses: [{ ip: 'x' }] }] }, '[subsets[0].addresses[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff), subsets[0].addresses[0].ip: Invalid value: "x": must be a valid IP address]'],
    ['labels that are there, but none', `${apps}/deployments`, { spec: { selector: { matchLabels: { app: 'x' } }, template: { metadata: { labels: {} }, spec: pod } } }, `spec.template.metadata.labels: Invalid value: {}: ${differ}`],
    ['labels that are not there', `${apps}/deployments`, { spec: { selector: { matchLabels: { app: 'x' } }, template: { spec: pod } } }, `spec.template.metadata.labels: Invalid value: null: ${differ}`],
    ['an autoscaler that says that there are no policies', '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers', { spec: { scaleTargetRef: { kind: 'Deployment', name: 'd' }, maxReplicas: 2, behavior: { scaleUp: { policies: [] } } } }, 'spec.behavior.scaleUp.policies: Required value: must specify at least one Policy'],
    ['a range of no resource', `${core}/limitranges`, { spec: { limits: [{ type: 'PersistentVolumeClaim', min: { storage: '1' }, max: { k: '1' } }] } }, 'spec.limits[0].max[k]: Invalid value: "k": must be a standard resource type or fully qualified'],
    ['a budget with two aims', '/apis/policy/v1/namespaces/default/poddisruptionbudgets', { spec: { minAvailable: 1, maxUnavailable: 1 } }, 'spec: Invalid value: {"MinAvailable":1,"Selector":null,"MaxUnavailable":1,"UnhealthyPodEvictionPolicy":null}: minAvailable and maxUnavailable cannot be both set'],
    ['a template of claims that names them', '/apis/resource.k8s.io/v1/namespaces/default/resourceclaimtemplates', { spec: { metadata: { name: 'x', uid: 'u' }, spec: {} } }, '[spec.metadata.name: Forbidden: cannot be set, spec.metadata.uID: Forbidden: cannot be set]'],
    ['an address of a service, before all else', `${core}/services`, { spec: { clusterIP: 'x' } }, 'Service "bad" is invalid: spec.clusterIPs[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
    ['a node port for two ports, before all else', `${core}/services`, { spec: { type: 'NodePort', sessionAffinity: 'x', ports: [{ name: 'a', port: 1, nodePort: 30001 }, { name: 'b', port: 2, nodePort: 30001 }] } }, 'is invalid: spec.ports[1].nodePort: Invalid value: 30001: provided port is already allocated'],
    ['an address of a family that the cluster has not', `${core}/services`, { spec: { clusterIP: 'fd00::1', ports: [{ port: 1 }] } }, 'is invalid: spec.clusterIPs[0]: Invalid value: ["fd00::1"]: IPv6 is not configured on this cluster'],
    ['two families where there is one', `${core}/services`, { spec: { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv4', 'IPv6'], ports: [{ port: 1 }] } }, '[spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services, spec.ipFamilies[1]: Invalid value: "IPv6": not configured on this cluster]'],
    ['pods to be avoided without a word of which', '/api/v1/nodes', { metadata: { annotations: { 'scheduler.alpha.kubernetes.io/preferAvoidPods': '{"preferAvoidPods":[{}]}' } } }, 'metadata.annotations.scheduler.alpha.kubernetes.io/preferAvoidPods[0].PodSignature: Required value'],
    ['a revision of no object', `${apps}/controllerrevisions`, { data: 0.5, revision: 1 }, 'data: Required value: data must be a valid JSON object'],
    ['an endpoint for too many zones', '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', { addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'], hints: { forZones: Array.from({ length: 9 }, (_, i) => ({ name: `z${i}` })) } }] }, 'endpoints[0].hints.forZones: Too many: 9: must have at most 8 items'],
    ['what a runtime costs, in no resource', '/apis/node.k8s.io/v1/runtimeclasses', { handler: 'h', overhead: { podFixed: { x: '1' } } }, 'overhead.limits[x]: Invalid value: "x": must be a standard resource for containers'],
    ['tokens in secrets where there are none', '/apis/storage.k8s.io/v1/csidrivers', { spec: { serviceAccountTokenInSecrets: true } }, 'spec.serviceAccountTokenInSecrets: Invalid value: true: serviceAccountTokenInSecrets is set but no tokenRequests are specified'],
    ['the first label of a signer that is none', '/apis/certificates.k8s.io/v1/certificatesigningrequests', { spec: { request: '', signerName: 'A.B/c', usages: ['any'] } }, 'spec.signerName: Invalid value: "A.B": validating label "A"'],
    ['a time zone where a schedule should be', `${batch}/cronjobs`, { spec: { schedule: 'TZ=UTC', jobTemplate: { spec: { template: { spec: { ...pod, restartPolicy: 'Never' } } } } } }, 'spec.schedule: Invalid value: "TZ=UTC": invalid schedule format: runtime error: slice bounds out of range [:-1]'],
    ['a time zone in other letters', `${batch}/cronjobs`, { spec: { schedule: '* * * * *', timeZone: 'europe/berlin', jobTemplate: { spec: { template: { spec: { ...pod, restartPolicy: 'Never' } } } } } }, 'spec.timeZone: Invalid value: "europe/berlin": unknown time zone europe/berlin'],
    ['a time zone that would be a path', `${batch}/cronjobs`, { spec: { schedule: '* * * * *', timeZone: 'a..b', jobTemplate: { spec: { template: { spec: { ...pod, restartPolicy: 'Never' } } } } } }, 'spec.timeZone: Invalid value: "a..b": time: invalid location name'],
    ['the time zone of nobody in particular', `${batch}/cronjobs`, { spec: { schedule: '* * * * *', timeZone: 'local', jobTemplate: { spec: { template: { spec: { ...pod, restartPolicy: 'Never' } } } } } }, '[spec.timeZone: Invalid value: "local": timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones, spec.timeZone: Invalid value: "local": unknown time zone local]'],
    ['a volume of the root that would be emptied', '/api/v1/persistentvolumes', { spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], persistentVolumeReclaimPolicy: 'Recycle', hostPath: { path: '/a/..' } } }, "may not be 'recycle' for a hostPath mount of '/'"],
    ['a disk of another kind than its address', '/api/v1/persistentvolumes', { spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], azureDisk: { diskName: 'd', diskURI: 'x' } } }, 'spec.azureDisk.diskURI: Unsupported value: "x": supported values: "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"'],
  ])('%s', async (_name, path, object, finding) => {
    const metadata = { name: 'bad', ...(object as KubeObject).metadata };
    expect(await cluster.refusal('POST', path, { ...object, metadata })).toContain(finding);
  });

  it('and what is refused keeps neither its address nor its ports', async () => {
    const service = (name: string) => ({ metadata: { name }, spec: { type: 'NodePort', clusterIP: '10.96.77.77', sessionAffinity: name === 'bad' ? 'x' : 'None', ports: [{ port: 1, nodePort: 30077 }] } });
    expect(await cluster.refusal('POST', `${core}/services`, service('bad'))).toContain('spec.sessionAffinity: Unsupported value: "x"');
    const made = await cluster.ask<Service>('POST', `${core}/services`, service('good'));
    expect(made.spec).toMatchObject({ clusterIP: '10.96.77.77', ports: [{ nodePort: 30077 }] });
    expect(await cluster.refusal('PUT', `${core}/services/good`, { ...made, spec: { ...made.spec, clusterIP: '10.96.77.78', clusterIPs: ['10.96.77.78'] } })).toContain('spec.clusterIPs[0]: Invalid value: ["10.96.77.78"]: may not change once set');
    await cluster.ask('DELETE', `${core}/services/good`);
  });

  it('a budget may have any name, a controller of old no longer one than bytes allow', async () => {
    await cluster.ask('POST', '/apis/policy/v1/namespaces/default/poddisruptionbudgets', { metadata: { name: 'Any_Name!' } });
    expect(await cluster.refusal('POST', `${core}/replicationcontrollers`, { metadata: { name: 'x'.repeat(254) } })).toContain('must be no more than 253 bytes');
  });
});

let made = 0;

describe('what may not change is shown as the server holds it, with nothing left out', () => {
  it.each<[string, string, object, object, string]>([
    ['the source of a volume', '/api/v1/persistentvolumes', { spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], local: { path: '/a' }, nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'k', operator: 'Exists' }] }] } } } }, { spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], local: { path: '/b' }, nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'k', operator: 'Exists' }] }] } } } }, '  "Local": {\n-  "Path": "/a",\n+  "Path": "/b",\n   "FSType": null\n'],
    ['a claim', `${core}/persistentvolumeclaims`, { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } }, { spec: { accessModes: ['ReadOnlyMany'], resources: { requests: { storage: '1Gi' } } } }, ' {\n  "AccessModes": [\n-  "ReadWriteOnce"\n+  "ReadOnlyMany"\n  ],\n  "Selector": null,'],
    ['a claim of devices', '/apis/resource.k8s.io/v1/namespaces/default/resourceclaims', {}, { spec: { devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'c' } }] } } }, '{"Devices":{"Requests":[{"Name":"r","Exactly":{"DeviceClassName":"c","Selectors":null,"AllocationMode":"ExactCount","Count":1,"AdminAccess":null,"Tolerations":null,"Capacity":null},"FirstAvailable":null}],"Constraints":null,"Config":null}}: field is immutable'],
    ['a storage class', '/apis/storage.k8s.io/v1/storageclasses', { provisioner: 'a.b/c' }, { provisioner: 'x' }, 'provisioner: Invalid value: "x": field is immutable'],
    ['the role of a binding', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', { roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' } }, { roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' } }, 'roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"ClusterRole","Name":"edit"}: cannot change roleRef'],
    ['the template of a job that runs', `${batch}/jobs`, { spec: { ...chosen, template: { metadata: template.metadata, spec: { ...pod, restartPolicy: 'Never' } } } }, { spec: { ...chosen, template: { metadata: template.metadata, spec: { ...pod, restartPolicy: 'OnFailure' } } } }, 'spec.template: Invalid value: {"labels":{'],
    ['what a suspended job does', `${batch}/jobs`, { spec: { ...chosen, suspend: true, template: { metadata: template.metadata, spec: { ...pod, restartPolicy: 'Never' } } } }, { spec: { ...chosen, suspend: true, template: { metadata: template.metadata, spec: { containers: [{ name: 'c', image: 'j' }], restartPolicy: 'Never' } } } }, 'spec.template.spec: Invalid value: {"Volumes":null,'],
    ['how often an indexed job is done', `${batch}/jobs`, { spec: { ...chosen, completionMode: 'Indexed', completions: 2, parallelism: 1, template: { metadata: template.metadata, spec: { ...pod, restartPolicy: 'Never' } } } }, { spec: { ...chosen, completionMode: 'Indexed', completions: 3, parallelism: 1, template: { metadata: template.metadata, spec: { ...pod, restartPolicy: 'Never' } } } }, 'spec.completions: Invalid value: 3: can only be modified in tandem with spec.parallelism'],
    ['the driver of a node', '/apis/storage.k8s.io/v1/csinodes', { spec: { drivers: [{ name: 'a.b', nodeID: 'n', allocatable: { count: 1 } }] } }, { spec: { drivers: [{ name: 'a.b', nodeID: 'm', allocatable: { count: 2 } }] } }, 'spec.drivers: Invalid value: {"Name":"a.b","NodeID":"m","TopologyKeys":null,"Allocatable":null}: field is immutable'],
    ['an attachment', '/apis/storage.k8s.io/v1/volumeattachments', { spec: { attacher: 'a.b', nodeName: 'n', source: { persistentVolumeName: 'v' } } }, { spec: { attacher: 'a.b', nodeName: 'm', source: { persistentVolumeName: 'v' } } }, 'spec: Invalid value: {"Attacher":"a.b","Source":{"PersistentVolumeName":"v","InlineVolumeSpec":null},"NodeName":"m"}: field is immutable'],
    ['where a class of runtimes is', '/apis/node.k8s.io/v1/runtimeclasses', { handler: 'h' }, { handler: 'h', scheduling: { nodeSelector: { 'a!': 'b' } } }, 'scheduling.nodeSelector: Invalid value: "a!": name part must consist of'],
    ['a finalizer added to a config map', `${core}/configmaps`, {}, { metadata: { finalizers: ['x'] } }, 'metadata.finalizers[0]: Invalid value: "x": name is neither a standard finalizer name nor is it fully qualified'],
  ])('%s', async (_name, path, object, changed, finding) => {
    const metadata = { name: `kept-${++made}` };
    const { metadata: kept } = await cluster.ask('POST', path, { ...object, metadata });
    expect(await cluster.refusal('PUT', `${path}/${metadata.name}`, { ...changed, metadata: { ...metadata, resourceVersion: kept?.resourceVersion, ...(changed as KubeObject).metadata } })).toContain(finding);
  });
});

it('what is suspended may still be told where to go and what it gets', async () => {
  const spec = { ...chosen, suspend: true, template: { ...template, spec: { ...pod, restartPolicy: 'Never' } } };
  await cluster.ask('POST', `${batch}/jobs`, { metadata: { name: 'waits' }, spec });
  const told = { ...spec.template.spec, nodeSelector: { a: 'b' }, containers: [{ ...pod.containers[0], resources: { limits: { cpu: '1' } } }] };
  const object = await cluster.ask<Job>('PUT', `${batch}/jobs/waits`, { metadata: { name: 'waits' }, spec: { ...spec, template: { ...template, spec: told } } });
  expect(object.spec?.template?.spec).toMatchObject({ nodeSelector: { a: 'b' }, containers: [{ resources: { limits: { cpu: '1' } } }] });
});

it('what is wrong with changed metadata is told as often as it is judged', async () => {
  await cluster.ask('POST', `${core}/configmaps`, { metadata: { name: 'labeled' } });
  const refused = cluster.ask('PUT', `${core}/configmaps/labeled`, { metadata: { name: 'labeled', labels: { a: '!' } } });
  const labels: unknown = expect.objectContaining({ field: 'metadata.labels' });
  await expect(refused).rejects.toMatchObject({ status: { details: { causes: [labels, labels, labels, labels] } } });
});

it('the priority of what keeps a cluster going stays', async () => {
  const classes = '/apis/scheduling.k8s.io/v1/priorityclasses';
  expect(await cluster.refusal('DELETE', `${classes}/system-node-critical`)).toBe(
    'priorityclasses.scheduling.k8s.io "system-node-critical" is forbidden: this is a system priority class and cannot be deleted',
  );
  await cluster.ask('POST', classes, { metadata: { name: 'own' }, value: 1 });
  await cluster.ask('DELETE', `${classes}/own`);
  // Whoever deletes a whole collection is not asked again for each: nothing is left half done.
  expect(await cluster.ask('DELETE', `${classes}?fieldSelector=metadata.name%3Dsystem-node-critical`)).toMatchObject({ items: [{ metadata: { name: 'system-node-critical' } }] });
  await cluster.ask('POST', classes, { metadata: { name: 'system-node-critical' }, value: 2_000_001_000 });
});

it('a new object cannot say which revision it is, an action of a pod has to name it', async () => {
  expect(await cluster.refusal('POST', `${core}/configmaps`, { metadata: { name: 'rv', resourceVersion: '1' } })).toBe('resourceVersion should not be set on objects to be created');
  expect(await cluster.refusal('POST', `${core}/pods/p/binding`, { target: { name: 'n' } })).toBe('name in URL does not match name in Binding object');
  expect(await cluster.refusal('POST', `${core}/pods/p/eviction`, {})).toBe('name in URL does not match name in Eviction object');
});

it('a patch cannot make another kind of an object', async () => {
  await cluster.ask('POST', `${core}/configmaps`, { metadata: { name: 'kind' } });
  const patch = { method: 'PATCH', path: `${core}/configmaps/kind`, contentType: 'application/merge-patch+json', body: { kind: 'Secret' } } as const;
  await expect(cluster.client().request(patch)).rejects.toThrow('converting (v1.Secret) to (core.ConfigMap): unknown conversion');
});

describe('what is left open is filled in', () => {
  it('a range of limits gets a name', async () => {
    const range = await cluster.ask<LimitRange>('POST', `${core}/limitranges`, { metadata: {} });
    expect(range.metadata!.name).toBe(range.metadata!.uid);
  });

  it('a node has its network in both fields', async () => {
    const node = await cluster.ask<Node>('POST', '/api/v1/nodes', { metadata: { name: 'n' }, spec: { podCIDR: '10.9.0.0/24' } });
    expect(node.spec!.podCIDRs).toEqual(['10.9.0.0/24']);
  });

  it('a claim forgets a source that only the newer field can name', async () => {
    const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, dataSource: { apiGroup: 'example.com', kind: 'Backup', name: 'b' } };
    const claim = await cluster.ask<PersistentVolumeClaim>('POST', `${core}/persistentvolumeclaims`, { metadata: { name: 'c' }, spec });
    expect(claim.spec).not.toHaveProperty('dataSource');
    expect(claim.spec).not.toHaveProperty('dataSourceRef');
  });

  it('a claim forgets a source in another namespace', async () => {
    const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, dataSourceRef: { kind: 'PersistentVolumeClaim', name: 'c', namespace: 'other' } };
    expect((await cluster.ask<PersistentVolumeClaim>('POST', `${core}/persistentvolumeclaims`, { metadata: { name: 'near' }, spec })).spec).not.toHaveProperty('dataSourceRef');
  });

  it('an account keeps the names of its secrets and nothing else of them', async () => {
    const account = { metadata: { name: 'keeper' }, secrets: [{ name: 's', kind: 'Secret', uid: 'u' }] };
    expect(await cluster.ask('POST', `${core}/serviceaccounts`, account)).toMatchObject({ secrets: [{ name: 's' }] });
    expect(await cluster.ask('GET', `${core}/serviceaccounts/keeper`)).not.toHaveProperty('secrets.0.uid');
  });

  it('what belongs to features that are off is forgotten', async () => {
    const lease = { metadata: { name: 'l' }, spec: { strategy: 'OldestEmulationVersion', holderIdentity: 'h' } };
    expect(await cluster.ask('POST', '/apis/coordination.k8s.io/v1/namespaces/default/leases', lease)).not.toHaveProperty('spec.strategy');
    const deployment = { metadata: { name: 'grouped' }, spec: { selector: { matchLabels: { app: 'x' } }, template: { ...template, spec: { ...pod, schedulingGroup: { podGroupName: 'g' } } } } };
    expect(await cluster.ask('POST', `${apps}/deployments`, deployment)).not.toHaveProperty('spec.template.spec.schedulingGroup');
    const node = { metadata: { name: 'configured' }, spec: { configSource: {} } };
    expect(await cluster.ask('POST', '/api/v1/nodes', node)).not.toHaveProperty('spec.configSource');
  });

  it('a token that nobody knows is said to be one', async () => {
    const review = { spec: { token: 'x' } };
    expect(await cluster.ask('POST', '/apis/authentication.k8s.io/v1/tokenreviews', review)).toMatchObject({ status: { user: {}, error: 'invalid bearer token' } });
    expect(await cluster.refusal('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { spec: {} })).toBe('token is required for TokenReview in authentication');
  });

  it('an image that cannot be read is not taken for the latest', async () => {
    const made = await cluster.ask<DaemonSet>('POST', `${apps}/daemonsets`, {
      metadata: { name: 'images' },
      spec: { selector: { matchLabels: { app: 'x' } }, template: { ...template, spec: { containers: [{ name: 'a', image: 'Bad!' }, { name: 'b', image: 'host:5000/a' }, { name: 'c', image: 'a:1' }, { name: 'd', image: 'a'.repeat(256) }] } } },
    });
    expect(made.spec!.template.spec!.containers.map(({ imagePullPolicy }) => imagePullPolicy)).toEqual(['IfNotPresent', 'Always', 'IfNotPresent', 'IfNotPresent']);
  });

  it('a dry run shows the address and ports that a Service would get, and takes none', async () => {
    const spec = { type: 'NodePort', ports: [{ name: 'a', port: 80 }, { name: 'b', port: 81 }] };
    const before = cluster.store.revision;
    const shown = await cluster.ask<Service>('POST', `${core}/services?dryRun=All`, { metadata: { name: 'dry' }, spec });
    expect(shown.spec!.clusterIP).toMatch(/^10\.96\./);
    expect(shown.spec!.ports!.map(({ nodePort }) => nodePort)).toEqual([32769, 32770]);
    expect(cluster.store.revision).toBe(before);
  });
});

describe('who owns what', () => {
  const fieldsOf = (object: KubeObject) => object.metadata!.managedFields![0]!.fieldsV1 as Record<string, Record<string, object>>;

  it('nobody owns a status by writing the object', async () => {
    const job = await cluster.ask<Job>('POST', `${batch}/jobs`, { metadata: { name: 'owned' }, spec: { template: { spec: { ...pod, restartPolicy: 'Never' } } }, status: { active: 1 } });
    expect(Object.keys(fieldsOf(job))).toEqual(['f:spec']);
  });

  it('a reference to a claim is owned field by field', async () => {
    const volume = await cluster.ask<PersistentVolume>('POST', '/api/v1/persistentvolumes', {
      metadata: { name: 'v' },
      spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, hostPath: { path: '/x' }, claimRef: { name: 'c', namespace: 'default' } },
    });
    expect(fieldsOf(volume)['f:spec']!['f:claimRef']).toEqual({ '.': {}, 'f:name': {}, 'f:namespace': {} });
  });
});
