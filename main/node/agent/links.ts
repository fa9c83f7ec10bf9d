import { execFile } from 'node:child_process';
import { constants, open as openFile } from 'node:fs';
import fs from 'node:fs/promises';
import net from 'node:net';
import { Duplex } from 'node:stream';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** A bare descriptor, which unlike a FileHandle is not closed when nobody holds it any more: the socket owns it. */
const open = promisify(openFile);

/**
 * How the engine reaches the agent: it executes a shell in the container that makes two FIFOs, writes their name into
 * `accept` and copies its own input and output through them. That costs a sleeping `cat` or two while an engine is
 * connected, where a second Node.js would cost 40 MB.
 */
export async function acceptLinks(directory: string, onLink: (link: Duplex) => void): Promise<void> {
  const accept = `${directory}/accept`;
  await run('mkfifo', [accept]).catch(async (error: unknown) => {
    // A restarted agent keeps it: an engine may be waiting there already.
    if (!(await fs.stat(accept).catch(() => undefined))?.isFIFO()) throw error;
  });
  // Open for writing as well, so that it never ends.
  const fd = await open(accept, constants.O_RDWR | constants.O_NONBLOCK);
  const socket = new net.Socket({ fd, readable: true, writable: false });
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    const lines = (text + chunk.toString()).split('\n');
    text = lines.pop()!;
    for (const name of lines) if (/^[\w.-]+$/.test(name)) void openLink(`${directory}/${name}`).then(onLink, () => {});
  });
}

/** Both opens wait for their other end, in threads of the pool. */
async function openLink(name: string): Promise<Duplex> {
  try {
    const output = await open(`${name}.out`, 'w');
    const input = await open(`${name}.in`, 'r');
    return new Link(
      new net.Socket({ fd: input, readable: true, writable: false }),
      new net.Socket({ fd: output, readable: false, writable: true }),
    );
  } finally {
    await fs.rm(`${name}.out`, { force: true });
    await fs.rm(`${name}.in`, { force: true });
  }
}

/** Two one-way connections as one. */
class Link extends Duplex {
  constructor(
    private readonly input: net.Socket,
    private readonly output: net.Socket,
  ) {
    super({ allowHalfOpen: true });
    input.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) input.pause();
    });
    input.on('end', () => this.push(null));
    for (const socket of [input, output]) socket.on('error', (error) => this.destroy(error));
    output.on('close', () => this.destroy());
  }

  override _read(): void {
    this.input.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.output.write(chunk)) done();
    else this.output.once('drain', done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.output.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.input.destroy();
    this.output.destroy();
    done(error);
  }
}
