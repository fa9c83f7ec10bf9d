import type { Pod } from '../../api/index.ts';
import type { ContainerIO, ContainerTarget, ExecResult, KubeletApi, PodTarget } from '../../api/kubelet.ts';
import { badRequest, failure, internalError, notFound, StatusError } from '../../api/status.ts';
import { RuntimeError, type Container, type ContainerStats, type ExecIO } from '../../runtime/index.ts';
import { checkReport, healthMetrics, healthReport, ping, type HealthCheck, type HealthReport } from '../../util/healthChecks.ts';
import type { KubeletContext } from '../context.ts';
import type { PodWorker } from '../podWorker.ts';
import { latest, readySandbox } from '../runtimeStatus.ts';
import { containerNamed } from '../spec.ts';
import { messageOf } from '../volumes/errors.ts';
import { logFile } from './logFiles.ts';
import { logContainerId, writeLogs } from './logs.ts';
import { cadvisorMetrics } from './cadvisorMetrics.ts';
import { ClaimMeter } from './claimUsage.ts';
import { configz } from './configz.ts';
import { kubeletMetrics, probeMetrics } from './metrics.ts';
import { resourceMetrics } from './resourceMetrics.ts';
import { nodeStats, sandboxStats, summary } from './stats.ts';
import { StorageMeter } from './storageUsage.ts';
import { UsageMeter } from './usage.ts';

export interface KubeletState {
  worker(uid: string): PodWorker | undefined;
  pods(): Pod[];
  /** Why the node is not ready. */
  problem(): string | undefined;
}

const json = (body: unknown) => ({ status: 200, contentType: 'application/json', body: JSON.stringify(body) });
const text = (status: number, body: string) => ({ status, contentType: 'text/plain; charset=utf-8', body });

const metrics = (body: string) => ({ status: 200, contentType: 'text/plain; version=0.0.4; charset=utf-8', body });

const health = ({ code, body }: HealthReport) => text(code, body);

const isRunning = ({ runtimeStatus }: PodWorker) => runtimeStatus.containers.some(({ state }) => state === 'running');

/** A pod as the runtime alone knows it. */
function runningPod({ pod, runtimeStatus }: PodWorker) {
  const { name, namespace, uid } = pod.metadata!;
  const containers = runtimeStatus.containers.filter(({ state }) => state === 'running').map((container) => ({ name: container.name, image: container.imageId, resources: {} }));
  return { metadata: { name, namespace, uid }, spec: { containers }, status: {} };
}

/** What the apiserver asks of this node. Mirrors pkg/kubelet/server/server.go. */
export function createKubeletApi(context: KubeletContext, state: KubeletState): KubeletApi {
  const { runtime } = context;
  const workers = () => state.pods().map((pod) => state.worker(pod.metadata!.uid!)!);
  const meter = new UsageMeter(context, workers);
  const claims = new ClaimMeter(context, workers);
  const disk = new StorageMeter(context, workers);
  const checks: HealthCheck[] = [
    ping,
    { name: 'log', check() {} },
    {
      name: 'syncloop',
      check() {
        const problem = state.problem();
        if (problem !== undefined) throw new Error(problem);
      },
    },
  ];
  const slis = healthMetrics({ healthz: checks });
  let before = new Map<string, ContainerStats>();
  const summarize = async () => {
    const machineState = context.agent().then((agent) => agent.machineState()).catch(() => undefined);
    const [stats, sandboxes, machine, usages, storage] = await Promise.all([nodeStats(context, workers()), sandboxStats(context, workers()), machineState, claims.usage(), disk.usage()]);
    const result = summary(context, workers(), { stats, sandboxes, before, machine, claims: usages, storage });
    before = stats;
    return result;
  };

  const workerOf = ({ uid, name }: PodTarget): PodWorker => {
    const worker = state.worker(uid);
    if (!worker) throw notFound({ group: '', kind: 'pods' }, name);
    return worker;
  };
  const running = (target: ContainerTarget): Container => {
    const container = latest(workerOf(target).runtimeStatus, target.container);
    if (container?.state !== 'running') throw failure(500, 'InternalError', `container not found ("${target.container}")`);
    return container;
  };
  const io = (given: ContainerIO): ExecIO => ({
    tty: given.tty,
    signal: given.signal,
    ...(given.stdin ? { stdin: given.stdin } : {}),
    ...(given.stdout ? { stdout: given.stdout } : {}),
    ...(given.stderr ? { stderr: given.stderr } : {}),
    ...(given.onResize ? { onResize: (listener: Parameters<NonNullable<ContainerIO['onResize']>>[0]) => given.onResize!(listener) } : {}),
  });

  return {
    async containerLogs(target, options, out, signal) {
      const worker = workerOf(target);
      const id = logContainerId(target.name, worker.status() ?? worker.pod.status, target.container, options.previous ?? false);
      await asStatus(writeLogs(runtime, id, options, context.clock.now(), out, signal));
    },

    async findContainer(target, attach) {
      if (attach && latest(workerOf(target).runtimeStatus, target.container)?.state !== 'running')
        throw failure(500, 'InternalError', `container ${target.container} not found in pod ${target.name}_${target.namespace}`);
      running(target);
    },

    async exec(target, command, given): Promise<ExecResult> {
      return asStatus(runtime.exec(running(target).id, command, io(given)));
    },

    async attach(target, given): Promise<void> {
      const spec = containerNamed(workerOf(target).pod, target.container);
      const container = running(target);
      if (given.tty && !spec?.tty) throw badRequest(`container ${target.container} has no terminal`);
      await asStatus(runtime.attach(container.id, io(given)));
    },

    async portForward(target, port) {
      const sandbox = readySandbox(workerOf(target).runtimeStatus);
      if (!sandbox) throw internalError(`unable to upgrade connection: pod not found ("${target.name}_${target.namespace}")`);
      return asStatus(runtime.portForward(sandbox.id, port));
    },

    async http(path, query) {
      if (path === '/logs' || path.startsWith('/logs/')) return asStatus(logFile(runtime, workers(), path.slice('/logs'.length)));
      switch (path.replace(/\/+$/, '') || '/') {
        case '/healthz':
        case '/livez':
        case '/readyz':
          return health(await healthReport(path.replace(/\//g, ''), checks, { exclude: query.getAll('exclude'), verbose: query.has('verbose') }));
        case '/pods':
          return json({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items: workers().map((worker) => ({ ...worker.pod, status: worker.status() ?? worker.pod.status })) });
        case '/runningpods':
          return json({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items: workers().filter(isRunning).map(runningPod) });
        // Of Skiff alone: the window shows how the images of a pod come.
        case '/imagepulls':
          return json({ items: context.images.pulls(query.get('podUID') ?? '') });
        case '/configz':
          return json(configz(context));
        case '/stats/summary':
          return json(await summarize());
        case '/metrics':
          return metrics(kubeletMetrics(context, workers(), await claims.usage()));
        case '/metrics/cadvisor':
          return metrics(cadvisorMetrics(context, workers(), ...(await Promise.all([nodeStats(context, workers()), sandboxStats(context, workers())]))));
        case '/metrics/probes':
          return metrics(probeMetrics(context, workers()));
        case '/metrics/slis':
          return metrics(await slis());
        case '/metrics/resource':
          return metrics(resourceMetrics(workers(), await nodeStats(context, workers())));
        default: {
          const one = path.startsWith('/healthz/') ? await checkReport(path.slice('/healthz/'.length), checks) : undefined;
          return one ? health(one) : text(404, '404 page not found\n');
        }
      }
    },

    usage: () => meter.usage(),
  };
}

async function asStatus<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof StatusError) throw error;
    if (error instanceof RuntimeError && error.code === 'invalid') throw badRequest(error.message);
    throw internalError(messageOf(error));
  }
}
