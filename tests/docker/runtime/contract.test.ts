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

describe('containers that share their processes', () => {
  let test: RuntimeUnderTest;
  beforeAll(async () => (test = await startEngine()));
  afterAll(() => test.dispose());

  it('see a pause as the first of them', async () => {
    const { runtime } = test;
    const sandbox = await runtime.runSandbox(sandboxConfig(test, { sharePID: true }));
    const id = await runtime.createContainer(sandbox, containerConfig(test, test.runs));
    await runtime.startContainer(id);
    const { output } = await runtime.execSync(id, ['cat', '/proc/1/cmdline'], 60_000);
    expect(output.toString().split('\0')).toEqual(['/bin/sh', '/pause', '']);
  });
});
