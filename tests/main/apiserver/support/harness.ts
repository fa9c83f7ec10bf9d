import { createApiServer, type ApiServer, type ApiServerOptions, type Strategy } from '../../../../main/apiserver/index.ts';
import type { KubeObject } from '../../../../main/api/meta.ts';
import { HttpsTransport, type Transport } from '../../../../main/client/index.ts';
import { createMemoryStore, type Store } from '../../../../main/store/index.ts';
import { realClock, type Clock } from '../../../../main/util/clock.ts';
import { noLog } from '../../../../main/util/log.ts';
import { systemRandom } from '../../../../main/util/random.ts';
import { age } from '../../../../main/apiserver/registry/printers.ts';
import { TestAuthority, type PemPair } from './certificates.ts';

export interface Widget extends KubeObject {
  data?: Record<string, string>;
  spec?: { size?: number; color?: string };
  status?: { ready?: boolean };
}

/** A kind that shows every behaviour of the core without being one of Kubernetes'. */
export const widgets: Strategy<Widget> = {
  definition: {
    group: 'test.skiff',
    version: 'v1',
    kind: 'Widget',
    resource: 'widgets',
    singular: 'widget',
    listKind: 'WidgetList',
    shortNames: ['wd'],
    categories: ['all'],
    namespaced: true,
  },
  hasGeneration: true,
  nameRule: 'dnsSubdomain',
  prepareForCreate: (_context, widget) => void delete widget.status,
  prepareForUpdate: (_context, widget, old) => void (widget.status = old.status),
  validate: (_context, widget) =>
    (widget.spec?.size ?? 0) < 0 ? [{ reason: 'FieldValueInvalid', field: 'spec.size', message: 'Invalid value: -1: must be at least 0' }] : [],
  validateUpdate: () => [],
  warnings: ({ spec }) => (spec?.color === 'red' ? ['spec.color: red is "discouraged"'] : spec?.color === 'écarlate' ? ['spec.color: écarlate is no color'] : []),
  gracefulDeletion: (_context, _widget, requested) => (requested === undefined ? undefined : requested),
  fields: (widget) => ({ 'spec.color': widget.spec?.color ?? '' }),
  columns: [
    { name: 'Name', type: 'string', format: 'name', description: 'its name', priority: 0 },
    { name: 'Color', type: 'string', format: '', description: 'its color', priority: 0 },
    { name: 'Age', type: 'date', format: '', description: 'its age', priority: 0 },
  ],
  row: (widget, now) => [widget.metadata!.name, widget.spec?.color ?? '<none>', age(widget, now)],
  subresources: {
    status: {
      type: 'object',
      kind: { group: 'test.skiff', version: 'v1', kind: 'Widget' },
      verbs: ['get', 'update', 'patch'],
      prepareForUpdate(_context, object, old) {
        const widget = object as Widget;
        widget.spec = (old as Widget).spec;
        widget.data = (old as Widget).data;
      },
      validateUpdate: () => [],
    },
  },
};

/** The same without graceful deletion, at the level of the cluster. */
export const gadgets: Strategy<KubeObject> = {
  definition: {
    group: '',
    version: 'v1',
    kind: 'Gadget',
    resource: 'gadgets',
    singular: 'gadget',
    listKind: 'GadgetList',
    shortNames: [],
    categories: [],
    namespaced: false,
  },
  hasGeneration: false,
  nameRule: 'dnsSubdomain',
  validate: () => [],
  validateUpdate: () => [],
  allowCreateOnUpdate: true,
  columns: [{ name: 'Name', type: 'string', format: 'name', description: 'its name', priority: 0 }],
  row: (gadget) => [gadget.metadata!.name],
};

export interface Harness {
  server: ApiServer;
  store: Store;
  port: number;
  url: string;
  ca: string;
  admin: PemPair;
  user: PemPair;
  local: Transport;
  remote: Transport;
  close(): Promise<void>;
}

export async function start(options: Partial<ApiServerOptions> & { clock?: Clock } = {}, where: { port: number; orAnother?: boolean } = { port: 0 }): Promise<Harness> {
  const authority = await TestAuthority.create();
  const [serving, admin, user] = await Promise.all([
    authority.server(),
    authority.client('admin', ['system:masters']),
    authority.client('jane', ['people']),
  ]);
  const clock = options.clock ?? realClock;
  const store = options.store ?? createMemoryStore({ clock });
  const server = createApiServer({
    store,
    clock,
    random: systemRandom,
    log: noLog,
    strategies: [widgets as Strategy, gadgets],
    admission: () => [],
    authenticators: [
      {
        authenticate: ({ certificate }) =>
          Promise.resolve(certificate && { name: certificate.commonName, groups: certificate.organizations }),
      },
    ],
    authorizer: { authorize: () => ({ allowed: false, reason: 'nobody may' }) },
    tls: { certificate: serving.certificate, key: serving.key, clientCa: authority.certificate },
    kubelets: () => undefined,
    flags: { 'service-cluster-ip-range': '10.96.0.0/16' },
    ...options,
  });
  const port = await server.listen(where);
  const url = `https://127.0.0.1:${port}`;
  return {
    server,
    store,
    port,
    url,
    ca: authority.certificate,
    admin,
    user,
    local: server.transport({ name: 'tester', groups: ['system:masters'] }, 'tester/v1'),
    remote: new HttpsTransport({ server: url, ca: authority.certificate, cert: admin.certificate, key: admin.key }),
    async close() {
      await server.close();
      await store.close();
    },
  };
}
