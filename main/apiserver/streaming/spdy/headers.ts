import { constants, createDeflate, createInflate, type Deflate, type Inflate } from 'node:zlib';
import { spdyDictionary } from './dictionary.ts';

// Nothing that Kubernetes sends comes near; a block that inflates to more is an attack.
const maxBlockBytes = 64 * 1024;

/**
 * Header blocks of one connection: each direction is one zlib stream from the first block to the last, so blocks
 * must be taken and made in order, one after another.
 */
export class HeaderCodec {
  readonly #inflate: Inflate = createInflate({ dictionary: spdyDictionary, flush: constants.Z_SYNC_FLUSH });
  readonly #deflate: Deflate = createDeflate({ dictionary: spdyDictionary, flush: constants.Z_SYNC_FLUSH });

  async decode(block: Buffer): Promise<Map<string, string>> {
    const bytes = await run(this.#inflate, block);
    const headers = new Map<string, string>();
    const pairs = bytes.readUInt32BE(0);
    let at = 4;
    const text = () => {
      const length = bytes.readUInt32BE(at);
      const start = at + 4;
      at = start + length;
      if (at > bytes.length) throw new Error('SPDY header block is cut short');
      return bytes.toString('utf8', start, at);
    };
    for (let i = 0; i < pairs; i++) {
      const name = text().toLowerCase();
      headers.set(name, text());
    }
    return headers;
  }

  encode(headers: ReadonlyMap<string, string>): Promise<Buffer> {
    const parts = [uint32(headers.size)];
    for (const pair of headers)
      for (const text of pair) {
        const bytes = Buffer.from(text);
        parts.push(uint32(bytes.length), bytes);
      }
    return run(this.#deflate, Buffer.concat(parts));
  }

  close(): void {
    this.#inflate.destroy();
    this.#deflate.destroy();
  }
}

function run(zlib: Inflate | Deflate, bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let size = 0;
    const finish = (error?: Error | null) => {
      zlib.off('data', onData);
      zlib.off('error', finish);
      if (error) reject(error);
      else if (size > maxBlockBytes) reject(new Error('SPDY header block is too large'));
      else resolve(Buffer.concat(parts));
    };
    const onData = (part: Buffer) => {
      size += part.length;
      if (size <= maxBlockBytes) parts.push(part);
    };
    zlib.on('data', onData);
    zlib.on('error', finish);
    zlib.write(bytes, () => setImmediate(finish));
  });
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
