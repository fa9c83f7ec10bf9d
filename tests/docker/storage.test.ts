import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deleteSkiff, kubectlFor, startSkiff, type Skiff } from '../support/skiff.ts';
import { ensureTestImage, testDocker, testImage } from '../support/testImage.ts';

/** A claim, its snapshot and what is restored from it: each step is cut short by a kill of the app. */
describe('a snapshot of a claim', () => {
  const name = 'storage';
  const docker = testDocker();
  const mine = { filters: { label: [`dev.skiff.cluster=${name}`] } };
  let skiff: Skiff;

  beforeAll(async () => {
    await ensureTestImage(docker);
    skiff = await startSkiff({ name, runtime: 'docker' });
  });
  afterAll(async () => {
    await skiff.stop();
    await deleteSkiff({ name, runtime: 'docker', data: skiff.data });
  });

  async function ok(...args: (string | { input: string })[]): Promise<string> {
    const ran = await kubectlFor(skiff.kubeconfig)(...args);
    if (ran.code !== 0) throw new Error(`${JSON.stringify(args)}: ${ran.stdout}${ran.stderr}`);
    return ran.stdout;
  }
  const apply = (...objects: object[]) => ok('apply', '-f', '-', { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }) });
  const until = (what: string, path: string) => ok('wait', what, `--for=jsonpath=${path}`, '--timeout=90s');
  const killed = async () => {
    await skiff.kill();
    skiff = await startSkiff({ name, runtime: 'docker', data: skiff.data });
  };

  const claim = (claimName: string, dataSource?: object) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: claimName },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...(dataSource ? { dataSource } : {}) },
  });
  const pod = (podName: string, claimName: string, script: string) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: podName },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'c', image: testImage, command: ['sh', '-c', script], volumeMounts: [{ name: 'v', mountPath: '/data' }] }],
      volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }],
    },
  });
  const volumes = async (beginning: string) => ((await docker.listVolumes(mine)).Volumes ?? []).map(({ Name }) => Name).filter((found) => found.startsWith(beginning));

  test('is whole and one, however often the app is killed in the middle', async () => {
    await expect.poll(async () => (await kubectlFor(skiff.kubeconfig)('get', 'volumesnapshotclass', 'standard', '-o', 'name')).stdout, { timeout: 60_000 }).not.toBe('');
    await apply(claim('data'), pod('writer', 'data', 'echo one > /data/f; ln -s f /data/link; chmod 640 /data/f; dd if=/dev/urandom of=/data/big bs=1M count=20 2>/dev/null; sync'));
    await killed();
    await until('pod/writer', '{.status.phase}=Succeeded');

    await apply({ apiVersion: 'snapshot.storage.k8s.io/v1', kind: 'VolumeSnapshot', metadata: { name: 'before' }, spec: { source: { persistentVolumeClaimName: 'data' } } });
    await killed();
    await until('volumesnapshot/before', '{.status.readyToUse}=true');
    expect(await volumes('snapshot-')).toHaveLength(1);

    await apply(pod('changer', 'data', 'echo two > /data/f'));
    await until('pod/changer', '{.status.phase}=Succeeded');
    await apply(claim('restored', { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 'before' }));
    await apply(pod('reader', 'restored', 'cat /data/link; stat -c %a /data/f; wc -c < /data/big'));
    await killed();
    await until('pod/reader', '{.status.phase}=Succeeded');
    expect(await ok('logs', 'reader')).toBe(`one\n640\n${20 * 1024 * 1024}\n`);
    expect(await volumes('pvc-')).toHaveLength(2);
  });

  test('goes with its data when it is deleted, and the claims with theirs', async () => {
    await ok('delete', 'volumesnapshot/before', 'pvc/data', 'pvc/restored', 'pod/writer', 'pod/changer', 'pod/reader', '--wait=false');
    await killed();
    await ok('wait', 'volumesnapshot/before', 'pvc/data', 'pvc/restored', '--for=delete', '--timeout=90s').catch((error: Error) => {
      if (!/not found/.test(error.message)) throw error;
    });
    await expect.poll(async () => (await ok('get', 'pv,volumesnapshotcontent', '-o', 'name')).trim(), { timeout: 60_000 }).toBe('');
    expect([...(await volumes('pvc-')), ...(await volumes('snapshot-'))]).toEqual([]);
  });
});
