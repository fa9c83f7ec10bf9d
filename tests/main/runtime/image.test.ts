import type Docker from 'dockerode';
import { expect, test } from 'vitest';
import { ensureNodeImage, nodeImage } from '../../../main/runtime/docker/image.ts';
import { noLog } from '../../../main/util/log.ts';

const architectures: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', arm64: 'arm64', arm: 'arm' };

test.skipIf(process.platform !== 'linux')('an image that is put together names what changes in it one by one, as every engine understands it', async () => {
  let asked: { repo: string; tag: string; changes: string[] } | undefined;
  const docker = {
    version: async () => ({ Os: 'linux', Arch: architectures[process.arch] }),
    getImage: () => ({ inspect: () => (asked ? Promise.resolve({}) : Promise.reject(Object.assign(new Error('no such image'), { statusCode: 404 }))) }),
    importImage: async (archive: NodeJS.ReadableStream, options: typeof asked) => {
      for await (const _ of archive);
      asked = options;
    },
    buildImage: () => Promise.reject(new Error('not now')),
    modem: { followProgress: (_: unknown, done: (error: null, lines: []) => void) => done(null, []) },
  } as unknown as Docker;
  const made = await ensureNodeImage({ docker, log: noLog, env: process.env, platform: 'linux', onProgress: () => {} }).catch((error: Error) => error);
  // A machine that lacks a program of the image cannot make it, and says so.
  if (made instanceof Error) return expect(made.message).toMatch(/this machine lacks /);
  expect(`${asked!.repo}:${asked!.tag}`).toBe(nodeImage);
  expect(asked!.changes).toEqual(['ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'LABEL dev.skiff.kind=node-image', 'CMD ["sleep", "2147483647"]']);
});
