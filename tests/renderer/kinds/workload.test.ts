import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CronJob, Ingress, Job, Service } from '../../../main/api/index.ts';
import { core, startClient } from '../../../renderer/client/index.ts';
import { details as cronJobDetails } from '../../../renderer/kinds/cronjob/details.ts';
import { linksOf } from '../../../renderer/kinds/ingress/links.ts';
import { jobStatus } from '../../../renderer/kinds/job/status.ts';
import { linkOf } from '../../../renderer/kinds/service/links.ts';
import { restart, runNow } from '../../../renderer/kinds/workload/actions.ts';
import { FakeBridge } from '../support/fakeBridge.ts';
import { mountScreen, type Screen } from '../support/mountScreen.ts';
import { makePod } from '../support/objects.ts';

const cronJob = (more: object = {}): CronJob & { metadata: NonNullable<CronJob['metadata']> } => ({
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  metadata: { name: 'tick', namespace: 'default', uid: 'uid-tick' },
  spec: { schedule: '* * * * *', jobTemplate: { metadata: { labels: { of: 'tick' } }, spec: { template: { spec: { containers: [{ name: 'a', image: 'busybox' }] } } } }, ...more },
});

describe('what can be done with workloads', () => {
  let bridge: FakeBridge;
  beforeEach(() => {
    bridge = new FakeBridge();
    startClient(bridge);
  });

  it('a CronJob runs out of turn as kubectl makes it run', async () => {
    bridge.api.put(cronJob());
    const name = await runNow(cronJob());
    expect(name).toMatch(/^tick-[0-9a-z]+$/);
    expect(bridge.api.get<Job>('Job', 'default', name)).toMatchObject({
      metadata: { labels: { of: 'tick' }, annotations: { 'cronjob.kubernetes.io/instantiate': 'manual' }, ownerReferences: [{ kind: 'CronJob', name: 'tick', uid: 'uid-tick', controller: true }] },
      spec: { template: { spec: { containers: [{ image: 'busybox' }] } } },
    });
  });

  it('a long name leaves room for the stamp', async () => {
    const long = { ...cronJob(), metadata: { ...cronJob().metadata, name: 'x'.repeat(52) } };
    expect((await runNow(long)).length).toBeLessThanOrEqual(63);
    const longer = { ...cronJob(), metadata: { ...cronJob().metadata, name: 'x'.repeat(63) } };
    expect(await runNow(longer)).toHaveLength(63);
  });

  it('a CronJob is suspended or goes on, whichever it is not', async () => {
    const offered = (object: CronJob) => (cronJobDetails.actions ?? []).filter(({ shown }) => shown?.(object) ?? true).map(({ id }) => id);
    expect(offered(cronJob())).toEqual(['edit', 'run', 'suspend']);
    expect(offered(cronJob({ suspend: true }))).toEqual(['edit', 'run', 'unsuspend']);
    bridge.api.put(cronJob());
    await cronJobDetails.actions!.find(({ id }) => id === 'suspend')!.run!(cronJob(), core.cronJobs);
    expect(bridge.api.get<CronJob>('CronJob', 'default', 'tick')?.spec?.suspend).toBe(true);
  });

  it('a DaemonSet is restarted by a new annotation of its template', async () => {
    bridge.api.put({ apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'agent', namespace: 'default' } });
    await restart(core.daemonSets, { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'agent', namespace: 'default' } });
    expect(JSON.stringify(bridge.api.get('DaemonSet', 'default', 'agent'))).toContain('kubectl.kubernetes.io/restartedAt');
  });
});

describe('the page of a workload', () => {
  let screen: Screen;
  afterEach(() => {
    screen.wrapper.unmount();
    document.body.innerHTML = '';
  });

  it('shows the pods that it manages and no others', async () => {
    screen = await mountScreen('/k/statefulsets.apps/default/db', ({ api }) => {
      api.put({ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'db', namespace: 'default', uid: 'uid-db' }, spec: { replicas: 2, selector: { matchLabels: { app: 'db' } }, template: { spec: { containers: [{ name: 'db', image: 'postgres' }] } }, volumeClaimTemplates: [{ metadata: { name: 'data' } }] } } as never);
      api.put(makePod('db-0', { metadata: { name: 'db-0', namespace: 'default', uid: 'p0', ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 'uid-db', controller: true }] } }));
      api.put(makePod('stranger'));
      for (const name of ['data-db-0', 'data-db-x']) api.put({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name, namespace: 'default', uid: name }, status: { phase: 'Bound' } } as never);
    });
    expect(screen.text()).toContain('db-0');
    expect(screen.text()).toContain('data-db-0');
    expect(screen.text()).not.toContain('stranger');
    expect(screen.text()).not.toContain('data-db-x');
    expect(document.querySelector('.stepper')).not.toBeNull();
  });

  it('of a CronJob shows its Jobs and how they went', async () => {
    screen = await mountScreen('/k/cronjobs.batch/default/tick', ({ api }) => {
      api.put(cronJob());
      api.put({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'tick-1', namespace: 'default', uid: 'j1', ownerReferences: [{ apiVersion: 'batch/v1', kind: 'CronJob', name: 'tick', uid: 'uid-tick', controller: true }] }, status: { conditions: [{ type: 'Failed', status: 'True', reason: 'BackoffLimitExceeded' }] } } as never);
    });
    expect(screen.text()).toContain('tick-1');
    expect(screen.text()).toContain('BackoffLimitExceeded');
  });
});

describe('the state of a Job', () => {
  const job = (type?: string, more: object = {}): Job => ({ spec: { template: {}, ...more }, status: type ? { conditions: [{ type, status: 'True', reason: 'Why' }] } : {} }) as Job;
  it.each([
    [job(), 'Running'],
    [job('Complete'), 'Complete'],
    [job('Failed'), 'Why'],
    [job(undefined, { suspend: true }), 'Suspended'],
  ])('is a word', (object, word) => {
    expect(jobStatus(object).text).toBe(word);
  });
});

describe('where this computer reaches the cluster', () => {
  const service = (type: string, status: object = {}): Service => ({ spec: { type }, status }) as Service;
  it('a Service by its node port, or its own where it has an address', () => {
    expect(linkOf(service('NodePort'), { port: 80, nodePort: 30001 })).toBe('http://localhost:30001/');
    expect(linkOf(service('LoadBalancer', { loadBalancer: { ingress: [{ ip: '127.0.0.1' }] } }), { port: 443, nodePort: 30002 })).toBe('https://127.0.0.1:443/');
    expect(linkOf(service('ClusterIP'), { port: 80 })).toBe('');
    expect(linkOf(service('NodePort'), { port: 53, nodePort: 30003, protocol: 'UDP' })).toBe('');
  });

  it('an Ingress by hosts that lead here, once it has an address', () => {
    const backend = { service: { name: 'web', port: { number: 80 } } };
    const ingress = (ports?: number[]): Ingress =>
      ({
        spec: { tls: [{ hosts: ['safe.localhost'] }], rules: [{ host: 'web.localhost', http: { paths: [{ path: '/a', backend }] } }, { host: 'safe.localhost', http: { paths: [{ backend }] } }, { host: 'shop.example.com', http: { paths: [{ backend }] } }] },
        status: ports ? { loadBalancer: { ingress: [{ ip: '127.0.0.1', ports: ports.map((port) => ({ port })) }] } } : {},
      }) as Ingress;
    expect(linksOf(ingress()).map(({ url }) => url)).toEqual([undefined, undefined, undefined]);
    expect(linksOf(ingress([80, 443])).map(({ url }) => url)).toEqual(['http://web.localhost/a', 'https://safe.localhost/', undefined]);
    expect(linksOf(ingress([8080, 8443])).map(({ url }) => url)).toEqual(['http://web.localhost:8080/a', 'https://safe.localhost:8443/', undefined]);
  });
});
