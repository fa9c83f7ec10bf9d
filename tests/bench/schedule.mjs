// How fast pods get their nodes: bare ones that clients create side by side, then those of one Deployment, on nodes that
// are nothing but objects. Where KUBE_APISERVER, ETCD, KUBE_CONTROLLER_MANAGER and KUBE_SCHEDULER name Kubernetes' own
// programs, the same goes to them in turns, so that whatever else the machine does weighs on both alike.
import fs from 'node:fs';
import path from 'node:path';
import { ApiClient } from './client.mjs';
import { cpuOf, newDirectory, rssOf, startEngine } from './engine.mjs';
import { startKubernetes } from './kubernetes.mjs';
import { report } from './report.mjs';

const nodeCount = 100;
/** Requests of the clients side by side. */
const width = 32;
const longestMs = 240_000;
const leaseSeconds = 40;
const microTime = () => new Date().toISOString().replace('Z', '000Z');
const merge = 'application/merge-patch+json';

const podSpec = {
  terminationGracePeriodSeconds: 0,
  containers: [{ name: 'main', image: 'nginx:1.27', resources: { requests: { cpu: '10m', memory: '16Mi' } } }],
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'topology.kubernetes.io/zone', operator: 'Exists' }] }] },
    },
  },
};

async function sideBySide(count, send) {
  let next = 0;
  const loop = async () => {
    for (let i = next++; i < count; i = next++) await send(i);
  };
  await Promise.all(Array.from({ length: width }, loop));
}

const leaseOf = (i) => `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/bench-${i}`;

/** Nodes that nobody hears of would be found silent. Returns what ends it. */
function keepAlive(api) {
  const beat = () => sideBySide(nodeCount, (i) => api.json('PATCH', leaseOf(i), { spec: { renewTime: microTime() } }, merge)).catch(() => undefined);
  const timer = setInterval(beat, leaseSeconds * 250);
  return () => clearInterval(timer);
}

/** Nodes that are ready and have a lease. */
async function makeNodes(api) {
  const amounts = { cpu: '64', memory: '256Gi', pods: '500' };
  const now = new Date().toISOString().replace(/\.\d+/, '');
  const ready = { type: 'Ready', status: 'True', reason: 'KubeletReady', lastHeartbeatTime: now, lastTransitionTime: now };
  await sideBySide(nodeCount, async (i) => {
    const name = `bench-${i}`;
    await api.json('POST', '/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { 'kubernetes.io/hostname': name, 'topology.kubernetes.io/zone': `zone-${i % 3}` } } });
    await api.json('PATCH', `/api/v1/nodes/${name}/status`, { status: { capacity: amounts, allocatable: amounts, conditions: [ready] } }, merge);
    await api.json('POST', path.dirname(leaseOf(i)), {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name },
      spec: { holderIdentity: name, leaseDurationSeconds: leaseSeconds, renewTime: microTime() },
    });
    // New nodes are tainted until a controller has seen them ready: no round shall wait for that.
    await api.json('PATCH', `/api/v1/nodes/${name}`, { spec: { taints: null } }, merge);
  });
}

/** Resolves to seconds from `begin` until `count` pods with this label have a node, however often the watch is lost. */
async function untilBound(api, pods, app, count, begin) {
  const selector = `labelSelector=app%3D${app}`;
  const bound = new Set();
  let close = () => undefined;
  let over = false;
  let done;
  const all = new Promise((resolve) => (done = resolve));
  const see = (pod) => {
    if (!pod.spec?.nodeName) return;
    bound.add(pod.metadata.name);
    if (bound.size === count) done();
  };
  const follow = async () => {
    const list = await api.json('GET', `${pods}?${selector}`);
    for (const pod of list.items) see(pod);
    if (over) return;
    const onLine = (line) => see(JSON.parse(line).object);
    close = await api.watch(`${pods}?watch=1&resourceVersion=${list.metadata.resourceVersion}&${selector}`, onLine, () => void again());
  };
  const again = async () => {
    while (!over)
      try {
        return await follow();
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
  };
  await follow();
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`${bound.size} of ${count} pods have a node after ${longestMs / 1000} s`)), longestMs)));
  const began = performance.now();
  try {
    await Promise.race([Promise.all([begin(), all]), late]);
    return (performance.now() - began) / 1000;
  } finally {
    over = true;
    clearTimeout(timer);
    close();
  }
}

/** One round in a namespace of its own: pods a second and CPU milliseconds a pod, of both kinds. */
async function run({ api, pids }, namespace, { bare, replicas }) {
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  await api.json('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  await api.request('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } });
  const measured = async (app, count, begin) => {
    const before = cpuOf(pids);
    const seconds = await untilBound(api, pods, app, count, begin);
    return { perSecond: count / seconds, cpuMsPerPod: (cpuOf(pids) - before) / count };
  };
  const pod = (i) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: `bare-${i}`, labels: { app: 'bare' } }, spec: podSpec });
  const labels = { app: 'deployment' };
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'deployment' },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: podSpec } },
  };
  return {
    bare: await measured('bare', bare, () => sideBySide(bare, (i) => api.json('POST', pods, pod(i)))),
    deployment: await measured('deployment', replicas, () => api.json('POST', `/apis/apps/v1/namespaces/${namespace}/deployments`, deployment)),
  };
}

/** Round 0 is also the compiler's. Reported a round, with ratios where there is a reference. */
export async function measureSchedule({ n, nodeOptions = [], rounds = 3 }) {
  const { KUBE_APISERVER: apiserver, ETCD: etcd, KUBE_CONTROLLER_MANAGER: controllers, KUBE_SCHEDULER: scheduler } = process.env;
  const data = newDirectory();
  const reference = apiserver && etcd && controllers && scheduler ? await startKubernetes({ apiserver, etcd, controllers, scheduler }) : undefined;
  const engine = await startEngine({ data, nodeOptions });
  const ours = { api: new ApiClient(engine), pids: [engine.pid] };
  const ends = [];
  const sizes = { bare: n, replicas: Math.ceil(n / 2) };
  try {
    for (const system of [ours, reference]) {
      if (!system) continue;
      await makeNodes(system.api);
      ends.push(keepAlive(system.api));
    }
    for (let round = 0; round < rounds; round++) {
      const found = {};
      for (const who of round % 2 === 0 ? ['ours', 'reference'] : ['reference', 'ours']) {
        const system = who === 'ours' ? ours : reference;
        if (system) found[who] = await run(system, `bench-${round}`, sizes);
      }
      for (const op of ['bare', 'deployment']) {
        const { perSecond, cpuMsPerPod } = found.ours[op];
        const other = found.reference?.[op];
        const compared = other ? { referencePerSecond: other.perSecond, referenceCpuMsPerPod: other.cpuMsPerPod, rateFactor: perSecond / other.perSecond, cpuFactor: other.cpuMsPerPod / cpuMsPerPod } : {};
        report({ op: `schedule-${op}`, round, nodes: nodeCount, n: op === 'bare' ? sizes.bare : sizes.replicas, c: width, perSecond, cpuMsPerPod, ...compared });
      }
      const rssMiB = rssOf(ours.pids);
      const referenceRssMiB = reference && rssOf(reference.pids);
      report({ op: 'schedule-memory', round, rssMiB, ...(reference ? { referenceRssMiB, share: rssMiB / referenceRssMiB } : {}) });
    }
  } finally {
    for (const end of ends) end();
    ours.api.close();
    reference?.api.close();
    await engine.stop();
    reference?.stop();
    fs.rmSync(data, { recursive: true, force: true });
  }
}
