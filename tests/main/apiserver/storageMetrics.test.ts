import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { ResourceTable } from '../../../main/apiserver/registry/resources.ts';
import { describeStorage } from '../../../main/apiserver/site/metrics.ts';
import { createMemoryStore, UnavailableError, type Store } from '../../../main/store/index.ts';
import { FakeClock, settle } from '../../support/fakeClock.ts';

/** What is told of a store that says so of its size. */
function told(clock: FakeClock, size: Store['size']): Promise<string> {
  const metrics = new Registry();
  describeStorage(new ResourceTable(), Object.assign(createMemoryStore({ clock }), { size }), clock, metrics);
  return metrics.getSingleMetricAsString('apiserver_storage_size_bytes');
}

const sample = 'apiserver_storage_size_bytes{storage_cluster_id="etcd-0"}';

it('the size of the store is told as that of the one etcd, in whose place it is', async () => {
  expect(await told(new FakeClock(), async () => 20_480)).toContain(`${sample} 20480`);
});

it('of a store that cannot say how large it is, or not in time, nothing is told', async () => {
  const clock = new FakeClock();
  expect(await told(clock, () => Promise.reject(new UnavailableError('etcd does not answer')))).not.toContain(sample);
  const late = told(clock, () => new Promise(() => undefined));
  await settle();
  await clock.advance(1000);
  expect(await late).not.toContain(sample);
});
