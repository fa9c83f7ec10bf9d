// From this computer to a pod: through its node port at localhost, over straight to the pod where the container engine
// lets the host do that.
import fs from 'node:fs';
import http from 'node:http';
import Docker from 'dockerode';
import { ApiClient } from './client.mjs';
import { newDirectory, startEngine } from './engine.mjs';
import { report, spread } from './report.mjs';

const cluster = 'skiff-bench-network';
const namespace = 'default';
const bigBytes = 64 * 1024 * 1024;
const nodePort = 31998;

const server = `const big = Buffer.alloc(${bigBytes}); require('http').createServer((q, s) => s.end(q.url === '/big' ? big : 'ok')).listen(8080)`;

/** The objects of a server in a pod on the node image, which every cluster has: nothing is pulled. */
const objects = (image) => [
  ['pods', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', labels: { app: 'web' } }, spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'web', image, imagePullPolicy: 'Never', command: ['node', '-e', server], readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 } }] } }],
  ['services', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080, nodePort }] } }],
];

const until = async (what, ask) => {
  for (let i = 0; i < 600; i++) {
    const found = await ask();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${what} after a minute`);
};

/** How long a request took, in milliseconds; rejects unless it is answered with 200. */
const get = (base, path, agent) =>
  new Promise((resolve, reject) => {
    const began = performance.now();
    http
      .get(`${base}${path}`, { agent }, (response) => {
        response.resume();
        response.on('end', () => (response.statusCode === 200 ? resolve(performance.now() - began) : reject(new Error(`${base}${path}: ${response.statusCode}`))));
        response.on('error', reject);
      })
      .on('error', reject);
  });

async function load(op, base, { n, c, keepAlive }) {
  const agent = new http.Agent({ keepAlive, maxSockets: c });
  const took = [];
  let left = n;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: c }, async () => {
      while (left-- > 0) took.push(await get(base, '/', agent));
    }),
  );
  const perSecond = (n / (performance.now() - began)) * 1000;
  agent.destroy();
  report({ op, n, c, keepAlive, perSecond, ...spread(took) });
  return perSecond;
}

async function transfer(op, base) {
  const took = await get(base, '/big', false);
  const perSecond = bigBytes / 2 ** 20 / (took / 1000);
  report({ op, mebibytes: bigBytes / 2 ** 20, mebibytesPerSecond: perSecond });
  return perSecond;
}

export async function measureNetwork({ n, c }) {
  const docker = new Docker();
  if (!(await docker.ping().catch(() => undefined))) return report({ op: 'network', skipped: 'no container engine answers' });
  const data = newDirectory();
  const engine = await startEngine({ data, runtime: 'docker', name: cluster, nodes: 2 });
  try {
    const api = new ApiClient(engine);
    const at = (resource, name = '') => `/api/v1/namespaces/${namespace}/${resource}/${name}`;
    const node = await until('no node', async () => (await docker.listContainers({ filters: { label: [`dev.skiff.cluster=${cluster}`, 'dev.skiff.kind=node'] } }))[0]);
    await until('no service account', async () => (await api.request('GET', at('serviceaccounts', 'default'))).status === 200);
    for (const [resource, object] of objects(node.Image)) await api.json('POST', at(resource), object);
    const pod = await until('the pod is not ready', async () => {
      const found = await api.json('GET', at('pods', 'web'));
      return found.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') && found;
    });
    const through = `http://127.0.0.1:${nodePort}`;
    const straight = `http://${pod.status.podIP}:8080`;
    await until('the node port does not answer', () => get(through, '/', false).then(() => true, () => false));
    const reachable = await Promise.race([get(straight, '/', false).then(() => true, () => false), new Promise((resolve) => setTimeout(resolve, 2000, false))]);
    for (const [op, measure] of [
      ['requests', (name, base) => load(name, base, { n, c, keepAlive: true })],
      ['connections', (name, base) => load(name, base, { n, c, keepAlive: false })],
      ['transfer', transfer],
    ]) {
      const direct = reachable ? await measure(`pod-${op}`, straight) : undefined;
      const tunnelled = await measure(`node-port-${op}`, through);
      if (direct !== undefined) report({ op: `node-port-${op}-ratio`, ratio: tunnelled / direct });
    }
  } finally {
    await engine.stop();
    const mine = { filters: { label: [`dev.skiff.cluster=${cluster}`] }, all: true };
    for (const container of await docker.listContainers(mine)) await docker.getContainer(container.Id).remove({ force: true, v: true }).catch(() => {});
    for (const { Name } of (await docker.listVolumes(mine)).Volumes ?? []) await docker.getVolume(Name).remove({ force: true });
    for (const { Id } of await docker.listNetworks(mine)) await docker.getNetwork(Id).remove();
    fs.rmSync(data, { recursive: true, force: true });
  }
}
