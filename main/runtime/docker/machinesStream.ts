import type Docker from 'dockerode';
import { Duplex } from 'node:stream';
import { engineCall } from './errors.ts';
import { FrameReader } from './frames.ts';

/** Runs a program in a container; its input and output are one byte stream, which ends when the program does. */
export async function openExecStream(container: Docker.Container, command: string[]): Promise<Duplex> {
  const exec = await engineCall(() =>
    container.exec({ Cmd: command, AttachStdin: true, AttachStdout: true, AttachStderr: true }),
  );
  const raw = await engineCall(() => exec.start({ hijack: true, stdin: true }));
  return new ExecStream(raw);
}

class ExecStream extends Duplex {
  #said = '';

  constructor(private readonly raw: Duplex & { setTimeout?(ms: number): void }) {
    super({ allowHalfOpen: true });
    const reader = new FrameReader((stream, content) => {
      if (stream === 'stderr') this.#said = (this.#said + content.toString()).slice(-1000);
      else if (!this.push(content)) raw.pause();
    });
    raw.setTimeout?.(0);
    raw.on('data', (chunk: Buffer) => reader.push(chunk));
    raw.on('end', () => (this.#said ? this.destroy(new Error(this.#said.trim())) : this.push(null)));
    raw.on('error', (error) => this.destroy(error));
    raw.on('close', () => this.destroy());
  }

  override _read(): void {
    this.raw.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.raw.write(chunk)) done();
    else this.raw.once('drain', done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.raw.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.raw.destroy();
    done(error);
  }
}
