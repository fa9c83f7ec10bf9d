import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clusterFiles, makeDirectory, readMemory, writeMemory, type ClusterFiles } from '../../main/clusterFiles.ts';
import { engineId, openClusterStore, type ClusterStoreOptions } from '../../main/clusterStore.ts';
import { LockedError } from '../../main/store/index.ts';
import { realClock } from '../../main/util/clock.ts';
import { noLog } from '../../main/util/log.ts';

/** Nobody listens there. */
const etcd = { servers: ['http://127.0.0.1:1'], prefix: '/skiff' };

describe('where a cluster is kept', () => {
  let data: string;
  let files: ClusterFiles;

  beforeEach(async () => {
    data = fs.mkdtempSync(path.join(os.tmpdir(), 'skiff-cluster-store-'));
    files = clusterFiles(data, 'default');
    await makeDirectory(files);
  });
  afterEach(() => fs.rmSync(data, { recursive: true }));

  const open = (more: Partial<ClusterStoreOptions>) => openClusterStore({ files, etcd: undefined, before: undefined, clock: realClock, log: noLog, ...more });

  it('is in its own files unless an etcd is named', async () => {
    const store = await open({});
    await store.put('/a', () => '1', { cause: { who: 'test' } });
    await store.close();
    expect(fs.readdirSync(files.store).length).toBeGreaterThan(0);
  });

  it('does not change by itself: neither is begun beside the other', async () => {
    const store = await open({});
    await store.put('/a', () => '1', { cause: { who: 'test' } });
    await store.close();
    await expect(open({ etcd, before: '' })).rejects.toThrow(`this cluster is kept in ${files.store}: --etcd-servers is for a new one; choose another --name for it`);
    await expect(open({ before: '/skiff' })).rejects.toThrow('this cluster is kept in etcd behind /skiff: start it with the --etcd-servers that it was made with');
    await expect(open({ etcd: { ...etcd, prefix: '/other' }, before: '/skiff' })).rejects.toThrow('this cluster is kept in etcd behind /skiff, not behind /other');
  });

  it('is remembered', async () => {
    await writeMemory(files, { port: 6443, etcd: '/skiff' });
    expect(await readMemory(files)).toEqual({ port: 6443, dualStack: false, etcd: '/skiff' });
    await writeMemory(files, { port: 6443 });
    expect(await readMemory(files)).toEqual({ port: 6443, dualStack: false });
  });

  it('is one process’s alone also when it is in etcd, and free again when that could not be opened', async () => {
    await expect(open({ etcd })).rejects.toThrow('the store cannot be reached: http://127.0.0.1:1 cannot be reached');
    const store = await open({});
    await expect(open({ etcd })).rejects.toBeInstanceOf(LockedError);
    await store.close();
  });

  it('a certificate that cannot be read is named', async () => {
    await expect(open({ etcd: { ...etcd, caFile: '/nowhere/ca.crt' } })).rejects.toThrow('/nowhere/ca.crt cannot be read: ENOENT');
  });

  it('engines are told apart by their directory', () => {
    expect(engineId(files)).toBe(engineId(clusterFiles(data, 'default')));
    expect(engineId(files)).not.toBe(engineId(clusterFiles(data, 'other')));
  });
});
