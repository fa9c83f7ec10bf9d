import { afterEach, beforeEach, expect, it } from 'vitest';
import { resources } from '../../../main/client/index.ts';
import { EndpointSliceMirroringController } from '../../../main/controllers/endpointSliceMirroring.ts';
import { settle } from '../../support/fakeClock.ts';
import { makeService } from '../../support/objects.ts';
import { Cluster } from './harness.ts';

let cluster: Cluster;
beforeEach(async () => {
  cluster = new Cluster();
  await cluster.start(EndpointSliceMirroringController);
});
afterEach(() => cluster.stop());

const slices = () => cluster.server.all(resources.endpointSlices);
const subsets = [
  { addresses: [{ ip: '192.0.2.1' }], notReadyAddresses: [{ ip: '192.0.2.2' }], ports: [{ port: 5432 }] },
];

async function add(labels?: Record<string, string>, selector?: Record<string, string>): Promise<void> {
  await cluster.client.of(resources.services).create(makeService('db', { selector }));
  await cluster.client
    .of(resources.endpoints)
    .create({ metadata: { name: 'db', namespace: 'default', labels }, subsets });
  await settle();
}

it('endpoints written by hand become a slice, and follow every change', async () => {
  await add();
  expect(slices()).toMatchObject([
    {
      metadata: {
        labels: {
          'kubernetes.io/service-name': 'db',
          'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
        },
      },
      addressType: 'IPv4',
      ports: [{ name: '', port: 5432, protocol: 'TCP' }],
      endpoints: [
        { addresses: ['192.0.2.1'], conditions: { ready: true } },
        { addresses: ['192.0.2.2'], conditions: { ready: false } },
      ],
    },
  ]);
  cluster.server.change(
    resources.endpoints,
    'default',
    'db',
    (endpoints) => delete endpoints.subsets![0]!.notReadyAddresses,
  );
  await settle();
  expect(slices()).toMatchObject([{ endpoints: [{ addresses: ['192.0.2.1'] }] }]);
  cluster.server.drop(resources.endpoints, 'default', 'db');
  await settle();
  expect(slices()).toEqual([]);
});

it('endpoints that ask not to be mirrored are not', async () => {
  await add({ 'endpointslice.kubernetes.io/skip-mirror': 'true' });
  expect(slices()).toEqual([]);
});

it('endpoints of a service that selects pods are left to the controller of slices', async () => {
  await add(undefined, { app: 'db' });
  expect(slices()).toEqual([]);
});

it('one slice holds as many as a subset may, and ports of the same addresses stand together', async () => {
  await add();
  const addresses = Array.from({ length: 300 }, (_, i) => ({ ip: `192.0.${2 + Math.floor(i / 250)}.${i % 250}` }));
  cluster.server.change(resources.endpoints, 'default', 'db', (endpoints) => {
    endpoints.subsets = [
      { addresses, ports: [{ name: 'sql', port: 5432 }] },
      { addresses, ports: [{ name: 'metrics', port: 9187 }] },
    ];
  });
  await settle();
  expect(slices().map(({ endpoints, ports }) => [endpoints!.length, ports!.map(({ name }) => name)])).toEqual([[300, ['sql', 'metrics']]]);
});

it('slices that are of other endpoints become those of these', async () => {
  const labels = {
    'kubernetes.io/service-name': 'db',
    'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
  };
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Endpoints', name: 'db', uid: 'of-before', controller: true }];
  cluster.server.seed(resources.endpointSlices, {
    metadata: { name: 'db-abc', namespace: 'default', labels, ownerReferences },
    addressType: 'IPv4',
    ports: [{ name: '', port: 5432, protocol: 'TCP' }],
    endpoints: [],
  });
  cluster.server.pause();
  await add();
  cluster.server.resume();
  await settle();
  const { uid } = cluster.server.find(resources.endpoints, 'default', 'db')!.metadata!;
  expect(slices()).toMatchObject([{ metadata: { name: 'db-abc', ownerReferences: [{ uid }] } }]);
});
