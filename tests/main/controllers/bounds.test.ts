import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CronJob, DaemonSet, Job, Pod, Scale } from '../../../main/api/index.ts';
import { scaledValue } from '../../../main/api/intstr.ts';
import { timestamp } from '../../../main/api/meta.ts';
import { InformerFactory, resources } from '../../../main/client/index.ts';
import { CronJobController } from '../../../main/controllers/cronJob/cronJobController.ts';
import { DaemonSetController } from '../../../main/controllers/daemonSet/daemonSetController.ts';
import { targetNode } from '../../../main/controllers/daemonSet/nodes.ts';
import { DisruptionController } from '../../../main/controllers/disruption/disruptionController.ts';
import { HorizontalPodAutoscalerController } from '../../../main/controllers/horizontalPodAutoscaler/horizontalPodAutoscalerController.ts';
import { noLog } from '../../../main/util/log.ts';
import { settle } from '../../support/fakeClock.ts';
import { makeDeployment, makeNode, makePod, seededRandom } from '../../support/objects.ts';
import { TestCluster } from '../apiserver/registry/testCluster.ts';
import { Stormy } from './stormy.ts';

/** The same stories every time; `RUNS=300` tells so many others. */
const runs = process.env.RUNS ? { numRuns: Number(process.env.RUNS) } : { numRuns: 10, seed: 2026 };
/** Each with a whole API server. */
const fewer = process.env.RUNS ? runs : { ...runs, numRuns: 4 };
const patience = { timeout: process.env.RUNS ? 3_600_000 : 120_000 };
const scenario = { seed: fc.nat(), unsent: fc.constantFrom(0, 0.05, 0.2) };
const isOver = ({ status }: Job) => status?.conditions?.some(({ type, status: is }) => (type === 'Complete' || type === 'Failed') && is === 'True') ?? false;
const isReady = ({ metadata, status }: Pod) => !metadata!.deletionTimestamp && status?.phase === 'Running';

describe('whatever goes wrong meanwhile', () => {
  it('a DaemonSet that is rolled out never has fewer daemons than maxUnavailable allows, nor more beside them than maxSurge', patience, async () => {
    const bound = fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 100 }).map((p) => `${p}%`));
    const record = fc.record({ ...scenario, nodes: fc.integer({ min: 1, max: 5 }), bound, surges: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(record, async ({ seed, unsent, nodes, bound: amount, surges }) => {
        const most = scaledValue(amount, nodes, true);
        let rolling = false;
        const broken: string[] = [];
        const storm: Stormy = new Stormy(seed, [DaemonSetController], () => {
          if (!rolling) return;
          const staying = [...storm.pods.values()].filter((pod) => !pod.metadata!.deletionTimestamp);
          const served = new Set(staying.filter(isReady).map(targetNode)).size;
          const doubled = staying.length - new Set(staying.map(targetNode)).size;
          if (served < nodes - (surges ? 0 : most)) broken.push(`${served} of ${nodes} nodes served, ${most} may be without`);
          if (doubled > (surges ? most : 0)) broken.push(`${doubled} more than nodes, ${most} allowed`);
        });
        await storm.start();
        for (let i = 0; i < nodes; i++) storm.server.seed(resources.nodes, makeNode(`node-${i}`));
        const set: DaemonSet = {
          metadata: { name: 'agent', namespace: 'default', generation: 1 },
          spec: {
            selector: { matchLabels: { app: 'agent' } },
            template: { metadata: { labels: { app: 'agent' } }, spec: { containers: [{ name: 'c', image: 'i:1' }] } },
            updateStrategy: { type: 'RollingUpdate', rollingUpdate: surges ? { maxSurge: amount, maxUnavailable: 0 } : { maxUnavailable: amount, maxSurge: 0 } },
          },
        };
        storm.server.seed(resources.daemonSets, set);
        const grow = async (steps: number) => {
          for (let i = 0; i < steps; i++) {
            await settle();
            storm.moveOne();
          }
        };
        await grow(20);
        await storm.calm();
        rolling = true;
        storm.transport.unsent = unsent;
        storm.server.change(resources.daemonSets, 'default', 'agent', (d) => {
          d.spec!.template.spec!.containers[0]!.image = 'i:2';
          d.metadata!.generation = 2;
        });
        for (let i = 0; i < 40; i++) {
          await storm.storm();
          storm.moveOne();
          await settle();
        }
        for (let i = 0; i < 20; i++) {
          await storm.calm();
          await grow(4);
        }
        await storm.calm();
        const pods = [...storm.pods.values()];
        await storm.stop();
        expect(broken).toEqual([]);
        expect(pods.map((pod) => `${targetNode(pod)} ${pod.spec!.containers[0]!.image}`).sort()).toEqual(Array.from({ length: nodes }, (_, i) => `node-${i} i:2`));
      }),
      runs,
    );
  });

  it('a CronJob begins no Job twice, and none beside another where it must not', patience, async () => {
    const record = fc.record({ ...scenario, concurrencyPolicy: fc.constantFrom('Forbid', 'Replace', 'Allow') });
    await fc.assert(
      fc.asyncProperty(record, async ({ seed, unsent, concurrencyPolicy }) => {
        const broken: string[] = [];
        const begun = new Set<string>();
        const jobs = () => storm.server.all(resources.jobs, 'default');
        const storm: Stormy = new Stormy(seed, [CronJobController], () => {});
        storm.server.onChange = ({ type, def, object }) => {
          if (def.resource !== 'jobs' || type !== 'ADDED') return;
          const at = object.metadata!.annotations!['batch.kubernetes.io/cronjob-scheduled-timestamp']!;
          if (begun.has(at)) broken.push(`two for ${at}`);
          begun.add(at);
          const others = jobs().filter((job) => job.metadata!.name !== object.metadata!.name && !isOver(job) && !job.metadata!.deletionTimestamp);
          // One of which it never heard that it was begun is not in the way of the next one (upstream's syncCronJob says so itself).
          if (others.length > 0 && concurrencyPolicy !== 'Allow' && unsent === 0) broken.push(`${object.metadata!.name} beside ${others.map(({ metadata }) => metadata!.name).join()}`);
        };
        await storm.start();
        storm.transport.unsent = storm.transport.unanswered = unsent;
        const cronJob: CronJob = {
          metadata: { name: 'tick', namespace: 'default', generation: 1 },
          spec: { schedule: '* * * * *', concurrencyPolicy, successfulJobsHistoryLimit: 2, failedJobsHistoryLimit: 1, jobTemplate: { spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } } } } },
        };
        storm.server.seed(resources.cronJobs, cronJob);
        for (let i = 0; i < 60; i++) {
          await storm.storm({ lag: false });
          await storm.clock.advance(Math.floor(storm.chance.next() * 40_000));
          const running = storm.pick(jobs().filter((job) => !isOver(job)));
          if (running && storm.chance.next() < 0.4)
            storm.server.change(resources.jobs, 'default', running.metadata!.name!, (job) => {
              const now = timestamp(storm.clock.now());
              const type = storm.chance.next() < 0.3 ? 'Failed' : 'Complete';
              job.status = { ...job.status, completionTime: now, conditions: [{ type, status: 'True', lastTransitionTime: now }] };
            });
          await settle();
        }
        await storm.calm();
        for (const job of jobs().filter((each) => !isOver(each))) storm.server.change(resources.jobs, 'default', job.metadata!.name!, (j) => (j.status = { ...j.status, conditions: [{ type: 'Complete', status: 'True' }] }));
        await storm.calm();
        await storm.stop();
        expect(broken).toEqual([]);
        expect(begun.size).toBeGreaterThan(1);
      }),
      runs,
    );
  });

  it('a HorizontalPodAutoscaler keeps between its bounds, and to its pace', patience, async () => {
    const record = fc.record({ seed: fc.nat(), min: fc.integer({ min: 1, max: 4 }), span: fc.integer({ min: 0, max: 8 }), pods: fc.integer({ min: 1, max: 3 }) });
    await fc.assert(
      fc.asyncProperty(record, async ({ seed, min, span, pods }) => {
        const broken: string[] = [];
        const max = min + span;
        const storm: Stormy = new Stormy(seed, [HorizontalPodAutoscalerController], () => {});
        /** When it was changed, and to what. */
        const history: { at: number; replicas: number }[] = [{ at: 0, replicas: min }];
        const replicas = () => history.at(-1)!.replicas;
        const scale = (): Scale => ({ metadata: { name: 'web', namespace: 'default' }, spec: { replicas: replicas() }, status: { replicas: replicas(), selector: 'app=web' } });
        let load = 100;
        const name = (i: number) => `web-${i}`;
        storm.server.answer = ({ method, path, body }) => {
          if (path.endsWith('/scale')) {
            if (method === 'GET') return scale();
            const wanted = (body as Scale).spec!.replicas!;
            const now = storm.clock.now();
            // As it was when the minute began in which it may grow by so many.
            const before = history.filter(({ at }) => at <= now - 60_000).at(-1)?.replicas ?? min;
            if (wanted < min || wanted > max) broken.push(`${wanted} outside of ${min} to ${max}`);
            if (wanted > replicas() && wanted > before + pods && wanted > min) broken.push(`from ${before} to ${wanted} within a minute, ${pods} allowed`);
            history.push({ at: now, replicas: wanted });
            return scale();
          }
          if (path !== '/apis/metrics.k8s.io/v1beta1/namespaces/default/pods') return undefined;
          const items = Array.from({ length: replicas() }, (_, i) => ({ metadata: { name: name(i) }, timestamp: timestamp(storm.clock.now()), window: '15s', containers: [{ name: 'main', usage: { cpu: `${Math.floor(load / replicas())}m` } }] }));
          return { items };
        };
        await storm.start();
        storm.server.seed(resources.deployments, makeDeployment('web', min));
        const status = { phase: 'Running', startTime: '2025-01-01T00:00:00Z', conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2025-01-01T00:00:00Z' }] };
        for (let i = 0; i < max; i++) storm.server.seed(resources.pods, { ...makePod(name(i), { labels: { app: 'web' } }, { containers: [{ name: 'main', image: 'i', resources: { requests: { cpu: '100m' } } }] }), status });
        storm.server.seed(resources.horizontalPodAutoscalers, {
          metadata: { name: 'web', namespace: 'default' },
          spec: {
            scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
            minReplicas: min,
            maxReplicas: max,
            metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } }],
            behavior: {
              scaleUp: { stabilizationWindowSeconds: 0, selectPolicy: 'Max', policies: [{ type: 'Pods', value: pods, periodSeconds: 60 }] },
              scaleDown: { stabilizationWindowSeconds: 30, selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] },
            },
          },
        });
        for (let i = 0; i < 60; i++) {
          load = Math.floor(storm.chance.next() * 120 * max);
          await storm.clock.advance(5_000 + Math.floor(storm.chance.next() * 20_000));
          await settle();
        }
        await storm.stop();
        expect(broken).toEqual([]);
        expect(span === 0 || history.length > 1).toBe(true);
      }),
      runs,
    );
  });
});

describe('however many ask at once', () => {
  const pods = '/api/v1/namespaces/default/pods';
  const begin = async () => {
    const cluster = await TestCluster.start();
    await cluster.ask('POST', '/api/v1/namespaces', { metadata: { name: 'default' } });
    await cluster.ask('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
    return cluster;
  };
  const list = async (cluster: TestCluster) => (await cluster.ask<{ items: Pod[] }>('GET', pods)).items;

  it('evictions leave as many healthy pods as a budget wants', patience, async () => {
    const record = fc.record({ seed: fc.nat(), count: fc.integer({ min: 2, max: 6 }), spare: fc.integer({ min: 0, max: 3 }) });
    await fc.assert(
      fc.asyncProperty(record, async ({ seed, count, spare }) => {
        const chance = seededRandom(seed);
        const cluster = await begin();
        const wanted = Math.max(1, count - spare);
        let made = 0;
        const add = async () => {
          const pod = await cluster.ask<Pod>('POST', pods, { metadata: { name: `p${made++}`, labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: 'i' }] } });
          await cluster.ask('PUT', `${pods}/${pod.metadata!.name}/status`, { ...pod, status: { ...pod.status, phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } });
        };
        await cluster.ask('POST', '/apis/policy/v1/namespaces/default/poddisruptionbudgets', { metadata: { name: 'b' }, spec: { selector: { matchLabels: { app: 'x' } }, minAvailable: wanted } });
        const run = async () => {
          const informers = new InformerFactory(cluster.client(), cluster.clock, noLog);
          const controller = new DisruptionController({ client: cluster.client(), informers, clock: cluster.clock, random: chance, log: noLog });
          informers.start();
          await informers.synced();
          controller.start();
          return async () => {
            informers.stop();
            await controller.stop();
          };
        };
        for (let i = 0; i < count; i++) await add();
        let stop = await run();
        let gone = 0;
        for (let round = 0; round < 12; round++) {
          await settle();
          if (chance.next() < 0.2) {
            await stop();
            stop = await run();
          }
          const names = (await list(cluster)).map(({ metadata }) => metadata!.name!);
          const chosen = Array.from({ length: 4 }, () => names[Math.floor(chance.next() * names.length)]!);
          const answers = await Promise.allSettled(chosen.map((name) => cluster.ask('POST', `${pods}/${name}/eviction`, { metadata: { name } })));
          gone += answers.filter(({ status }) => status === 'fulfilled').length;
          expect((await list(cluster)).filter(isReady).length).toBeGreaterThanOrEqual(Math.min(wanted, count));
          while ((await list(cluster)).length < count) await add();
          await cluster.clock.advance(1000);
        }
        await stop();
        await cluster.close();
        expect(gone > 0).toBe(wanted < count);
      }),
      fewer,
    );
  });

  it('a quota is never exceeded', patience, async () => {
    const record = fc.record({ seed: fc.nat(), most: fc.integer({ min: 1, max: 5 }), cpu: fc.integer({ min: 1, max: 9 }) });
    await fc.assert(
      fc.asyncProperty(record, async ({ seed, most, cpu }) => {
        const chance = seededRandom(seed);
        const cluster = await begin();
        await cluster.ask('POST', '/api/v1/namespaces/default/resourcequotas', { metadata: { name: 'q' }, spec: { hard: { pods: String(most), 'requests.cpu': String(cpu) } } });
        let made = 0;
        const create = (dryRun: boolean) =>
          cluster.ask('POST', `${pods}${dryRun ? '?dryRun=All' : ''}`, { metadata: { name: `p${made++}` }, spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: String(1 + Math.floor(chance.next() * 3)) } } }] } });
        for (let round = 0; round < 15; round++) {
          const names = (await list(cluster)).map(({ metadata }) => metadata!.name!);
          const leaving = names.filter(() => chance.next() < 0.4).map((name) => cluster.ask('DELETE', `${pods}/${name}`));
          await Promise.allSettled([...leaving, ...Array.from({ length: 6 }, () => create(chance.next() < 0.2))]);
          const all = await list(cluster);
          expect(all.length).toBeLessThanOrEqual(most);
          expect(all.reduce((sum, { spec }) => sum + Number(spec!.containers[0]!.resources!.requests!.cpu), 0)).toBeLessThanOrEqual(cpu);
        }
        await cluster.close();
        expect(made).toBe(90);
      }),
      fewer,
    );
  });
});
