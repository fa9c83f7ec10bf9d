// A pod on Docker: from POST to Running as a watch sees it, over what Docker takes for two containers by itself.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import Docker from 'dockerode';
import { ApiClient } from './client.mjs';
import { newDirectory, startEngine } from './engine.mjs';
import { report, quantile, spread } from './report.mjs';

const image = 'skiff-bench-app:1';
const label = 'skiff-bench';
const command = ['/bin/busybox', 'sleep', '3600'];
const cluster = 'skiff-bench';
const namespace = 'default';

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

/** What a pod cannot be faster than: a container on the cluster's own network, and one inside it. */
async function floor(docker) {
  const began = performance.now();
  const made = [];
  const start = async (options) => {
    const container = await docker.createContainer({ Image: image, Cmd: command, Labels: { [label]: 'floor' }, ...options });
    made.push(container);
    await container.start();
    return container;
  };
  const sandbox = await start({ HostConfig: { NetworkMode: `skiff-${cluster}` } });
  await start({ HostConfig: { NetworkMode: `container:${sandbox.id}` } });
  const took = performance.now() - began;
  return { took, remove: async () => { for (const container of made.reverse()) await container.remove({ force: true }); } };
}

/** When the engine did what, by the pod's uid: what its containers' events say. */
async function engineTimes(docker) {
  const times = new Map();
  const stream = await docker.getEvents({ filters: JSON.stringify({ type: ['container'], event: ['create', 'start'], label: [`dev.skiff.cluster=${cluster}`] }) });
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      const { Action, Actor, timeNano } = JSON.parse(line);
      const of = times.get(Actor.Attributes['dev.skiff.pod.uid']) ?? {};
      times.set(Actor.Attributes['dev.skiff.pod.uid'], of);
      of[`${Actor.Attributes['dev.skiff.kind']}-${Action}`] ??= timeNano / 1e6;
    }
  });
  return { of: (uid) => times.get(uid) ?? {}, close: () => stream.destroy() };
}

const now = () => performance.timeOrigin + performance.now();

/** Starts a pod; how long it took, and when the watch saw which step of it, in milliseconds since the POST was sent. */
async function podStart(api, name, times) {
  const { metadata } = await api.json('GET', `/api/v1/namespaces/${namespace}/pods?limit=1`);
  const seen = {};
  let running;
  const done = new Promise((resolve) => (running = resolve));
  const close = await api.watch(`/api/v1/namespaces/${namespace}/pods?watch=1&resourceVersion=${metadata.resourceVersion}&fieldSelector=metadata.name%3D${name}`, (line) => {
    if (!line) return;
    const { metadata: { uid }, spec, status } = JSON.parse(line).object;
    seen.stored ??= now();
    if (spec.nodeName) seen.bound ??= now();
    if (status?.phase !== 'Running') return;
    seen.running ??= now();
    running(uid);
  });
  const began = now();
  await api.json('POST', `/api/v1/namespaces/${namespace}/pods`, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: { terminationGracePeriodSeconds: 0, automountServiceAccountToken: false, containers: [{ name: 'app', image, imagePullPolicy: 'Never', command }] },
  });
  const uid = await done;
  const took = now() - began;
  close();
  const stages = { stored: seen.stored, bound: seen.bound, ...(times?.of(uid) ?? {}), running: seen.running };
  return { took, stages: Object.fromEntries(Object.entries(stages).map(([stage, at]) => [stage, at - began])) };
}

async function podEnd(api, name) {
  await api.json('DELETE', `/api/v1/namespaces/${namespace}/pods/${name}?gracePeriodSeconds=0`);
  while ((await api.request('GET', `/api/v1/namespaces/${namespace}/pods/${name}`)).status === 200) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function ready(api) {
  for (let i = 0; i < 600; i++) {
    const account = await api.request('GET', `/api/v1/namespaces/${namespace}/serviceaccounts/default`);
    const { items } = await api.json('GET', '/api/v1/nodes');
    if (account.status === 200 && items.some((node) => node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'))) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('no node is ready after thirty seconds');
}

/** One after the other, the floor and a pod in turns, so that whatever else the machine does weighs on both alike. */
async function alone(docker, api, times) {
  const engine = await engineTimes(docker);
  const floors = [];
  const pods = [];
  const one = {
    floor: async () => {
      const { took, remove } = await floor(docker);
      floors.push(took);
      await remove();
    },
    pod: async () => {
      const name = `pod-${pods.length}`;
      pods.push(await podStart(api, name, engine));
      await podEnd(api, name);
    },
  };
  for (let i = 0; i < times; i++) for (const what of i % 2 === 0 ? ['floor', 'pod'] : ['pod', 'floor']) await one[what]();
  engine.close();
  const starts = pods.map(({ took }) => took);
  const [ground, mine] = [spread(floors), spread(starts)];
  report({ op: 'docker-floor', n: times, c: 1, ...ground });
  report({ op: 'pod-start', n: times, c: 1, ...mine, overFloorP50: mine.p50 - ground.p50, overFloorP99: mine.p99 - ground.p99, timesFloorP50: mine.p50 / ground.p50 });
  const stages = Object.keys(pods[0].stages).map((stage) => [stage, Math.round(quantile(pods.map((pod) => pod.stages[stage] ?? 0), 0.5))]);
  report({ op: 'pod-start-stages', unit: 'ms since the POST, p50', ...Object.fromEntries(stages.sort((a, b) => a[1] - b[1])) });
}

/** `count` at once: how many a second, again in turns with the floor. */
async function sideBySide(docker, api, count, rounds) {
  const rates = { floor: [], pod: [] };
  const one = {
    floor: async () => {
      const made = await Promise.all(Array.from({ length: count }, () => floor(docker)));
      return () => Promise.all(made.map(({ remove }) => remove()));
    },
    pod: async (round) => {
      const names = Array.from({ length: count }, (_, i) => `wide-${round}-${i}`);
      await Promise.all(names.map((name) => podStart(api, name)));
      return () => Promise.all(names.map((name) => podEnd(api, name)));
    },
  };
  for (let round = 0; round < rounds; round++)
    for (const what of round % 2 === 0 ? ['floor', 'pod'] : ['pod', 'floor']) {
      const began = performance.now();
      const remove = await one[what](round);
      rates[what].push(count / ((performance.now() - began) / 1000));
      await remove();
    }
  const [ground, mine] = [quantile(rates.floor, 0.5), quantile(rates.pod, 0.5)];
  report({ op: 'pods-side-by-side', n: rounds, c: count, perSecond: mine, floorPerSecond: ground, ofFloor: mine / ground });
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
  const data = newDirectory();
  const engine = await startEngine({ data, runtime: 'docker', name: cluster });
  try {
    const api = new ApiClient(engine);
    await ready(api);
    await podStart(api, 'warm-up');
    await (await floor(docker)).remove();
    await alone(docker, api, times);
    await sideBySide(docker, api, 20, Math.max(2, Math.round(times / 5)));
    api.close();
  } finally {
    await engine.stop();
    execFileSync(process.execPath, [path.resolve(import.meta.dirname, '../../out/main/headless.mjs'), '--headless', '--runtime', 'docker', '--data', data, '--name', cluster, '--delete'], { stdio: 'ignore' });
    fs.rmSync(data, { recursive: true, force: true });
    await docker.getImage(image).remove({ force: true }).catch(() => undefined);
  }
}
