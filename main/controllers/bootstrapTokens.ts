import { createHmac } from 'node:crypto';
import type { ConfigMap, Secret } from '../api/index.ts';
import { isNotFound } from '../api/status.ts';
import { equalJson } from '../api/json.ts';
import { resources, type Client, type Informer } from '../client/index.ts';
import { QueueController, type ControllerContext } from './controller.ts';

const tokenType = 'bootstrap.kubernetes.io/token';
const valueOf = (secret: Secret, key: string) => Buffer.from(secret.data?.[key] ?? '', 'base64').toString('utf8');
const isToken = (secret: Secret) => secret.metadata!.namespace === 'kube-system' && secret.type === tokenType;

/** Takes tokens away whose time is over. Mirrors pkg/controller/bootstrap/tokencleaner.go. */
export class TokenCleaner extends QueueController {
  readonly #secrets: Informer<Secret>;

  constructor(context: ControllerContext) {
    super(context, 'token-cleaner');
    this.#secrets = context.informers.informer(resources.secrets);
    const enqueue = (secret: Secret) => {
      if (isToken(secret)) this.enqueueObject(secret);
    };
    this.#secrets.on({ add: enqueue, update: (_, secret) => enqueue(secret) });
  }

  protected async sync(key: string, client: Client): Promise<void> {
    const secret = this.#secrets.get(key);
    const expiration = secret && valueOf(secret, 'expiration');
    if (!secret || !expiration) return;
    const left = Date.parse(expiration) - this.clock.now();
    if (left > 0) return this.enqueueAfter(key, left);
    const { namespace, name, uid } = secret.metadata!;
    await client
      .of(resources.secrets)
      .delete(namespace!, name!, { preconditions: { uid } })
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
  }
}

const prefix = 'jws-kubeconfig-';
const clusterInfo = 'kube-public/cluster-info';

/**
 * Signs what the public ConfigMap cluster-info says with every token that may be used for it, so that whoever holds the
 * token can tell that it is true. Mirrors pkg/controller/bootstrap/bootstrapsigner.go.
 */
export class BootstrapSigner extends QueueController {
  readonly #secrets: Informer<Secret>;
  readonly #configMaps: Informer<ConfigMap>;

  constructor(context: ControllerContext) {
    super(context, 'bootstrap-signer');
    this.#secrets = context.informers.informer(resources.secrets);
    this.#configMaps = context.informers.informer(resources.configMaps);
    const token = (secret: Secret) => {
      if (isToken(secret)) this.enqueue(clusterInfo, secret);
    };
    const info = (configMap: ConfigMap) => {
      if (configMap.metadata!.namespace === 'kube-public' && configMap.metadata!.name === 'cluster-info') this.enqueue(clusterInfo, configMap);
    };
    this.#secrets.on({ add: token, update: (_, secret) => token(secret), delete: token });
    this.#configMaps.on({ add: info, update: (_, configMap) => info(configMap) });
  }

  protected async sync(key: string, client: Client): Promise<void> {
    const configMap = this.#configMaps.get(key);
    const content = configMap?.data?.kubeconfig;
    if (!configMap || content === undefined) return;
    const others = Object.entries(configMap.data ?? {}).filter(([name]) => !name.startsWith(prefix));
    const signatures = this.#secrets.list().flatMap((secret): [string, string][] => {
      if (!isToken(secret) || valueOf(secret, 'usage-bootstrap-signing') !== 'true') return [];
      const id = valueOf(secret, 'token-id');
      const expiration = valueOf(secret, 'expiration');
      const value = valueOf(secret, 'token-secret');
      if (!/^[a-z0-9]{6}$/.test(id) || !value || secret.metadata!.name !== `bootstrap-token-${id}` || (expiration && !(Date.parse(expiration) > this.clock.now()))) return [];
      return [[prefix + id, detached(content, id, value)]];
    });
    const data = Object.fromEntries([...others, ...signatures]);
    if (!equalJson(configMap.data, data)) await client.of(resources.configMaps).update({ ...configMap, data });
  }
}

/** A JSON Web Signature without what it signs (RFC 7515, appendix F). */
function detached(content: string, id: string, secret: string): string {
  const header = Buffer.from(JSON.stringify({ alg: 'HS256', kid: id })).toString('base64url');
  const signature = createHmac('sha256', secret).update(`${header}.${Buffer.from(content).toString('base64url')}`).digest('base64url');
  return `${header}..${signature}`;
}
