import { cp, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { etcdProgram, TestEtcd } from '../support/etcd.ts';
import { kubectlFor, startSkiff, type Skiff } from '../support/skiff.ts';

/** Two engines, each with a node, that keep one cluster in one etcd. */
describe.skipIf(!etcdProgram)('several engines on one etcd', () => {
  let etcd: TestEtcd;
  let directory: string;
  const engines: Skiff[] = [];
  const ends = new Set<Skiff>();

  const data = (name: string) => path.join(directory, name);
  const pki = (name: string) => path.join(data(name), 'clusters', name, 'pki');

  async function start(name: string): Promise<Skiff> {
    const engine = await startSkiff({ data: data(name), name, runtime: 'simulated', extra: ['--port', '0', '--etcd-servers', etcd.url] });
    ends.add(engine);
    return engine;
  }
  async function ask(engine: number, ...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await kubectlFor(engines[engine]!.kubeconfig)(...words);
    if (code !== 0) throw new Error(stderr);
    return stdout.trim();
  }
  const names = async (engine: number, kind: string) => (await ask(engine, 'get', kind, '-o', 'name')).split('\n');
  const holder = (engine: number) => ask(engine, '-n', 'kube-system', 'get', 'lease', 'kube-controller-manager', '-o', 'jsonpath={.spec.holderIdentity}');

  beforeAll(async () => {
    directory = await mkdtemp(path.join(os.tmpdir(), 'skiff-engines-'));
    etcd = await TestEtcd.start();
    engines.push(await start('one'));
    await expect(start('two')).rejects.toThrow('etcd holds a cluster with another certificate authority than the one in');
    await rm(pki('two'), { recursive: true });
    await cp(pki('one'), pki('two'), { recursive: true });
    engines.push(await start('two'));
  });

  afterAll(async () => {
    for (const engine of ends) await engine.kill();
    await etcd.dispose();
    await rm(directory, { recursive: true, force: true });
  });

  it('show one cluster, with the nodes of both', async () => {
    expect(await names(0, 'nodes')).toEqual(['node/node-1', 'node/node-5001']);
    await ask(1, 'create', 'deployment', 'web', '--image=nginx', '--replicas=4');
    await ask(0, 'rollout', 'status', 'deployment/web', '--timeout=60s');
    const pods = await names(0, 'pods');
    expect(pods).toHaveLength(4);
    expect(await names(1, 'pods')).toEqual(pods);
    const nodes = new Set((await ask(1, 'get', 'pods', '-o', 'jsonpath={.items[*].spec.nodeName}')).split(' '));
    expect([...nodes].sort()).toEqual(['node-1', 'node-5001']);
  });

  it('answer with what was written to the other a moment ago', async () => {
    for (let i = 0; i < 5; i++) {
      await ask(i % 2, 'create', 'configmap', `handed-${i}`);
      await ask(1 - (i % 2), 'label', 'configmap', `handed-${i}`, 'over=true');
      await ask(i % 2, 'delete', 'configmap', `handed-${i}`);
      await expect(ask(1 - (i % 2), 'get', 'configmap', `handed-${i}`)).rejects.toThrow('not found');
    }
  });

  it('give no address and no port twice, and are both behind the Service of the API', async () => {
    await Promise.all(Array.from({ length: 8 }, (_, i) => ask(i % 2, 'create', 'service', 'nodeport', `s-${i}`, '--tcp=80')));
    const all = (path: string) => ask(0, 'get', 'services', '-o', `jsonpath={.items[*].${path}}`).then((text) => text.split(' '));
    const [ports, addresses] = [await all('spec.ports[*].nodePort'), await all('spec.clusterIP')];
    expect(ports).toHaveLength(8);
    expect(new Set(ports).size).toBe(8);
    expect(new Set(addresses).size).toBe(9);
    const endpoints = await ask(1, 'get', 'endpointslice', 'kubernetes', '-o', 'jsonpath={.endpoints[*].addresses[0]}');
    expect(endpoints.split(' ')).toHaveLength(2);
  });

  it('go on without the one that controlled, and double nothing', async () => {
    const before = await holder(0);
    await engines[0]!.kill();
    await ask(1, 'scale', 'deployment', 'web', '--replicas=6');
    await expect.poll(() => holder(1), { timeout: 60_000 }).not.toBe(before);
    // Two more: the nodes of the engine that was killed are not given up at once, and their pods not replaced.
    await expect.poll(() => names(1, 'pods'), { timeout: 60_000 }).toHaveLength(6);
    await expect.poll(() => ask(1, 'get', 'endpointslice', 'kubernetes', '-o', 'jsonpath={.endpoints[*].addresses[0]}').then((text) => text.split(' ')), { timeout: 60_000 }).toHaveLength(1);

    engines[0] = await start('one');
    await ask(0, 'rollout', 'status', 'deployment/web', '--timeout=60s');
    expect(await names(0, 'pods')).toEqual(await names(1, 'pods'));
    expect(await names(0, 'pods')).toHaveLength(6);
    expect(await names(0, 'nodes')).toEqual(['node/node-1', 'node/node-5001']);
    expect(await holder(0)).not.toBe(before);
  });
});
