import type Docker from 'dockerode';
import type { Readable } from 'node:stream';
import { extract } from 'tar-stream';
import { runtimeError, tolerate } from './errors.ts';

/** The last `maxBytes` of a file of a container, running or not; undefined when there is no such file. */
export async function readFile(docker: Docker, id: string, path: string, maxBytes: number): Promise<Buffer | undefined> {
  const archive = (await tolerate([404], () => docker.getContainer(id).getArchive({ path }))) as Readable | undefined;
  if (!archive) return undefined;
  return new Promise((resolve, reject) => {
    let content: Buffer | undefined;
    const entries = extract();
    entries.on('entry', (header, entry, next) => {
      const chunks: Buffer[] = [];
      let size = 0;
      entry.on('data', (data) => {
        const chunk = data as Buffer;
        chunks.push(chunk);
        size += chunk.length;
        while (size - chunks[0]!.length >= maxBytes) size -= chunks.shift()!.length;
      });
      entry.on('end', () => {
        if (header.type === 'file' && content === undefined) {
          const all = Buffer.concat(chunks);
          content = all.subarray(Math.max(0, all.length - maxBytes));
        }
        next();
      });
    });
    entries.on('finish', () => resolve(content));
    entries.on('error', (error: unknown) => reject(runtimeError(error)));
    archive.on('error', (error) => reject(runtimeError(error)));
    archive.pipe(entries);
  });
}
