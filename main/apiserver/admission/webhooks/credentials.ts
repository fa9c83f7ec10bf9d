import path from 'node:path';
import { parseYaml } from '../../../api/yaml.ts';
import { ExecPlugin, type CredentialSource, type ExecCluster, type ExecConfig, type WebhookClientConfig } from '../../webhook/index.ts';
import { fileKind, readFileOf, text } from '../configuration/read.ts';

/** How this server shows a webhook who it is. */
export interface Credentials {
  headers: Record<string, string | string[]>;
  /** PEM. */
  cert?: string;
  key?: string;
  /** Where the rest comes from. */
  source?: CredentialSource;
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
  'as-user-extra'?: Record<string, string[]>;
  exec?: ExecConfig;
  'auth-provider'?: unknown;
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
  const current = kubeconfig.contexts?.find(({ name }) => name === kubeconfig['current-context'])?.context?.user;
  const place = (file: string) => path.resolve(path.dirname(kubeConfigFile), file);
  // The same program for the same webhook runs once for all calls.
  const plugins = new Map<string, ExecPlugin>();
  const pluginOf = (exec: ExecConfig, webhook: WebhookClientConfig): ExecPlugin => {
    const cluster = exec.provideClusterInfo ? clusterOf(webhook) : undefined;
    const key = JSON.stringify([exec, cluster]);
    let plugin = plugins.get(key);
    if (!plugin) {
      const { command = '' } = exec;
      // Programs by their names alone are looked for where all programs are.
      plugin = new ExecPlugin({ ...exec, command: path.basename(command) === command ? command : place(command) }, cluster);
      plugins.set(key, plugin);
    }
    return plugin;
  };
  return async (webhook) => {
    const name = namesFor(hostAndPort(webhook)).find((each) => users.has(each)) ?? current;
    const user = name === undefined ? undefined : users.get(name);
    if (!user) return undefined;
    if (user['auth-provider'] != null) throw new Error('auth provider not supported');
    const credentials = await credentialsOf(user, (file) => readFile(place(file)));
    // What stands in the file goes before what a program would say.
    if (!user.exec || credentials.headers.authorization || credentials.cert) return credentials;
    return { ...credentials, source: pluginOf(user.exec, webhook) };
  };
}

/** As a program is told of it. Mirrors pkg/util/webhook/client.go (hookClientConfig). */
function clusterOf({ service, url, caBundle }: WebhookClientConfig): ExecCluster {
  const name = service && `${service.name}.${service.namespace}.svc`;
  const server = name ? `https://${name}:${service.port ?? 443}` : new URL(url!).origin;
  return { server, ...(name ? { 'tls-server-name': name } : {}), ...(caBundle ? { 'certificate-authority-data': caBundle } : {}) };
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
  if (user.as) {
    headers['impersonate-user'] = user.as;
    if (user['as-uid']) headers['impersonate-uid'] = user['as-uid'];
    if (user['as-groups']?.length) headers['impersonate-group'] = user['as-groups'];
    for (const [key, values] of Object.entries(user['as-user-extra'] ?? {})) headers[`impersonate-extra-${escaped(key)}`] = values;
  }
  const pem = async (data: string | undefined, file: string | undefined) => (data ? Buffer.from(data, 'base64').toString('utf8') : file ? await readFile(file) : undefined);
  const cert = await pem(user['client-certificate-data'], user['client-certificate']);
  const key = await pem(user['client-key-data'], user['client-key']);
  return { headers, ...(cert && key ? { cert, key } : {}) };
}

/** What may not stand in the name of a header goes in as in URLs. Mirrors k8s.io/client-go/transport/round_trippers.go (headerKeyEscape). */
const escaped = (key: string) =>
  [...Buffer.from(key)].map((byte) => (/[\w!#$&'*+.^`|~-]/.test(String.fromCharCode(byte)) && byte < 128 ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)).join('');
