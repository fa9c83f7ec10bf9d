import type { ClusterOwner, DockerMachines, EngineDiscovery } from '../runtime/index.ts';
import type { Clock } from '../util/clock.ts';
import type { Logger } from '../util/log.ts';

/** Files that the machines are made of. */
export interface MachineFiles {
  agent: string;
  dockerfile?: string;
  tarballs?: string;
}

export interface PrepareOptions {
  engine: NonNullable<EngineDiscovery['found']>;
  cluster: string;
  /** Nodes and pods get IPv6 addresses too. */
  dualStack: boolean;
  /** Known when the store is this process's: a second engine must not take the machines of the one that runs. */
  owner: Promise<ClusterOwner>;
  files: MachineFiles;
  clock: Clock;
  log: Logger;
  onProgress(step: string): void;
}

/**
 * Sees to it that the engine has the image of the machines, and that it makes the network of the cluster where that is
 * missing. An engine takes its time for a network, so this begins before there is a control plane, and nobody waits for it here.
 */
export async function prepareMachines({ engine, owner, files, ...options }: PrepareOptions): Promise<DockerMachines> {
  // Loaded here and not at the top: those who have no engine need no client of one.
  const { createMachines } = await import('../runtime/docker/machines.ts');
  const machines = createMachines({
    ...options,
    connection: engine.connection,
    owner: await owner,
    agentFile: files.agent,
    dockerfile: files.dockerfile,
    tarballs: files.tarballs,
    env: process.env,
    platform: process.platform,
  });
  await machines.claim(options.onProgress);
  return machines;
}
