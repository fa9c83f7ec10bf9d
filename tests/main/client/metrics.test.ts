import { Registry } from 'prom-client';
import { beforeEach, describe, expect, it } from 'vitest';
import { notFound } from '../../../main/api/status.ts';
import { Client, ClientMetrics, WorkQueue, type Transport } from '../../../main/client/index.ts';
import { FakeClock } from '../../support/fakeClock.ts';

let clock: FakeClock;
let register: Registry;
let metrics: ClientMetrics;
beforeEach(() => {
  clock = new FakeClock();
  register = new Registry();
  metrics = new ClientMetrics(register, clock, 'here');
});
const told = async (name: string) => (await register.getSingleMetricAsString(name)).split('\n').filter((line) => !line.startsWith('#') && !line.includes('_bucket{'));

describe('a measured queue', () => {
  it('tells what lies in it and for how long, what is worked on, and what was tried again', async () => {
    const queue = new WorkQueue(clock, { measured: { name: 'job', by: metrics } });
    queue.add('a');
    queue.add('a');
    queue.add('b');
    expect(await told('workqueue_adds_total')).toEqual(['workqueue_adds_total{name="job"} 2']);
    expect(await told('workqueue_depth')).toEqual(['workqueue_depth{name="job"} 2']);
    await clock.advance(2000);
    await queue.get();
    expect(await told('workqueue_queue_duration_seconds')).toEqual(['workqueue_queue_duration_seconds_sum{name="job"} 2', 'workqueue_queue_duration_seconds_count{name="job"} 1']);
    await clock.advance(3000);
    await queue.get();
    await clock.advance(1000);
    expect(await told('workqueue_unfinished_work_seconds')).toEqual(['workqueue_unfinished_work_seconds{name="job"} 5']);
    expect(await told('workqueue_longest_running_processor_seconds')).toEqual(['workqueue_longest_running_processor_seconds{name="job"} 4']);
    queue.done('a');
    expect(await told('workqueue_work_duration_seconds')).toEqual(['workqueue_work_duration_seconds_sum{name="job"} 4', 'workqueue_work_duration_seconds_count{name="job"} 1']);
    expect(await told('workqueue_retries_total')).toEqual(['workqueue_retries_total{name="job"} 0']);
    queue.addRateLimited('a');
    expect(await told('workqueue_retries_total')).toEqual(['workqueue_retries_total{name="job"} 1']);
    queue.shutDown();
  });
});

describe('a measured client', () => {
  it('tells its requests by how they were answered', async () => {
    const transport: Transport = {
      async request<T>({ path }: { path: string }) {
        await clock.advance(500);
        if (path === '/gone') throw notFound({ group: '', kind: 'pods' }, 'gone');
        return { code: 200, body: {} as T, warnings: [] };
      },
      watch: () => ({ cancel: () => {} }),
    };
    const client = new Client(transport, { userAgent: 'test', metrics }).as('other').because('7');
    await client.request({ method: 'GET', path: '/there' });
    await expect(client.request({ method: 'DELETE', path: '/gone' })).rejects.toMatchObject({ code: 404 });
    expect(await told('rest_client_requests_total')).toEqual(['rest_client_requests_total{code="200",host="here",method="GET"} 1', 'rest_client_requests_total{code="404",host="here",method="DELETE"} 1']);
    expect(await told('rest_client_request_duration_seconds')).toContain('rest_client_request_duration_seconds_sum{host="here",verb="GET"} 0.5');
  });
});
