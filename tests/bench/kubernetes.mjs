// Kubernetes' own control plane on loopback, out of its own programs: etcd and kube-apiserver, and where they are named
// kube-controller-manager and kube-scheduler, whose client rates are unlimited so that only the programs are measured.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { ApiClient } from './client.mjs';
import { newDirectory } from './engine.mjs';

/** As many ports of loopback that nobody has. */
export async function freePorts(count) {
  const servers = Array.from({ length: count }, () => net.createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once('listening', resolve))));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Resolves when the API is ready, to its client, the processes' ids and what stops them. */
export async function startKubernetes({ etcd, apiserver, controllers, scheduler }) {
  const folder = newDirectory();
  const inside = (name) => path.join(folder, name);
  const certificate = inside('certs/apiserver.crt');
  const [etcdPort, peersPort, apiPort, controllersPort, schedulerPort] = await freePorts(5);
  const server = `https://127.0.0.1:${apiPort}`;
  execFileSync('openssl', ['genrsa', '-out', inside('sa.key'), '2048'], { stdio: 'ignore' });
  // The administrator's certificate, as the engine's client has one.
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/O=system:masters/CN=admin', '-keyout', inside('admin.key'), '-out', inside('admin.crt')], { stdio: 'ignore' });
  const store = `http://127.0.0.1:${etcdPort}`;
  const peers = `http://127.0.0.1:${peersPort}`;
  const started = [];
  const start = (program, words) => started.push(spawn(program, words, { stdio: 'ignore' }));
  start(etcd, [
    '--data-dir', inside('etcd'), '--listen-client-urls', store, '--advertise-client-urls', store, '--listen-peer-urls', peers,
    '--initial-advertise-peer-urls', peers, '--initial-cluster', `default=${peers}`, '--log-level', 'error',
  ]);
  start(apiserver, [
    `--etcd-servers=${store}`, `--secure-port=${apiPort}`, '--bind-address=127.0.0.1', `--cert-dir=${inside('certs')}`, `--client-ca-file=${inside('admin.crt')}`,
    `--service-account-key-file=${inside('sa.key')}`, `--service-account-signing-key-file=${inside('sa.key')}`, '--service-account-issuer=https://kubernetes.default.svc',
    '--authorization-mode=RBAC', '--disable-admission-plugins=ServiceAccount', '--service-cluster-ip-range=10.96.0.0/16',
  ]);
  const stop = () => {
    for (const child of started.reverse()) child.kill('SIGKILL');
    fs.rmSync(folder, { recursive: true, force: true });
  };
  const api = await ready(certificate, server, inside);
  if (!api) {
    stop();
    throw new Error('the reference is not ready after a minute');
  }
  const kubeconfig = inside('kubeconfig');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'reference', cluster: { server, 'certificate-authority': certificate } }],
    users: [{ name: 'admin', user: { 'client-certificate': inside('admin.crt'), 'client-key': inside('admin.key') } }],
    contexts: [{ name: 'admin', context: { cluster: 'reference', user: 'admin' } }],
    'current-context': 'admin',
  };
  fs.writeFileSync(kubeconfig, JSON.stringify(config));
  const client = [`--kubeconfig=${kubeconfig}`, '--kube-api-qps=100000', '--kube-api-burst=100000', '--leader-elect=false', `--cert-dir=${inside('certs')}`];
  if (controllers) start(controllers, [...client, `--secure-port=${controllersPort}`, `--service-account-private-key-file=${inside('sa.key')}`]);
  if (scheduler) start(scheduler, [...client, `--secure-port=${schedulerPort}`]);
  return { api, pids: started.map(({ pid }) => pid), stop };
}

async function ready(certificate, server, inside) {
  for (let i = 0; i < 300; i++) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    if (!fs.existsSync(certificate)) continue;
    const api = new ApiClient({ server, ca: fs.readFileSync(certificate), cert: fs.readFileSync(inside('admin.crt')), key: fs.readFileSync(inside('admin.key')) });
    const answer = await api.request('GET', '/readyz').catch(() => undefined);
    if (answer?.status === 200) return api;
    api.close();
  }
  return undefined;
}
