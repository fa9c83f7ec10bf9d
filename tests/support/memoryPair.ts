import { Duplex } from 'node:stream';

/** One end: what is written comes out at its peer, in pieces. */
class End extends Duplex {
  peer!: End;
  #resume: (() => void) | undefined;

  constructor(private readonly cut: (left: number) => number) {
    super({ allowHalfOpen: true });
  }

  override _read(): void {
    const resume = this.#resume;
    this.#resume = undefined;
    if (resume) setImmediate(resume);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    let rest = chunk;
    const next = (): void => {
      while (rest.length > 0) {
        if (this.peer.destroyed) return done(new Error('write EPIPE'));
        const size = Math.max(1, Math.min(rest.length, this.cut(rest.length)));
        const more = this.peer.push(Buffer.from(rest.subarray(0, size)));
        rest = rest.subarray(size);
        if (!more) {
          this.peer.#resume = next;
          return;
        }
      }
      done();
    };
    next();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.peer.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    // An end that has said all it had to say leaves its peer to read it.
    if (!this.writableFinished) setImmediate(() => this.peer.destroy());
    done(error);
  }
}

/**
 * Two ends of a connection in memory. `cut` says into which pieces the bytes on the way fall: it is asked with what is
 * left and answers how many come next.
 */
export function memoryPair(cut: (left: number) => number = (left) => left): [Duplex, Duplex] {
  const a = new End(cut);
  const b = new End(cut);
  a.peer = b;
  b.peer = a;
  return [a, b];
}
