import path from 'node:path';
import { parseYaml } from '../../../api/yaml.ts';
import type { WebhookClientConfig } from '../../webhook/index.ts';
import { fileKind, readFileOf, text } from '../configuration/read.ts';

/** How this server shows a webhook who it is. */
export interface Credentials {
  headers: Record<string, string | string[]>;
  /** PEM. */
  cert?: string;
  key?: string;
}

/** What a webhook is to be shown; rejects where that cannot be read. */
export type WebhookCredentials = (webhook: WebhookClientConfig) => Promise<Credentials | undefined>;

/** Nobody is told who asks. */
export const noCredentials: WebhookCredentials = () => Promise.resolve(undefined);

type ReadFile = (path: string) => Promise<string>;

const kind = fileKind(
  ['apiserver.config.k8s.io/v1 WebhookAdmissionConfiguration'],
  'pkg/admission/plugin/webhook/config/kubeconfig.go:34',
  'WebhookAdmission',
  { kubeConfigFile: text, staticManifestsDir: text },
);

interface User {
  token?: string;
  tokenFile?: string;
  username?: string;
  password?: string;
  as?: string;
  'as-uid'?: string;
  'as-groups'?: string[];
  'client-certificate'?: string;
  'client-certificate-data'?: string;
  'client-key'?: string;
  'client-key-data'?: string;
  exec?: unknown;
  'auth-provider'?: unknown;
  'as-user-extra'?: unknown;
}

interface Kubeconfig {
  'current-context'?: string;
  contexts?: { name: string; context?: { user?: string } }[];
  users?: { name: string; user?: User }[];
}

/**
 * Reads a WebhookAdmissionConfiguration and the kubeconfig that it names, whose users are named as the webhooks that they are for:
 * `NAME.NAMESPACE.svc`, `host:8443`, `*.example.com`, `*`. Rejects with an Error that says what is wrong.
 * Mirrors k8s.io/apiserver/pkg/admission/plugin/webhook/config/kubeconfig.go and pkg/util/webhook/authentication.go.
 */
export async function readWebhookCredentials(content: string, readFile: ReadFile): Promise<WebhookCredentials> {
  const { kubeConfigFile, staticManifestsDir } = readFileOf(kind, content) as { kubeConfigFile?: string; staticManifestsDir?: string };
  if (kubeConfigFile && !path.isAbsolute(kubeConfigFile)) throw new Error(`kubeConfigFile: Invalid value: ${JSON.stringify(kubeConfigFile)}: must be an absolute file path`);
  if (staticManifestsDir) throw new Error('staticManifestsDir: Forbidden: staticManifestsDir requires the ManifestBasedAdmissionControlConfig feature gate to be enabled');
  if (!kubeConfigFile) return noCredentials;
  const kubeconfig = (parseYaml(await readFile(kubeConfigFile)) ?? {}) as Kubeconfig;
  const users = new Map((kubeconfig.users ?? []).map(({ name, user }) => [name, user ?? {}]));
  for (const [name, user] of users)
    for (const field of ['exec', 'auth-provider', 'as-user-extra'] as const) if (user[field] !== undefined) throw new Error(`${kubeConfigFile}: user ${JSON.stringify(name)}: ${field} is not supported`);
  const current = kubeconfig.contexts?.find(({ name }) => name === kubeconfig['current-context'])?.context?.user;
  const seen = (file: string) => readFile(path.resolve(path.dirname(kubeConfigFile), file));
  return async (webhook) => {
    const name = namesFor(hostAndPort(webhook)).find((each) => users.has(each)) ?? current;
    const user = name === undefined ? undefined : users.get(name);
    return user && credentialsOf(user, seen);
  };
}

const hostAndPort = ({ service, url }: WebhookClientConfig): string => {
  if (service) return `${service.name}.${service.namespace}.svc:${service.port ?? 443}`;
  const { hostname, port } = new URL(url!);
  return `${hostname}:${port || 443}`;
};

/** Users who may be meant for it, the nearest first. */
function namesFor(target: string): string[] {
  const wider = (name: string) => {
    const parts = name.split('.');
    return [name, ...parts.slice(1).map((_, i) => `*.${parts.slice(i + 1).join('.')}`)];
  };
  return [...wider(target), ...(target.endsWith(':443') ? wider(target.slice(0, -4)) : []), '*'];
}

/** A token in a file is read each time: it may be another by then. */
async function credentialsOf(user: User, readFile: ReadFile): Promise<Credentials> {
  const headers: Credentials['headers'] = {};
  const token = user.token || (user.tokenFile ? (await readFile(user.tokenFile)).trim() : '');
  if (token) headers.authorization = `Bearer ${token}`;
  else if (user.username || user.password) headers.authorization = `Basic ${Buffer.from(`${user.username ?? ''}:${user.password ?? ''}`).toString('base64')}`;
  if (user.as) headers['impersonate-user'] = user.as;
  if (user['as-uid']) headers['impersonate-uid'] = user['as-uid'];
  if (user['as-groups']?.length) headers['impersonate-group'] = user['as-groups'];
  const pem = async (data: string | undefined, file: string | undefined) => (data ? Buffer.from(data, 'base64').toString('utf8') : file ? await readFile(file) : undefined);
  const cert = await pem(user['client-certificate-data'], user['client-certificate']);
  const key = await pem(user['client-key-data'], user['client-key']);
  return { headers, ...(cert && key ? { cert, key } : {}) };
}
