import { generateKeyPairSync } from 'node:crypto';
import { Agent, request } from 'node:https';
import { builtinAdmission, builtinStrategies, createApiServer, objectsOf, readAdmissionConfiguration, RbacAuthorizer, ServiceAccountTokens, x509Authenticator, type AdmissionConfiguration, type UserInfo } from '../../../../main/apiserver/index.ts';
import type { FeatureGates } from '../../../../main/api/featureGates.ts';
import type { KubeletApi } from '../../../../main/api/kubelet.ts';
import type { KubeObject } from '../../../../main/api/meta.ts';
import { StatusError } from '../../../../main/api/status.ts';
import { Client } from '../../../../main/client/index.ts';
import { createMemoryStore, type Store } from '../../../../main/store/index.ts';
import { noLog } from '../../../../main/util/log.ts';
import { systemRandom } from '../../../../main/util/random.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { TestAuthority } from '../support/certificates.ts';

export const admin: UserInfo = { name: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] };

export interface RawRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: Buffer;
}

export interface RawAnswer {
  code: number;
  text: string;
}

function send(agent: Agent, port: number, { method, path, headers, body }: RawRequest): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ agent, host: '127.0.0.1', port, method, path, headers: { ...headers, ...(body ? { 'content-length': body.length } : {}) } }, (incoming) => {
      const parts: Buffer[] = [];
      incoming.on('data', (part: Buffer) => parts.push(part));
      incoming.on('end', () => resolve({ code: incoming.statusCode!, text: Buffer.concat(parts).toString('utf8') }));
      incoming.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** An API server with all its kinds, plugins and RBAC over a store (by default in memory), and time that stands still. */
export class TestCluster {
  private constructor(
    readonly store: Store,
    readonly clock: FakeClock,
    private readonly transportOf: (user: UserInfo) => ConstructorParameters<typeof Client>[0],
    readonly close: () => Promise<void>,
    /** Serves on loopback; resolves with a way to send the administrator's requests as bytes. */
    readonly listen: () => Promise<(request: RawRequest) => Promise<RawAnswer>>,
  ) {}

  static async start(
    kubelets: (node: string) => KubeletApi | undefined = () => undefined,
    clock = new FakeClock(),
    store: Store = createMemoryStore({ clock }),
    featureGates: FeatureGates = {},
    admission?: AdmissionConfiguration,
  ): Promise<TestCluster> {
    const authority = await TestAuthority.create();
    const { certificate, key } = await authority.server();
    const serviceAccountKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    const random = systemRandom;
    const objects = objectsOf(store);
    const rbac = new RbacAuthorizer(store);
    const tokens = new ServiceAccountTokens(serviceAccountKey, 'https://kubernetes.default.svc.cluster.local', objects, clock, random);
    const server = createApiServer({
      strategies: builtinStrategies({ store, objects, random, rbac, authorizer: rbac, tokens, serviceCIDR: '10.96.0.0/16', nodePorts: [30000, 32767], kubelets, featureGates }),
      admission: (services) => builtinAdmission(services, admission),
      authenticators: [x509Authenticator, tokens],
      authorizer: rbac,
      store,
      clock,
      random,
      log: noLog,
      tls: { certificate, key, clientCa: authority.certificate },
      kubelets,
      featureGates,
    });
    return new TestCluster(
      store,
      clock,
      (user) => server.transport(user, 'test'),
      async () => {
        rbac.close();
        await server.close();
        await store.close();
      },
      async () => {
        const port = await server.listen({ port: 0 });
        const { certificate, key } = await authority.client('kubernetes-admin', ['system:masters']);
        const agent = new Agent({ ca: authority.certificate, cert: certificate, key, keepAlive: true });
        return (request) => send(agent, port, request);
      },
    );
  }

  /** One whose admission plugins are set as this file says; `readFile` reads those that it names. */
  static async configured(file: string, readFile = (name: string) => Promise.reject<string>(new Error(`there is no ${name}`))): Promise<TestCluster> {
    return TestCluster.start(undefined, undefined, undefined, undefined, await readAdmissionConfiguration(file, readFile));
  }

  client(user: UserInfo = admin): Client {
    return new Client(this.transportOf(user), { userAgent: 'test' });
  }

  /** Any request; resolves with its answer or with the Status that refused it. */
  async ask<T = KubeObject>(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown, user: UserInfo = admin): Promise<T> {
    const url = new URL(path, 'https://cluster');
    return (await this.transportOf(user).request<T>({ method, path: url.pathname, query: Object.fromEntries(url.searchParams), body })).body;
  }

  /** What an answered request was warned of. */
  async warnings(method: 'POST' | 'PUT', path: string, body: unknown): Promise<string[]> {
    return (await this.transportOf(admin).request({ method, path, body })).warnings;
  }

  /** Server-side apply. */
  async apply<T = KubeObject>(path: string, body: unknown, query: { fieldManager: string; force?: boolean }): Promise<T> {
    return (await this.transportOf(admin).request<T>({ method: 'PATCH', path, query, body, contentType: 'application/apply-patch+yaml' })).body;
  }

  /** The message with which a request is refused. */
  async refusal(...request: Parameters<TestCluster['ask']>): Promise<string> {
    try {
      await this.ask(...request);
    } catch (error) {
      if (error instanceof StatusError) return error.message;
      throw error;
    }
    throw new Error('the request was not refused');
  }
}
