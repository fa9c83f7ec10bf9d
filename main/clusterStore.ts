import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { ClusterFiles } from './clusterFiles.ts';
import type { EtcdOptions } from './options.ts';
import { lockDirectory, openDiskStore, openEtcdStore, type Store } from './store/index.ts';
import type { Clock } from './util/clock.ts';
import type { Logger } from './util/log.ts';

export interface ClusterStoreOptions {
  files: ClusterFiles;
  /** Undefined: the cluster's own files. */
  etcd: EtcdOptions | undefined;
  /** What etcd the cluster has been kept in before; `''`: in its own files; undefined: it is new. */
  before: string | undefined;
  clock: Clock;
  log: Logger;
}

/** Opens the store that the options name, for this process alone as far as the cluster's directory goes. Rejects where the cluster is kept elsewhere. */
export async function openClusterStore({ files, etcd, before, clock, log }: ClusterStoreOptions): Promise<Store> {
  if (!etcd) {
    if (before) throw new Error(`this cluster is kept in etcd behind ${before}: start it with the --etcd-servers that it was made with`);
    return openDiskStore({ directory: files.store, clock, log });
  }
  if (before === '' && (await hasStore(files)))
    throw new Error(`this cluster is kept in ${files.store}: --etcd-servers is for a new one; choose another --name for it`);
  if (before && before !== etcd.prefix) throw new Error(`this cluster is kept in etcd behind ${before}, not behind ${etcd.prefix}`);
  await mkdir(files.store, { recursive: true, mode: 0o700 });
  const unlock = await lockDirectory(path.join(files.store, 'lock'), files.store, clock);
  try {
    const [ca, cert, key] = await Promise.all([readPem(etcd.caFile), readPem(etcd.certFile), readPem(etcd.keyFile)]);
    const store = await openEtcdStore({ servers: etcd.servers, prefix: etcd.prefix, ca, cert, key, writer: randomUUID(), clock, log });
    const close = store.close.bind(store);
    store.close = () => close().finally(unlock);
    return store;
  } catch (error) {
    await unlock();
    throw error;
  }
}

/** Tells the engine of this directory from all others, also from those of a copy of it. */
export const engineId = (files: ClusterFiles): string => createHash('sha256').update(`${os.hostname()}\0${files.directory}`).digest('hex').slice(0, 16);

async function hasStore(files: ClusterFiles): Promise<boolean> {
  const names = await readdir(files.store).catch(() => []);
  return names.some((name) => name !== 'lock');
}

async function readPem(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new Error(`${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
