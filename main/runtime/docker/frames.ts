import type { Readable } from 'node:stream';

export type FrameStream = 'stdout' | 'stderr';

/**
 * Takes apart the engine's multiplexed streams: a header of eight bytes (stream, three zeros, length), then the
 * content. `onFrame` may be called with parts of a frame unless `whole` is set.
 */
export class FrameReader {
  #buffer: Buffer = Buffer.alloc(0);
  #left = 0;
  #stream: FrameStream = 'stdout';

  constructor(
    private readonly onFrame: (stream: FrameStream, content: Buffer) => void,
    private readonly whole = false,
  ) {}

  push(chunk: Buffer): void {
    let data = this.#buffer.length > 0 ? Buffer.concat([this.#buffer, chunk]) : chunk;
    for (;;) {
      if (this.#left === 0) {
        if (data.length < 8) break;
        this.#stream = data[0] === 2 ? 'stderr' : 'stdout';
        this.#left = data.readUInt32BE(4);
        data = data.subarray(8);
        if (this.#left === 0) continue;
      }
      if (data.length === 0 || (this.whole && data.length < this.#left)) break;
      const content = data.subarray(0, this.#left);
      this.#left -= content.length;
      data = data.subarray(content.length);
      this.onFrame(this.#stream, content);
    }
    this.#buffer = data;
  }
}

/** Resolves when the stream has ended or was closed; rejects with its error. */
export function ended(stream: Readable): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.once('end', () => resolve());
    stream.once('close', () => resolve());
    stream.once('error', reject);
  });
}
