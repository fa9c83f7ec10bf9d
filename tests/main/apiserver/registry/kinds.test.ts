import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootstrapCluster, ensureEndpoints } from '../../../../main/bootstrap/index.ts';
import type { ConfigMap, Deployment, Pod, Service } from '../../../../main/api/index.ts';
import { TestCluster } from './testCluster.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start();
  await bootstrapCluster(cluster.client());
  await ensureEndpoints(cluster.client(), [{ ip: '10.244.0.2', port: 6443 }]);
  await cluster.ask('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
});
afterAll(() => cluster.close());

const pods = '/api/v1/namespaces/default/pods';
const services = '/api/v1/namespaces/default/services';
const deployments = '/apis/apps/v1/namespaces/default/deployments';
const web = (name: string) => ({
  metadata: { name },
  spec: {
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'web', image: 'web' }] } },
  },
});

describe('a fresh cluster', () => {
  it('has its namespaces, roles, classes and Services', async () => {
    const names = async (path: string) => ((await cluster.ask<{ items: ConfigMap[] }>('GET', path)).items ?? []).map((o) => o.metadata!.name);
    expect(await names('/api/v1/namespaces')).toEqual(['default', 'kube-node-lease', 'kube-public', 'kube-system']);
    expect(await names('/apis/rbac.authorization.k8s.io/v1/clusterroles')).toContain('system:aggregate-to-view');
    expect(await names('/apis/scheduling.k8s.io/v1/priorityclasses')).toEqual(['system-cluster-critical', 'system-node-critical']);
    expect(await names('/apis/storage.k8s.io/v1/storageclasses')).toEqual(['standard']);
    expect((await cluster.ask<Service>('GET', `${services}/kubernetes`)).spec?.clusterIP).toBe('10.96.0.1');
    expect((await cluster.ask<Service>('GET', '/api/v1/namespaces/kube-system/services/kube-dns')).spec?.clusterIPs).toEqual(['10.96.0.10']);
  });

  it('is left alone by a second start', async () => {
    const before = cluster.store.revision;
    await bootstrapCluster(cluster.client());
    await ensureEndpoints(cluster.client(), [{ ip: '10.244.0.2', port: 6443 }]);
    expect(cluster.store.revision).toBe(before);
  });
});

describe('a pod', () => {
  const makePod = (name: string) => cluster.ask<Pod>('POST', pods, { metadata: { name }, spec: { containers: [{ name: 'c', image: 'nginx' }] } });

  it('gets the defaults, the account and the tolerations that Kubernetes gives', async () => {
    const pod = await makePod('defaults');
    expect(pod.status).toEqual({ phase: 'Pending', qosClass: 'BestEffort' });
    const { spec } = pod;
    expect(spec).toMatchObject({
      dnsPolicy: 'ClusterFirst', enableServiceLinks: true, priority: 0, preemptionPolicy: 'PreemptLowerPriority', restartPolicy: 'Always',
      schedulerName: 'default-scheduler', securityContext: {}, serviceAccount: 'default', serviceAccountName: 'default', terminationGracePeriodSeconds: 30,
      tolerations: [
        { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
        { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
      ],
    });
    expect(spec!.volumes![0]!.name).toMatch(/^kube-api-access-[a-z0-9]{5}$/);
    expect(spec!.containers[0]).toEqual({
      name: 'c', image: 'nginx', imagePullPolicy: 'Always', resources: {}, terminationMessagePath: '/dev/termination-log', terminationMessagePolicy: 'File',
      volumeMounts: [{ name: spec!.volumes![0]!.name, readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }],
    });
  });

  it('is refused with the finding at the field', async () => {
    expect(await cluster.refusal('POST', pods, { metadata: { name: 'b' }, spec: { containers: [{ name: 'c' }] } })).toBe(
      'Pod "b" is invalid: spec.containers[0].image: Required value',
    );
  });

  it('may change its image and nothing else of its containers', async () => {
    const pod = await makePod('changed');
    const changed = (over: object) => ({ ...pod, spec: { ...pod.spec, containers: [{ ...pod.spec!.containers[0], ...over }] } });
    expect((await cluster.ask<Pod>('PUT', `${pods}/changed`, changed({ image: 'nginx:2' }))).spec!.containers[0]!.image).toBe('nginx:2');
    const again = await cluster.ask<Pod>('GET', `${pods}/changed`);
    const refusal = await cluster.refusal('PUT', `${pods}/changed`, { ...again, spec: { ...again.spec, hostNetwork: false, nodeName: 'x' } });
    expect(refusal).toContain('Pod "changed" is invalid: spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`');
    expect(refusal).toContain('+ "NodeName": "x"');
  });

  it('is bound to a node once', async () => {
    const binding = { metadata: { name: 'bound' }, target: { kind: 'Node', name: 'n1' } };
    const definition = { group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true };
    await makePod('bound');
    const before = await cluster.client().of(definition).get('default', 'bound');
    const asRead = JSON.stringify(before);
    await cluster.ask('POST', `${pods}/bound/binding`, binding);
    // Others hold the very object that was there.
    expect(JSON.stringify(before)).toBe(asRead);
    const pod = await cluster.ask<Pod>('GET', `${pods}/bound`);
    expect(pod.spec!.nodeName).toBe('n1');
    expect(pod.status!.conditions).toMatchObject([{ type: 'PodScheduled', status: 'True' }]);
    expect(await cluster.refusal('POST', `${pods}/bound/binding`, binding)).toBe(
      'Operation cannot be fulfilled on pods/binding "bound": pod bound is already assigned to node "n1"',
    );
  });

  it('is found by the fields that kubelets and schedulers look for', async () => {
    await makePod('found');
    await cluster.ask('POST', `${pods}/found/binding`, { metadata: { name: 'found' }, target: { kind: 'Node', name: 'n2' } });
    const found = await cluster.client().of({ group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true }).list('', { fieldSelector: 'spec.nodeName=n2' });
    expect(found.items.map((o) => o.metadata!.name)).toEqual(['found']);
  });
});

describe('a deployment', () => {
  it('gets its defaults and keeps its selector', async () => {
    const made = await cluster.ask<Deployment>('POST', deployments, web('web'));
    expect(made.metadata!.generation).toBe(1);
    expect(made.spec).toMatchObject({ replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } } });
    const moved = { ...made, spec: { ...made.spec!, selector: { matchLabels: { app: 'other' } }, template: { ...made.spec!.template, metadata: { labels: { app: 'other' } } } } };
    expect(await cluster.refusal('PUT', `${deployments}/web`, moved)).toBe(
      'Deployment.apps "web" is invalid: spec.selector: Invalid value: {"matchLabels":{"app":"other"}}: field is immutable',
    );
  });

  it('scales through its subresource', async () => {
    await cluster.ask('POST', deployments, web('scaled'));
    const scale = await cluster.ask<{ spec: { replicas: number }; status: object }>('GET', `${deployments}/scaled/scale`);
    expect(scale).toMatchObject({ kind: 'Scale', spec: { replicas: 1 }, status: { replicas: 0, selector: 'app=scaled' } });
    await cluster.ask('PUT', `${deployments}/scaled/scale`, { ...scale, spec: { replicas: 3 } });
    const scaled = await cluster.ask<Deployment>('GET', `${deployments}/scaled`);
    expect([scaled.spec!.replicas, scaled.metadata!.generation]).toEqual([3, 2]);
  });
});

describe('what an owner leaves behind when nobody says', () => {
  it.each([
    { kind: 'replication controller', path: '/api/v1/namespaces/default/replicationcontrollers', selector: undefined, left: ['orphan'] },
    { kind: 'job', path: '/apis/batch/v1/namespaces/default/jobs', selector: undefined, left: ['orphan'] },
    { kind: 'replica set', path: '/apis/apps/v1/namespaces/default/replicasets', selector: { matchLabels: { app: 'left' } }, left: undefined },
  ])('a $kind', async ({ path, selector, left }) => {
    const restartPolicy = path.includes('jobs') ? { restartPolicy: 'Never' } : {};
    const template = { metadata: { labels: { app: 'left' } }, spec: { ...restartPolicy, containers: [{ name: 'web', image: 'web' }] } };
    await cluster.ask('POST', path, { metadata: { name: 'left' }, spec: { ...(selector ? { selector } : {}), template } });
    const answer = await cluster.ask<Pod>('DELETE', `${path}/left`);
    expect(answer.metadata!.finalizers).toEqual(left);
  });
});

describe('a Service', () => {
  it('gets an address of its own, and no other may ask for it', async () => {
    const made = await cluster.ask<Service>('POST', services, { metadata: { name: 's1' }, spec: { ports: [{ port: 80 }], selector: { app: 'web' } } });
    expect(made.spec).toMatchObject({ type: 'ClusterIP', sessionAffinity: 'None', ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack', internalTrafficPolicy: 'Cluster' });
    expect(made.spec!.clusterIP).toMatch(/^10\.96\./);
    expect(made.spec!.clusterIPs).toEqual([made.spec!.clusterIP]);
    expect(made.spec!.ports).toEqual([{ port: 80, protocol: 'TCP', targetPort: 80 }]);
    const same = { metadata: { name: 's2' }, spec: { clusterIP: made.spec!.clusterIP, ports: [{ port: 80 }] } };
    expect(await cluster.refusal('POST', services, same)).toBe(
      `Service "s2" is invalid: spec.clusterIPs: Invalid value: ["${made.spec!.clusterIP}"]: failed to allocate IP ${made.spec!.clusterIP}: provided IP is already allocated`,
    );
    await cluster.ask('DELETE', `${services}/s1`);
    expect((await cluster.ask<Service>('POST', services, same)).spec!.clusterIP).toBe(made.spec!.clusterIP);
  });

  it('gives a node port to one of its ports only, whatever the protocol, and none of them to its health check', async () => {
    const ports = (...list: object[]) => ({ metadata: { name: 'shared' }, spec: { type: 'NodePort', ports: list } });
    const [tcp, udp] = [{ name: 'tcp', port: 53, nodePort: 30053 }, { name: 'udp', port: 53, protocol: 'UDP', nodePort: 30053 }];
    const taken = (field: string) => `Service "shared" is invalid: spec.${field}: Invalid value: 30053: provided port is already allocated`;
    expect(await cluster.refusal('POST', services, ports(tcp, { ...udp, port: 54 }))).toBe(taken('ports[1].nodePort'));
    const checked = { metadata: { name: 'shared' }, spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 30053, ports: [tcp] } };
    expect(await cluster.refusal('POST', services, checked)).toBe(taken('healthCheckNodePort'));
    expect((await cluster.ask<Service>('POST', services, ports(tcp, udp))).spec!.ports!.map(({ nodePort }) => nodePort)).toEqual([30053, 30053]);
    await cluster.ask('DELETE', `${services}/shared`);
  });

  it('keeps its node ports through updates and gives them back with its type', async () => {
    const made = await cluster.ask<Service>('POST', services, { metadata: { name: 'np' }, spec: { type: 'NodePort', ports: [{ port: 80, nodePort: 30007 }] } });
    expect(await cluster.refusal('POST', services, { metadata: { name: 'np2' }, spec: { type: 'NodePort', ports: [{ port: 80, nodePort: 30007 }] } })).toBe(
      'Service "np2" is invalid: spec.ports[0].nodePort: Invalid value: 30007: provided port is already allocated',
    );
    expect(await cluster.refusal('POST', services, { metadata: { name: 'np2' }, spec: { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] } })).toContain(
      'provided port is not in the valid range. The range of valid ports is 30000-32767',
    );
    const without = { ...made, spec: { ...made.spec, ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }] } };
    const kept = await cluster.ask<Service>('PUT', `${services}/np`, without);
    expect(kept.spec!.ports![0]!.nodePort).toBe(30007);
    const plain = await cluster.ask<Service>('PUT', `${services}/np`, { ...kept, spec: { ...kept.spec, type: 'ClusterIP' } });
    expect(plain.spec!.ports![0]!.nodePort).toBeUndefined();
    const other = await cluster.ask<Service>('POST', services, { metadata: { name: 'np3' }, spec: { type: 'NodePort', ports: [{ port: 80, nodePort: 30007 }] } });
    expect(other.spec!.ports![0]!.nodePort).toBe(30007);
  });

  it('never changes the address it has', async () => {
    const made = await cluster.ask<Service>('GET', `${services}/kubernetes`);
    expect(await cluster.refusal('PUT', `${services}/kubernetes`, { ...made, spec: { ...made.spec, clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'] } })).toBe(
      'Service "kubernetes" is invalid: spec.clusterIPs[0]: Invalid value: ["10.96.0.9"]: may not change once set',
    );
  });

  it('takes no address for a dry run', async () => {
    const body = { metadata: { name: 'dry' }, spec: { clusterIP: '10.96.77.7', ports: [{ port: 80 }] } };
    const transport = cluster.client().transport;
    await transport.request({ method: 'POST', path: services, query: { dryRun: 'All' }, body });
    expect((await cluster.ask<Service>('POST', services, { metadata: { name: 'dry' }, spec: { clusterIP: '10.96.77.7', ports: [{ port: 80 }] } })).spec!.clusterIP).toBe('10.96.77.7');
  });
});

describe('questions about access', () => {
  it('are answered for oneself and for others', async () => {
    const can = (verb: string, resource: string, user = { name: 'jo', groups: ['system:authenticated'] }) =>
      cluster.ask<{ status: { allowed: boolean } }>('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { spec: { resourceAttributes: { verb, resource, namespace: 'default' } } }, user);
    expect((await can('get', 'pods')).status.allowed).toBe(false);
    await cluster.ask('POST', '/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings', {
      metadata: { name: 'jo' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' }, subjects: [{ kind: 'User', name: 'jo' }],
    });
    expect((await can('get', 'pods')).status).toMatchObject({ allowed: true, reason: 'RBAC: allowed by RoleBinding "jo/default" of ClusterRole "view" to User "jo"' });
    expect((await can('delete', 'pods')).status.allowed).toBe(false);
    const who = await cluster.ask<{ status: { userInfo: object } }>('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {}, { name: 'jo', groups: ['system:authenticated'] });
    expect(who.status.userInfo).toEqual({ username: 'jo', groups: ['system:authenticated'] });
  });

  it('may be about a selection, which is understood as far as it can be', async () => {
    const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
    const ask = (attributes: object) => cluster.ask<{ status: object }>('POST', path, { spec: { user: 'jo', resourceAttributes: { verb: 'list', resource: 'pods', ...attributes } } });
    const is = (key: string, value: string) => ({ key, operator: 'In', values: [value] });
    expect((await ask({ fieldSelector: { rawSelector: 'spec.nodeName=a' }, labelSelector: { requirements: [is('app', 'web')] } })).status).toEqual({ allowed: false });
    expect((await ask({ fieldSelector: { requirements: [is('spec.nodeName', 'a'), { key: 'x', operator: 'Exists' }] }, labelSelector: { rawSelector: '!!' } })).status).toEqual({
      allowed: false,
      evaluationError: 'spec.resourceAttributes.fieldSelector partially ignored due to parse error; spec.resourceAttributes.labelSelector ignored due to parse error',
    });
    const body = { spec: { user: 'jo', resourceAttributes: { verb: 'list', resource: 'pods', fieldSelector: { rawSelector: 'a=b', requirements: [{ key: '', operator: 'In' }] } } } };
    expect(await cluster.refusal('POST', path, body)).toBe(
      '.authorization.k8s.io "" is invalid: [spec.resourceAttributes.fieldSelector.rawSelector: Invalid value: "a=b": may not specified at the same time as requirements, ' +
        "spec.resourceAttributes.fieldSelector.requirements[0].key: Required value: must be specified, spec.resourceAttributes.fieldSelector.requirements[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn']",
    );
  });
});
