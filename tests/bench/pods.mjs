// A pod on Docker: from POST to Running as a watch sees it, over what Docker takes for two containers by itself.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import Docker from 'dockerode';
import { ApiClient } from './client.mjs';
import { newDirectory, startEngine } from './engine.mjs';
import { report, spread } from './report.mjs';

const image = 'skiff-bench-app:1';
const label = 'skiff-bench';
const command = ['/bin/busybox', 'sleep', '3600'];

/** A pod that does nothing, made of this machine's own static busybox: nothing is pulled. */
async function makeImage(docker) {
  const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((file) => fs.existsSync(file));
  if (!busybox) return false;
  const folder = newDirectory();
  try {
    fs.mkdirSync(path.join(folder, 'bin'));
    fs.copyFileSync(busybox, path.join(folder, 'bin/busybox'));
    fs.chmodSync(path.join(folder, 'bin/busybox'), 0o755);
    const tar = execFileSync('tar', ['-C', folder, '-c', 'bin'], { maxBuffer: 64 * 1024 * 1024 });
    const file = path.join(folder, 'image.tar');
    fs.writeFileSync(file, tar);
    const [repo, tag] = image.split(':');
    const stream = await docker.importImage(file, { repo, tag });
    await new Promise((resolve, reject) => docker.modem.followProgress(stream, (error) => (error ? reject(error) : resolve())));
    return true;
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** What a pod cannot be faster than: a container with a network, and one inside it. */
async function floor(docker) {
  const began = performance.now();
  const made = [];
  try {
    const start = async (options) => {
      const container = await docker.createContainer({ Image: image, Cmd: command, Labels: { [label]: 'floor' }, ...options });
      made.push(container);
      await container.start();
      return container;
    };
    const sandbox = await start({ HostConfig: { NetworkMode: 'bridge' } });
    await start({ HostConfig: { NetworkMode: `container:${sandbox.id}` } });
    return performance.now() - began;
  } finally {
    for (const container of made.reverse()) await container.remove({ force: true });
  }
}

async function podStart(api, namespace, name) {
  const { metadata } = await api.json('GET', `/api/v1/namespaces/${namespace}/pods?limit=1`);
  let running;
  const done = new Promise((resolve) => (running = resolve));
  const close = await api.watch(`/api/v1/namespaces/${namespace}/pods?watch=1&resourceVersion=${metadata.resourceVersion}&fieldSelector=metadata.name%3D${name}`, (line) => {
    if (line && JSON.parse(line).object.status?.phase === 'Running') running();
  });
  const began = performance.now();
  await api.json('POST', `/api/v1/namespaces/${namespace}/pods`, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: { terminationGracePeriodSeconds: 0, automountServiceAccountToken: false, containers: [{ name: 'app', image, imagePullPolicy: 'Never', command }] },
  });
  await done;
  const took = performance.now() - began;
  close();
  return took;
}

async function serviceAccount(api, namespace) {
  for (let i = 0; i < 100; i++) {
    if ((await api.request('GET', `/api/v1/namespaces/${namespace}/serviceaccounts/default`)).status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('the namespace has no service account after five seconds');
}

export async function measurePods({ times }) {
  const docker = new Docker();
  try {
    await docker.ping();
  } catch {
    report({ op: 'pod-start', skipped: 'no Docker engine answers at DOCKER_HOST' });
    return;
  }
  if (!(await makeImage(docker))) {
    report({ op: 'pod-start', skipped: 'no static busybox on this machine' });
    return;
  }
  const floors = [];
  await floor(docker);
  for (let i = 0; i < times; i++) floors.push(await floor(docker));
  report({ op: 'docker-floor', n: times, c: 1, ...spread(floors) });

  const data = newDirectory();
  const name = 'skiff-bench';
  const engine = await startEngine({ data, runtime: 'docker', name });
  try {
    const api = new ApiClient(engine);
    const namespace = 'default';
    await serviceAccount(api, namespace);
    await podStart(api, namespace, 'warm-up');
    const starts = [];
    for (let i = 0; i < times; i++) starts.push(await podStart(api, namespace, `pod-${i}`));
    const { p50, p99 } = spread(starts);
    const ground = spread(floors);
    report({ op: 'pod-start', n: times, c: 1, ...spread(starts), overFloorP50: p50 - ground.p50, overFloorP99: p99 - ground.p99 });
    for (const width of [2, 4]) {
      const began = performance.now();
      let next = 0;
      const together = [];
      const loop = async () => {
        for (let i = next++; i < times; i = next++) together.push(await podStart(api, namespace, `wide-${width}-${i}`));
      };
      await Promise.all(Array.from({ length: width }, loop));
      report({ op: 'pod-start', n: times, c: width, perSecond: times / ((performance.now() - began) / 1000), ...spread(together) });
    }
    api.close();
  } finally {
    await engine.stop();
    execFileSync(process.execPath, [path.resolve(import.meta.dirname, '../../out/main/headless.mjs'), '--headless', '--runtime', 'docker', '--data', data, '--name', name, '--delete'], { stdio: 'ignore' });
    fs.rmSync(data, { recursive: true, force: true });
    await docker.getImage(image).remove({ force: true }).catch(() => undefined);
  }
}
