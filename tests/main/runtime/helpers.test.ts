import type Docker from 'dockerode';
import { expect, it } from 'vitest';
import { Helpers } from '../../../main/runtime/docker/helpers.ts';
import { settle } from '../../support/fakeClock.ts';

/** An engine that has only helpers, whose creation can be told to have been heard though its answer was lost. */
class FakeEngine {
  readonly there = new Map<string, string>();
  losesAnswers = false;
  readonly helpers: Helpers;

  constructor() {
    const docker = {
      listContainers: async () => [...this.there].map(([Id, name]) => ({ Id, Names: [`/${name}`] })),
      getContainer: (id: string) => ({ id }),
    } as unknown as Docker;
    this.helpers = new Helpers({
      docker,
      cluster: 'c',
      image: 'image',
      create: async ({ name }) => {
        this.there.set(`id of ${name}`, name!);
        if (this.losesAnswers) throw new Error('the container engine cannot be reached');
        return `id of ${name}`;
      },
      remove: async (id) => void this.there.delete(id),
    });
  }
}

it('helpers that an engine made as it went away go when it is back, and those that work stay', async () => {
  const engine = new FakeEngine();
  const { helpers, there } = engine;
  engine.losesAnswers = true;
  await expect(helpers.with([], ['true'], async () => {})).rejects.toThrow('cannot be reached');
  expect(there.size).toBe(1);

  engine.losesAnswers = false;
  let finish = () => {};
  const working = helpers.with([], ['true'], () => new Promise<void>((resolve) => (finish = resolve)));
  await settle();
  expect(there.size).toBe(2);
  helpers.sweepAgain();
  await settle();
  expect([...there.values()]).toEqual(['skiff-c.volumes-2']);
  finish();
  await working;
  expect(there.size).toBe(0);
});
