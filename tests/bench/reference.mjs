// The same requests to the engine and to Kubernetes' own kube-apiserver with etcd, in turns, so that whatever else the
// machine does weighs on both alike. Runs where KUBE_APISERVER and ETCD name the two programs.
import fs from 'node:fs';
import { ApiClient } from './client.mjs';
import { cpuOf, newDirectory, rssOf, startEngine } from './engine.mjs';
import { startKubernetes } from './kubernetes.mjs';
import { configMap, pod } from './objects.mjs';
import { quantile, report } from './report.mjs';

const namespace = 'bench';
const pods = `/api/v1/namespaces/${namespace}/pods`;
const configMaps = `/api/v1/namespaces/${namespace}/configmaps`;

/** No scheduler takes it: only the API is measured. */
const unscheduled = (i) => {
  const object = pod(namespace, i);
  return { ...object, spec: { ...object.spec, schedulerName: 'nobody' } };
};

const operations = {
  'create-configmap': (api, i) => api.request('POST', configMaps, configMap(namespace, i)),
  'create-pod': (api, i) => api.request('POST', pods, unscheduled(i)),
  'get-pod': (api, i) => api.request('GET', `${pods}/p-${i}`),
  'list-limit-500': (api) => api.request('GET', `${pods}?limit=500`),
  'merge-patch': (api, i) => api.request('PATCH', `${pods}/p-${i}`, { metadata: { annotations: { patched: String(i) } } }, 'application/merge-patch+json'),
  'server-side-apply': (api, i) =>
    api.request('PATCH', `${configMaps}/s-${i}?fieldManager=bench&force=true`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `s-${i}` }, data: { a: '1' } }, 'application/apply-patch+yaml'),
  'delete-pod': (api, i) => api.request('DELETE', `${pods}/p-${i}?gracePeriodSeconds=0`),
};

/** CPU milliseconds an operation, and operations a second. */
async function run(system, send, from, count, width) {
  let next = from;
  const cpuBefore = cpuOf(system.pids);
  const began = performance.now();
  const loop = async () => {
    while (next < from + count) {
      const { status, body } = await send(system.api, next++);
      if (status >= 300) throw new Error(`${status} ${body.toString().slice(0, 200)}`);
    }
  };
  await Promise.all(Array.from({ length: width }, loop));
  return { cpu: (cpuOf(system.pids) - cpuBefore) / count, rate: count / ((performance.now() - began) / 1000) };
}

export async function measureAgainstReference({ n, c, rounds = 3 }) {
  const { KUBE_APISERVER: apiserver, ETCD: etcd } = process.env;
  if (!apiserver || !etcd) {
    report({ op: 'reference', skipped: 'KUBE_APISERVER and ETCD do not name the programs to compare with' });
    return;
  }
  const data = newDirectory();
  const reference = await startKubernetes({ etcd, apiserver });
  const engine = await startEngine({ data });
  const ours = { api: new ApiClient(engine), pids: [engine.pid] };
  try {
    for (const { api } of [reference, ours]) {
      await api.request('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
      await api.request('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } });
    }
    const found = Object.fromEntries(Object.keys(operations).map((op) => [op, { ours: [], reference: [] }]));
    for (let round = 0; round < rounds; round++)
      for (const [op, send] of Object.entries(operations)) {
        const count = op.startsWith('list') ? 20 : n;
        for (const who of round % 2 === 0 ? ['ours', 'reference'] : ['reference', 'ours'])
          found[op][who].push(await run(who === 'ours' ? ours : reference, send, round * n, count, c));
      }
    for (const [op, results] of Object.entries(found)) {
      // The first round is the compiler's.
      const warm = (who, figure) => quantile(results[who].slice(1).map((result) => result[figure]), 0.5);
      const figures = { cpuMsPerOp: warm('ours', 'cpu'), referenceCpuMsPerOp: warm('reference', 'cpu'), perSecond: warm('ours', 'rate'), referencePerSecond: warm('reference', 'rate') };
      report({ op: `against-reference-${op}`, n, c, coldCpuMsPerOp: results.ours[0].cpu, ...figures, cpuFactor: figures.referenceCpuMsPerOp / figures.cpuMsPerOp, rateFactor: figures.perSecond / figures.referencePerSecond });
    }
    report({ op: 'against-reference-memory', rssMiB: rssOf(ours.pids), referenceRssMiB: rssOf(reference.pids), share: rssOf(ours.pids) / rssOf(reference.pids) });
  } finally {
    ours.api.close();
    reference.api.close();
    await engine.stop();
    reference.stop();
    fs.rmSync(data, { recursive: true, force: true });
  }
}
