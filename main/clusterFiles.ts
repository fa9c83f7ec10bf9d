import { chmod, open, readFile, rename } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { makeFolders } from './util/folders.ts';

/** Where a cluster's files lie. */
export interface ClusterFiles {
  directory: string;
  /** Certificates and keys. */
  pki: string;
  store: string;
  kubeconfig: string;
  /** What must be the same at the next start. */
  memory: string;
}

export function clusterFiles(data: string, name: string): ClusterFiles {
  return clusterFilesIn(path.join(data, 'clusters', name));
}

/** The files of the cluster that is kept in `directory`. */
export function clusterFilesIn(directory: string): ClusterFiles {
  return {
    directory,
    pki: path.join(directory, 'pki'),
    store: path.join(directory, 'store'),
    kubeconfig: path.join(directory, 'kubeconfig'),
    memory: path.join(directory, 'cluster.json'),
  };
}

/** Makes the directory of all data, for its owner only. Rejects in words for the user. */
export async function makeData(directory: string): Promise<void> {
  try {
    await makeFolders(directory, 0o700);
  } catch (error) {
    throw new Error(`${directory} cannot hold Skiff's data: ${(error as Error).message}`, { cause: error });
  }
  await chmod(directory, 0o700).catch(() => {});
}

/** Makes the cluster's directory, for its owner only. */
export async function makeDirectory(files: ClusterFiles): Promise<void> {
  await makeFolders(files.directory, 0o700);
  await chmod(files.directory, 0o700);
}

/** What a cluster remembers from start to start. */
export interface ClusterMemory {
  port?: number;
  /** Whether it has IPv6 addresses beside those of IPv4. */
  dualStack?: boolean;
  /** The prefix in etcd that it is kept behind; undefined: it is kept in its own files. */
  etcd?: string;
}

export async function readMemory(files: ClusterFiles): Promise<ClusterMemory> {
  try {
    const memory = JSON.parse(await readFile(files.memory, 'utf8')) as ClusterMemory;
    return { port: Number.isInteger(memory.port) ? memory.port : undefined, dualStack: memory.dualStack === true, ...(typeof memory.etcd === 'string' ? { etcd: memory.etcd } : {}) };
  } catch {
    return {};
  }
}

export async function writeMemory(files: ClusterFiles, memory: ClusterMemory): Promise<void> {
  const beside = `${files.memory}.new`;
  const handle = await open(beside, 'w', 0o600);
  await handle.writeFile(JSON.stringify(memory));
  await handle.close();
  await rename(beside, files.memory);
}

/** Whether a port of 127.0.0.1 can be listened on now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
