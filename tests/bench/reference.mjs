// The same requests to the engine and to Kubernetes' own kube-apiserver with etcd, in turns, so that whatever else the
// machine does weighs on both alike. Runs where KUBE_APISERVER and ETCD name the two programs.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { ApiClient } from './client.mjs';
import { cpuMs, memory, newDirectory, startEngine } from './engine.mjs';
import { configMap, pod } from './objects.mjs';
import { quantile, report } from './report.mjs';

const namespace = 'bench';
const pods = `/api/v1/namespaces/${namespace}/pods`;
const configMaps = `/api/v1/namespaces/${namespace}/configmaps`;
const ports = { etcd: 23790, peers: 23800, api: 16443 };

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

async function startReference({ etcd, apiserver }) {
  const folder = newDirectory();
  const inside = (name) => path.join(folder, name);
  execFileSync('openssl', ['genrsa', '-out', inside('sa.key'), '2048'], { stdio: 'ignore' });
  // The administrator's certificate, as the engine's client has one.
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/O=system:masters/CN=admin', '-keyout', inside('admin.key'), '-out', inside('admin.crt')], { stdio: 'ignore' });
  const store = `http://127.0.0.1:${ports.etcd}`;
  const peers = `http://127.0.0.1:${ports.peers}`;
  const started = [
    spawn(etcd, ['--data-dir', inside('etcd'), '--listen-client-urls', store, '--advertise-client-urls', store, '--listen-peer-urls', peers, '--log-level', 'error'], { stdio: 'ignore' }),
    spawn(
      apiserver,
      [
        `--etcd-servers=${store}`, `--secure-port=${ports.api}`, '--bind-address=127.0.0.1', `--cert-dir=${inside('certs')}`, `--client-ca-file=${inside('admin.crt')}`,
        `--service-account-key-file=${inside('sa.key')}`, `--service-account-signing-key-file=${inside('sa.key')}`, '--service-account-issuer=https://kubernetes.default.svc',
        '--authorization-mode=RBAC', '--disable-admission-plugins=ServiceAccount', '--service-cluster-ip-range=10.96.0.0/16',
      ],
      { stdio: 'ignore' },
    ),
  ];
  const stop = () => {
    for (const child of started.reverse()) child.kill('SIGKILL');
    fs.rmSync(folder, { recursive: true, force: true });
  };
  const certificate = inside('certs/apiserver.crt');
  for (let i = 0; i < 300; i++) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    if (!fs.existsSync(certificate)) continue;
    const endpoint = { server: `https://127.0.0.1:${ports.api}`, ca: fs.readFileSync(certificate), cert: fs.readFileSync(inside('admin.crt')), key: fs.readFileSync(inside('admin.key')) };
    const api = new ApiClient(endpoint);
    const ready = await api.request('GET', '/readyz').catch(() => undefined);
    if (ready?.status === 200) return { api, pids: started.map(({ pid }) => pid), stop };
  }
  stop();
  throw new Error('the reference is not ready after a minute');
}

const cpuOf = ({ pids }) => pids.reduce((sum, pid) => sum + cpuMs(pid), 0);
const rssOf = ({ pids }) => pids.reduce((sum, pid) => sum + memory(pid).rssMiB, 0);

/** CPU milliseconds an operation, and operations a second. */
async function run(system, send, from, count, width) {
  let next = from;
  const cpuBefore = cpuOf(system);
  const began = performance.now();
  const loop = async () => {
    while (next < from + count) {
      const { status, body } = await send(system.api, next++);
      if (status >= 300) throw new Error(`${status} ${body.toString().slice(0, 200)}`);
    }
  };
  await Promise.all(Array.from({ length: width }, loop));
  return { cpu: (cpuOf(system) - cpuBefore) / count, rate: count / ((performance.now() - began) / 1000) };
}

export async function measureAgainstReference({ n, c, rounds = 3 }) {
  const { KUBE_APISERVER: apiserver, ETCD: etcd } = process.env;
  if (!apiserver || !etcd) {
    report({ op: 'reference', skipped: 'KUBE_APISERVER and ETCD do not name the programs to compare with' });
    return;
  }
  const data = newDirectory();
  const reference = await startReference({ etcd, apiserver });
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
    report({ op: 'against-reference-memory', rssMiB: rssOf(ours), referenceRssMiB: rssOf(reference), share: rssOf(ours) / rssOf(reference) });
  } finally {
    ours.api.close();
    reference.api.close();
    await engine.stop();
    reference.stop();
    fs.rmSync(data, { recursive: true, force: true });
  }
}
