import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deleteSkiff, kubectlFor, startSkiff, type Skiff } from '../support/skiff.ts';
import { ensureTestImage, testDocker, testImage } from '../support/testImage.ts';

/** What a user must never notice: that the app went away. */
describe('kill -9 and start again', () => {
  const name = 'lifecycle';
  const docker = testDocker();
  const mine = { filters: { label: [`dev.skiff.cluster=${name}`] } };
  let skiff: Skiff;

  beforeAll(async () => {
    await ensureTestImage(docker);
    skiff = await startSkiff({ name, runtime: 'docker' });
  });
  afterAll(() => skiff.stop());

  async function ok(...args: (string | { input: string })[]): Promise<string> {
    const ran = await kubectlFor(skiff.kubeconfig)(...args);
    if (ran.code !== 0) throw new Error(`${args.join(' ')}: ${ran.stdout}${ran.stderr}`);
    return ran.stdout;
  }

  const podContainers = async () =>
    (await docker.listContainers(mine))
      .filter((container) => container.Image === testImage)
      .map((container) => container.Id)
      .sort();

  test('no answered write is lost and no container is restarted', async () => {
    await ok('create', 'deployment', 'web', `--image=${testImage}`, '--replicas=2', '--', 'sleep', '3600');
    await ok('rollout', 'status', 'deployment/web', '--timeout=60s');
    const before = await podContainers();
    const addresses = await ok('get', 'pods', '-o', 'jsonpath={.items[*].status.podIP}');
    expect(before).toHaveLength(2);

    for (let round = 0; round < 3; round++) {
      // Killed in the middle of a burst of writes: each that kubectl saw answered must be there.
      const writes = Array.from({ length: 6 }, async (_, i) => {
        const ran = await kubectlFor(skiff.kubeconfig)('create', 'configmap', `written-${round}-${i}`);
        return ran.code === 0 ? `written-${round}-${i}` : undefined;
      });
      await writes[0];
      await skiff.kill();
      const answered = (await Promise.all(writes)).filter((written): written is string => written !== undefined);
      skiff = await startSkiff({ name, runtime: 'docker', data: skiff.data });
      const stored = await ok('get', 'configmaps', '-o', 'jsonpath={.items[*].metadata.name}');
      expect(stored.split(' ')).toEqual(expect.arrayContaining(answered));
    }

    await ok('rollout', 'status', 'deployment/web', '--timeout=60s');
    expect(await podContainers()).toEqual(before);
    expect(await ok('get', 'pods', '-o', 'jsonpath={.items[*].status.podIP}')).toBe(addresses);
    expect(await ok('get', 'pods', '-o', 'jsonpath={.items[*].status.containerStatuses[*].restartCount}')).toBe('0 0');
  });

  test('SIGTERM ends it cleanly and leaves the pods running', async () => {
    const before = await podContainers();
    expect(await skiff.stop()).toBe(0);
    expect(await podContainers()).toEqual(before);
    skiff = await startSkiff({ name, runtime: 'docker', data: skiff.data });
    expect(await ok('get', 'deployment', 'web', '-o', 'jsonpath={.status.readyReplicas}')).toBe('2');
  });

  test('a second engine on the same data is refused in words', async () => {
    await expect(startSkiff({ name, runtime: 'docker', data: skiff.data })).rejects.toThrow(/already|in use|running/);
  });

  test('delete leaves nothing in Docker', async () => {
    await skiff.stop();
    await deleteSkiff({ name, runtime: 'docker', data: skiff.data });
    expect(await docker.listContainers({ all: true, ...mine })).toEqual([]);
    expect((await docker.listVolumes(mine)).Volumes ?? []).toEqual([]);
    expect(await docker.listNetworks(mine)).toEqual([]);
  });
});
