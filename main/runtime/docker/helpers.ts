import type Docker from 'dockerode';
import type { Duplex } from 'node:stream';
import { engineCall } from './errors.ts';
import { ended, FrameReader } from './frames.ts';
import { label } from './labels.ts';

export interface HelpersOptions {
  docker: Docker;
  cluster: string;
  /** An image with a shell and the usual tools for files. */
  image: string;
  create(options: Docker.ContainerCreateOptions): Promise<string>;
  remove(id: string): Promise<void>;
}

/** The kind of the helpers: those that were left behind are swept away. */
export const helperKind = 'volume-helper';

/** Containers that live just to reach into something that only the engine can: each is made for that, and goes at once. */
export class Helpers {
  #swept: Promise<void> | undefined;
  #count = 0;
  /** The names of those that are at work. */
  readonly #working = new Set<string>();

  constructor(private readonly options: HelpersOptions) {}

  /** What a script says, with its exit code, in a container that has `binds`. */
  run(binds: string[], script: string, args: string[]): Promise<{ code: number; output: string }> {
    return this.with(binds, ['sh', '-c', script, 'sh', ...args], async (container) => {
      const stream = (await engineCall(() => container.attach({ stream: true, stdout: true, stderr: true }))) as unknown as Duplex;
      let output = '';
      const reader = new FrameReader((_, content) => (output += content.toString()));
      stream.on('data', (chunk: Buffer) => reader.push(chunk));
      const said = ended(stream);
      said.catch(() => {});
      await engineCall(() => container.start());
      const { StatusCode: code } = (await engineCall(() => container.wait())) as { StatusCode: number };
      await said.catch(() => {});
      return { code, output };
    });
  }

  /** Uses a container with `binds` that was not started. */
  async with<T>(binds: string[], command: string[], use: (container: Docker.Container) => Promise<T>): Promise<T> {
    const { cluster, image, docker } = this.options;
    const options = {
      name: `skiff-${cluster}.volumes-${++this.#count}`,
      Image: image,
      Entrypoint: command,
      User: '0',
      AttachStdout: true,
      AttachStderr: true,
      Labels: { [label.cluster]: cluster, [label.kind]: helperKind },
      Healthcheck: { Test: ['NONE'] },
      HostConfig: { NetworkMode: 'none', Binds: binds, LogConfig: { Type: 'none', Config: {} } },
    };
    return this.made(options, (id) => use(docker.getContainer(id)));
  }

  /** Uses any container that carries the helpers' label and is there for that alone. */
  async made<T>(options: Docker.ContainerCreateOptions & { name: string }, use: (id: string) => Promise<T>): Promise<T> {
    await this.sweep();
    this.#working.add(options.name);
    try {
      const id = await this.options.create(options);
      try {
        return await use(id);
      } finally {
        await this.options.remove(id);
      }
    } finally {
      this.#working.delete(options.name);
    }
  }

  /** The engine was away: what it had just been told may have left helpers behind. */
  sweepAgain(): void {
    this.#swept = undefined;
    this.sweep().catch(() => {});
  }

  /** Helpers of a process that was killed hold their volumes until somebody takes them away. */
  sweep(): Promise<void> {
    this.#swept ??= (async () => {
      const wanted = [`${label.cluster}=${this.options.cluster}`, `${label.kind}=${helperKind}`];
      const left = await engineCall(() => this.options.docker.listContainers({ all: true, filters: { label: wanted } }));
      const idle = left.filter(({ Names }) => !Names.some((name) => this.#working.has(name.slice(1))));
      await Promise.all(idle.map(({ Id }) => this.options.remove(Id)));
    })().catch((error: unknown) => {
      this.#swept = undefined;
      throw error;
    });
    return this.#swept;
  }
}
