import { mkdtemp, readdir, rm, stat, truncate } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Attempt } from '../../../main/api/attempt.ts';
import type { Pod } from '../../../main/api/index.ts';
import { createCluster, type ClusterOptions } from '../../../main/cluster.ts';
import { EndpointClient } from '../../../main/bridge/index.ts';

describe('the engine as one object', () => {
  let data: string;
  let options: ClusterOptions;

  beforeEach(async () => {
    data = await mkdtemp(path.join(os.tmpdir(), 'skiff-cluster-'));
    options = { data, name: 'one', runtime: 'simulated', nodes: 1, port: 0 };
  });
  afterEach(() => rm(data, { recursive: true, force: true }));

  const storeFolder = () => path.join(data, 'clusters/one/store');

  test('starts, answers over TLS, and finds everything again', async () => {
    const first = createCluster(options);
    const phases: string[] = [];
    first.onState((state) => phases.push(state.phase));
    await first.start();
    expect(phases.at(-1)).toBe('running');
    const client = new EndpointClient(first.endpoint!);
    const created = await client.request({
      method: 'POST',
      path: '/api/v1/namespaces/default/configmaps?fieldValidation=Warn',
      body: JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kept' }, dta: {} }),
    });
    expect(created).toMatchObject({ status: 201, warnings: ['unknown field "dta"'] });
    client.close();
    await first.stop();

    const second = createCluster(options);
    await second.start();
    expect(second.endpoint!.server).toBe(first.endpoint!.server);
    const again = new EndpointClient(second.endpoint!);
    expect((await again.request({ method: 'GET', path: '/api/v1/namespaces/default/configmaps/kept' })).status).toBe(200);
    again.close();
    await second.stop();
  });

  test.each([
    ['admissionConfig', 'the admission configuration'],
    ['auditPolicy', 'the audit policy'],
    ['schedulerConfig', "the scheduler's configuration"],
  ] as const)('names a file that cannot be read: %s', async (option, what) => {
    const file = path.join(data, 'missing.yaml');
    const cluster = createCluster({ ...options, [option]: file });
    await expect(cluster.start()).rejects.toThrow(`${what} ${file} cannot be used: ENOENT`);
    await cluster.stop();
  });

  test('tells why a pod is pending, node by node, and what pods ask for', async () => {
    const cluster = createCluster(options);
    await cluster.start();
    const client = new EndpointClient(cluster.endpoint!);
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'big' },
      spec: { automountServiceAccountToken: false, containers: [{ name: 'main', image: 'busybox', resources: { requests: { memory: '900Ti' } } }] },
    };
    const created = await client.request({ method: 'POST', path: '/api/v1/namespaces/default/pods', body: JSON.stringify(pod) });
    const { uid } = (JSON.parse(created.body) as Pod).metadata!;
    const told = async () => client.request({ method: 'GET', path: `/debug/scheduler/attempt?uid=${uid}` });
    await expect.poll(async () => (await told()).status).toBe(200);
    const attempt = JSON.parse((await told()).body) as Attempt;
    expect(attempt.nodes[0]).toMatchObject({ name: 'node-1', rejectedBy: 'NodeResourcesFit', shortages: [{ resource: 'memory', asked: '900Ti' }] });
    const asked = await client.request({ method: 'GET', path: '/metrics/resources' });
    expect(asked.body).toMatch(/^kube_pod_resource_request\{namespace="default",node="",pod="big",priority="0",resource="memory",scheduler="default-scheduler",unit="bytes"\} 989560464998400$/m);
    expect((await client.request({ method: 'GET', path: '/metrics' })).body).toMatch(/^apiserver_storage_size_bytes\{storage_cluster_id="etcd-0"\} [1-9]\d+$/m);
    client.close();
    await cluster.stop();
  });

  test('keeps what it writes to its owner', async () => {
    const cluster = createCluster(options);
    await cluster.start();
    await cluster.stop();
    const walk = async (folder: string): Promise<void> => {
      for (const entry of await readdir(folder, { withFileTypes: true })) {
        const file = path.join(folder, entry.name);
        expect([file, ((await stat(file)).mode & 0o777).toString(8)]).toEqual([file, entry.isDirectory() ? '700' : '600']);
        if (entry.isDirectory()) await walk(file);
      }
    };
    await walk(path.join(data, 'clusters/one'));
  });

  test('a store that has been emptied is not taken for a new one', async () => {
    const first = createCluster(options);
    await first.start();
    await first.stop();
    for (const name of await readdir(storeFolder())) await truncate(path.join(storeFolder(), name), 0);
    const second = createCluster(options);
    await expect(second.start()).rejects.toThrow(/is empty, though this cluster has been in use/);
    expect(second.state.phase).toBe('failed');
  });
});
