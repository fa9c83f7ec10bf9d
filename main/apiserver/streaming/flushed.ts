import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';

/** Ends the streams; resolves when all that was written to them is on its way to the client, or can be no more. */
export async function flushed(...streams: (Writable | undefined)[]): Promise<void> {
  await Promise.allSettled(streams.map((stream) => stream && finished(stream.end(), { readable: false })));
}
