import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { containerConfig, runtimeContract, sandboxConfig, type RuntimeUnderTest } from '../../contracts/runtime.ts';
import { startEngine } from './engine.ts';

runtimeContract('the Docker runtime', startEngine);

describe('a container that the engine cannot start', () => {
  let test: RuntimeUnderTest;
  beforeAll(async () => (test = await startEngine()));
  afterAll(() => test.dispose());

  it('has ended, however often one looks', async () => {
    const { runtime } = test;
    const sandbox = await runtime.runSandbox(sandboxConfig(test));
    const id = await runtime.createContainer(sandbox, containerConfig(test, { command: ['/not/there'] }));
    await expect(runtime.startContainer(id)).rejects.toThrow('/not/there');
    for (let look = 0; look < 2; look++)
      expect(await runtime.listContainers({ sandboxId: sandbox })).toEqual([expect.objectContaining({ id, state: 'exited', reason: 'StartError', message: expect.stringContaining('/not/there') })]);
    expect(await runtime.containerStatus(id)).toMatchObject({ state: 'exited', reason: 'StartError' });
  });
});
