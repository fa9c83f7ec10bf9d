import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Namespace } from '../../../../main/api/index.ts';
import { TestCluster } from './testCluster.ts';

let cluster: TestCluster;
beforeEach(async () => void (cluster = await TestCluster.start()));
afterEach(() => cluster.close());

it.each([{ name: 'shop' }, { generateName: 'shop-' }])('made of %o has its name as a label, too', async (metadata) => {
  const { name, labels } = (await cluster.ask<Namespace>('POST', '/api/v1/namespaces', { metadata: { ...metadata, labels: { team: 'a' } } })).metadata!;
  expect(labels).toEqual({ team: 'a', 'kubernetes.io/metadata.name': name });
  const found = await cluster.ask<{ items: Namespace[] }>('GET', `/api/v1/namespaces?labelSelector=kubernetes.io/metadata.name=${name}`);
  expect(found.items.map(({ metadata }) => metadata!.name)).toEqual([name]);
});
