import type Docker from 'dockerode';
import { expect, it } from 'vitest';
import { Engine } from '../../../main/runtime/docker/engine.ts';
import { Helpers, type HelpersOptions } from '../../../main/runtime/docker/helpers.ts';
import { EngineVolumes } from '../../../main/runtime/docker/volumes.ts';

/** What an engine is told when a volume gets its mode. */
async function toldBy(component: string): Promise<string[]> {
  const told: string[] = [];
  const docker = {
    version: async () => ({ Components: [{ Name: component }] }),
    listContainers: async () => [],
    createVolume: async () => {},
    getContainer: () => ({ start: async () => void told.push('start'), putArchive: async (_: unknown, { path }: { path: string }) => void told.push(`archive to ${path}`) }),
  } as unknown as Docker;
  const options: HelpersOptions = {
    docker,
    cluster: 'c',
    image: 'image',
    create: async ({ Entrypoint, HostConfig }) => {
      told.push(`create ${(Entrypoint as string[])[0]} with ${HostConfig!.Binds!.join()}`);
      return 'h1';
    },
    remove: async () => void told.push('remove'),
  };
  await new EngineVolumes(options, new Helpers(options), new Engine(docker)).create('v', {}, { mode: 0o777 });
  return told;
}

it('a volume gets its mode by a container that need not run', async () => {
  expect(await toldBy('Engine')).toEqual(['create true with v:/volume', 'archive to /', 'remove']);
});

it('that container runs where archives reach a volume only then, as with Podman', async () => {
  expect(await toldBy('Podman Engine')).toEqual(['create sleep with v:/volume', 'start', 'archive to /', 'remove']);
});
