import { resources } from '../../main/client/index.ts';
import { start } from '../main/apiserver/support/harness.ts';
import { FakeServer } from '../support/fakeServer.ts';
import { transportContract } from './clientTransport.ts';

transportContract('into the server of this process', '/api/v1/gadgets', 'Gadget', async () => {
  const { local, close } = await start();
  return { transport: local, close };
});

transportContract('over HTTPS', '/api/v1/gadgets', 'Gadget', async () => {
  const { remote, close } = await start();
  return { transport: remote, close };
});

transportContract('of the fake server', '/api/v1/namespaces/default/configmaps', 'ConfigMap', () => {
  const server = new FakeServer();
  server.seed(resources.namespaces, { metadata: { name: 'default' } });
  return Promise.resolve({ transport: server, close: () => Promise.resolve() });
});
