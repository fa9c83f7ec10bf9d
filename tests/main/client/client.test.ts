import { expect, it } from 'vitest';
import { resources } from '../../../main/client/index.ts';
import { FakeServer } from '../../support/fakeServer.ts';

it('a component writes in the name of its program, and applies in its own', async () => {
  const server = new FakeServer();
  const client = server.client('kube-controller-manager');
  const agents = () => server.requests.map(({ headers }) => headers?.['user-agent']);
  const config = (name: string) => ({ metadata: { name, namespace: 'default' } });
  await client.of(resources.configMaps).create(config('a'));
  await client.as('deployment-controller').of(resources.configMaps).create(config('b'));
  await client.as('deployment-controller').as('job-controller').of(resources.configMaps).create(config('c'));
  await client.as('kube-controller-manager').of(resources.configMaps).create(config('d'));
  expect(agents()).toEqual(['kube-controller-manager', 'kube-controller-manager/deployment-controller', 'kube-controller-manager/job-controller', 'kube-controller-manager']);
  await client.as('job-controller').of(resources.configMaps).patch('default', 'a', 'apply', {}).catch(() => {});
  expect(server.requests.at(-1)!.query).toMatchObject({ fieldManager: 'job-controller' });
});
