import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { contextName, KubeconfigError, mergeKubeconfig, removeFromKubeconfig, writeKubeconfig } from '../../../main/bootstrap/index.ts';

const entry = { name: 'skiff', server: 'https://127.0.0.1:6443', ca: 'CA', admin: { certificate: 'CERT', key: 'KEY' } };
const theirs = `# my clusters, do not touch
apiVersion: v1
kind: Config
current-context: work # the one I need
preferences: {}
contexts:
- name: work
  context: {cluster: work, user: me}
clusters:
# behind the VPN
- name: work
  cluster:
    server: https://work.example:6443
users:
- name: me
  user:
    token: "secret"
`;

let directory: string;
let file: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'skiff-kubeconfig-'));
  file = path.join(directory, 'config');
});
afterEach(() => rm(directory, { recursive: true }));
const text = () => readFile(file, 'utf8');

describe('a kubeconfig of our own', () => {
  it('is for its owner alone and points at this cluster', async () => {
    await writeKubeconfig(file, entry);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const config = parse(await text());
    expect(config['current-context']).toBe('skiff');
    expect(config.clusters).toEqual([{ name: 'skiff', cluster: { 'certificate-authority-data': 'Q0E=', server: 'https://127.0.0.1:6443' } }]);
    expect(config.users[0].user).toEqual({ 'client-certificate-data': 'Q0VSVA==', 'client-key-data': 'S0VZ' });
  });
});

describe("the user's kubeconfig", () => {
  it('gets our entries and keeps everything else', async () => {
    await writeFile(file, theirs);
    await mergeKubeconfig(file, entry);
    const merged = await text();
    for (const line of theirs.split('\n')) expect(merged).toContain(line.trim());
    const config = parse(merged);
    expect(config['current-context']).toBe('work');
    expect(config.contexts.map((c: { name: string }) => c.name)).toEqual(['work', 'skiff']);
  });

  it('has our entries once, however often they are brought up to date', async () => {
    await writeFile(file, theirs);
    await mergeKubeconfig(file, entry);
    await mergeKubeconfig(file, { ...entry, server: 'https://127.0.0.1:7000' });
    const { clusters } = parse(await text());
    expect(clusters.map((c: { cluster: { server: string } }) => c.cluster.server)).toEqual(['https://work.example:6443', 'https://127.0.0.1:7000']);
  });

  it('loses nothing but our entries when they are removed', async () => {
    await writeFile(file, theirs);
    await mergeKubeconfig(file, entry);
    await removeFromKubeconfig(file, 'skiff');
    expect(parse(await text())).toEqual(parse(theirs));
    expect(await text()).toContain('# behind the VPN');
  });

  it('is made when there is none, without choosing a context', async () => {
    await mergeKubeconfig(file, entry);
    const config = parse(await text());
    expect(config.contexts).toEqual([{ name: 'skiff', context: { cluster: 'skiff', user: 'skiff' } }]);
    expect(config['current-context']).toBeUndefined();
  });

  it.each([
    ['is not YAML', 'a: [', 'is not valid YAML'],
    ['is something else', 'kind: Pod', 'is a Pod, not a kubeconfig'],
    ['is a list', '- a', 'is not a kubeconfig'],
  ])('is left alone when it %s', async (_name, content, why) => {
    await writeFile(file, content);
    await expect(mergeKubeconfig(file, entry)).rejects.toThrow(KubeconfigError);
    await expect(mergeKubeconfig(file, entry)).rejects.toThrow(why);
    expect(await text()).toBe(content);
  });
});

it.each([['skiff', 'skiff'], ['', 'skiff'], ['dev', 'skiff-dev']])('calls the context of cluster "%s" %s', (cluster, name) => {
  expect(contextName(cluster)).toBe(name);
});
