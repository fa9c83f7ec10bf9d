import type Docker from 'dockerode';
import type { Duplex } from 'node:stream';
import type { Logger } from '../../util/log.ts';
import type { ContainerSecurity } from '../index.ts';
import { engineCall, runtimeError } from './errors.ts';
import { ended, FrameReader } from './frames.ts';
import { label } from './labels.ts';

/** By their numbers in the kernel's sets (include/uapi/linux/capability.h). */
const capabilities = [
  'CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID', 'SETPCAP', 'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE', 'NET_BROADCAST', 'NET_ADMIN', 'NET_RAW', 'IPC_LOCK', 'IPC_OWNER', 'SYS_MODULE', 'SYS_RAWIO', 'SYS_CHROOT', 'SYS_PTRACE',
  'SYS_PACCT', 'SYS_ADMIN', 'SYS_BOOT', 'SYS_NICE', 'SYS_RESOURCE', 'SYS_TIME', 'SYS_TTY_CONFIG', 'MKNOD', 'LEASE', 'AUDIT_WRITE',
  'AUDIT_CONTROL', 'SETFCAP', 'MAC_OVERRIDE', 'MAC_ADMIN', 'SYSLOG', 'WAKE_ALARM', 'BLOCK_SUSPEND', 'AUDIT_READ', 'PERFMON', 'BPF', 'CHECKPOINT_RESTORE',
];

/** Since Linux 5.8: older engines have no name for them. */
const newest = ['PERFMON', 'BPF', 'CHECKPOINT_RESTORE'];

export interface PrivilegesOptions {
  docker: Docker;
  cluster: string;
  /** An image with a shell. */
  image: string;
  log: Logger;
  create(options: Docker.ContainerCreateOptions): Promise<string>;
  remove(id: string): Promise<void>;
}

/** What a privileged container gets where the engine cannot give it everything. */
export interface Grant {
  capabilities: string[];
  lacking: string[];
}

/**
 * What the engine may give away: one that runs in a container itself can lack capabilities, and then starts nothing that
 * is to have all of them. There is no way to know but to try, once.
 */
export class Privileges {
  #grant: Promise<Grant | undefined> | undefined;
  #lowersScores: Promise<boolean> | undefined;

  constructor(private readonly options: PrivilegesOptions) {}

  /** Undefined: everything. */
  grant(): Promise<Grant | undefined> {
    this.#grant ??= this.#findGrant().catch((error: unknown) => {
      this.#grant = undefined;
      throw error;
    });
    return this.#grant;
  }

  /** Whether it may make the kernel spare a process when memory runs out; a rootless or nested engine may not. */
  lowersScores(): Promise<boolean> {
    this.#lowersScores ??= this.#try('score', ['true'], { OomScoreAdj: -1 })
      .then((output) => {
        if (output === undefined) this.options.log.info('the container engine may not lower out-of-memory scores: containers keep the usual one');
        return output !== undefined;
      })
      .catch((error: unknown) => {
        this.#lowersScores = undefined;
        throw error;
      });
    return this.#lowersScores;
  }

  async #findGrant(): Promise<Grant | undefined> {
    if ((await this.#try('privileged', ['true'], { Privileged: true })) !== undefined) return undefined;
    // What starts containers is the parent of their first process, and can hand on what it has.
    const script = 'read -r _ _ _ parent _ < /proc/$$/stat; while read -r name value; do [ "$name" = CapBnd: ] && echo "$value"; done < "/proc/$parent/status"';
    const output = await this.#try('capabilities', ['sh', '-c', script], { PidMode: 'host' });
    const bits = BigInt(`0x${/^[0-9a-f]+$/m.exec(output ?? '')?.[0] ?? '0'}`);
    const has = capabilities.filter((_, index) => (bits >> BigInt(index)) & 1n);
    for (const given of [has, has.filter((name) => !newest.includes(name))]) {
      if (given.length === 0 || (await this.#try('grant', ['true'], { CapAdd: given })) === undefined) continue;
      const lacking = capabilities.filter((name) => !has.includes(name)).map((name) => `CAP_${name}`);
      this.options.log.info('the container engine cannot give all capabilities: privileged containers run without some', { lacking });
      return { capabilities: given, lacking };
    }
    // Nothing is known of it: containers are asked for as they are wanted, and fail with the engine's own words.
    return undefined;
  }

  /** What a command says in a container of that kind; undefined where the engine cannot start it. */
  async #try(name: string, command: string[], host: Docker.HostConfig): Promise<string | undefined> {
    const { docker, cluster, image } = this.options;
    let id: string | undefined;
    try {
      id = await this.options.create({
        name: `skiff-${cluster}.${name}`,
        Image: image,
        Entrypoint: command,
        User: '0',
        AttachStdout: true,
        Labels: { [label.cluster]: cluster },
        Healthcheck: { Test: ['NONE'] },
        HostConfig: { NetworkMode: 'none', LogConfig: { Type: 'none', Config: {} }, ...host },
      });
      const container = docker.getContainer(id);
      const stream = (await engineCall(() => container.attach({ stream: true, stdout: true }))) as unknown as Duplex;
      let output = '';
      const reader = new FrameReader((_, content) => (output += content.toString()));
      stream.on('data', (chunk: Buffer) => reader.push(chunk));
      const said = ended(stream);
      said.catch(() => {});
      await container.start();
      await container.wait();
      await said.catch(() => {});
      return output;
    } catch (error) {
      const failure = runtimeError(error);
      if (failure.code === 'unavailable') throw failure;
      return undefined;
    } finally {
      if (id) await this.options.remove(id);
    }
  }
}

export const isAll = (capability: string) => /^(CAP_)?ALL$/i.test(capability);

/** Whether a container is to have all capabilities. */
export function wantsEverything({ privileged, capabilities }: ContainerSecurity): boolean {
  return privileged === true || (capabilities?.add.some(isAll) ?? false);
}
