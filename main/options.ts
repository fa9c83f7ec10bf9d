import os from 'node:os';
import path from 'node:path';
import { type FeatureGates, knownFeatureGates } from './api/featureGates.ts';

/** An etcd that keeps the cluster, in place of the files beside it. The flags are kube-apiserver's. */
export interface EtcdOptions {
  /** `https://host:port`, or `http://host:port`, of the members of one cluster. */
  servers: string[];
  /** What all keys begin with. */
  prefix: string;
  /** PEM files: whom to believe, and who Skiff is. */
  caFile?: string;
  certFile?: string;
  keyFile?: string;
}

/** How Skiff was asked to start. */
export interface Options {
  action: 'start' | 'reset' | 'delete' | 'help';
  headless: boolean;
  /** Open the user's browser at the web shell. */
  open: boolean;
  /** The directory that holds all clusters, settings and logs. */
  data: string;
  /** The cluster's name: a DNS label. */
  name: string;
  runtime: 'docker' | 'simulated' | 'auto';
  nodes: number;
  /** A new cluster has IPv6 addresses beside those of IPv4. */
  dualStack: boolean;
  /** The API server's port; 0: the one of the last start, else 6443 or any free one. */
  port: number;
  /** Undefined: the cluster is kept in files of its own. */
  etcd?: EtcdOptions;
  /** A file of kind Policy of audit.k8s.io/v1; undefined: nothing is told of requests. */
  auditPolicy?: string;
  /** Where audit events go; undefined: beside the cluster's files. */
  auditLog?: string;
  /** A file of kind AdmissionConfiguration of apiserver.config.k8s.io/v1; undefined: plugins have Kubernetes' defaults. */
  admissionConfig?: string;
  /** A file of kind KubeSchedulerConfiguration; undefined: Kubernetes' defaults. */
  schedulerConfig?: string;
  /** Kubernetes' own feature gates that differ from its defaults. */
  featureGates?: FeatureGates;
}

const defaultPrefix = '/skiff';

export const usage = `Usage: npm start -- [options]

  --headless            keep to the terminal: print kubeconfig, web link and readiness, end on SIGTERM or SIGINT
  --open                with the terminal: open the browser at the web link
  --data DIR            where clusters are kept (default: ${defaultData()})
  --name NAME           which cluster (default: default)
  --runtime KIND        docker, simulated or auto (default: auto, which takes Docker where an engine answers)
  --nodes N             how many nodes (default: 1)
  --dual-stack          a new cluster: nodes, pods and Services can have IPv6 addresses beside those of IPv4
  --port N              port of the API server on 127.0.0.1 (default: that of the last start, else 6443, else any free one)
  --etcd-servers LIST   keep the cluster in this etcd (3.4 or later), URLs with commas between (default: in files of its own)
  --etcd-prefix PATH    what all keys there begin with (default: ${defaultPrefix})
  --etcd-cafile F       whose certificates etcd's members may have, PEM (default: whom Node.js believes)
  --etcd-certfile F     Skiff's own certificate for etcd, PEM
  --etcd-keyfile F      its key, PEM
  --scheduler-config F  a KubeSchedulerConfiguration: profiles, their plugins and weights, extenders (default: Kubernetes' own)
  --admission-config F  an AdmissionConfiguration: what the plugins ResourceQuota and PodSecurity hold to, who webhooks are told is asking (default: Kubernetes' own)
  --feature-gates LIST  Kubernetes' own gates that are off by default, NAME=true or NAME=false with commas between: ${knownFeatureGates.join(', ')}
  --audit-policy F      a Policy of audit.k8s.io/v1: which requests are written down as events, and how far (default: none)
  --audit-log F         where those events go, a line each (default: audit.log beside the cluster's files)
  --reset               remove everything of this cluster from Docker and disk, then start anew
  --delete              remove everything of this cluster from Docker and disk, then end
  --help                print this
`;

/** Where the platform keeps an application's data. */
export function defaultData(env: NodeJS.ProcessEnv = process.env, platform: NodeJS.Platform = process.platform): string {
  const home = os.homedir();
  if (platform === 'darwin') return path.join(home, 'Library', 'Application Support', 'Skiff');
  if (platform === 'win32') return path.join(env.APPDATA ?? path.join(home, 'AppData', 'Roaming'), 'Skiff');
  return path.join(env.XDG_DATA_HOME || path.join(home, '.local', 'share'), 'skiff');
}

/** A word of the command line that Skiff does not take; the message says which and why. */
export class UsageError extends Error {}

/** What has been read so far. */
interface Reading extends Options {
  etcdParts: Partial<EtcdOptions>;
}

function numberIn(flag: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) throw new UsageError(`${flag} takes a whole number from ${min} to ${max}, not ${JSON.stringify(text)}`);
  return value;
}

/** Options without a value. */
const switches = new Map<string, (options: Reading) => void>([
  ['--headless', (options) => void (options.headless = true)],
  ['--open', (options) => void (options.open = true)],
  ['--dual-stack', (options) => void (options.dualStack = true)],
  ['--reset', (options) => void (options.action = 'reset')],
  ['--delete', (options) => void (options.action = 'delete')],
  ['--help', (options) => void (options.action = 'help')],
  ['-h', (options) => void (options.action = 'help')],
]);

/** Options with a value, which stands behind them. */
const settings = new Map<string, (options: Reading, value: string) => void>([
  ['--data', (options, value) => void (options.data = path.resolve(value))],
  [
    '--name',
    (options, value) => {
      options.name = value;
      // It becomes part of container, network and context names.
      if (!/^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$/.test(value)) throw new UsageError(`--name takes at most 40 lower case letters, digits and dashes, not ${JSON.stringify(value)}`);
    },
  ],
  [
    '--runtime',
    (options, value) => {
      if (value !== 'docker' && value !== 'simulated' && value !== 'auto') throw new UsageError(`--runtime takes docker, simulated or auto, not ${JSON.stringify(value)}`);
      options.runtime = value;
    },
  ],
  ['--nodes', (options, value) => void (options.nodes = numberIn('--nodes', value, 1, 5000))],
  ['--port', (options, value) => void (options.port = numberIn('--port', value, 0, 65535))],
  ['--etcd-servers', ({ etcdParts }, value) => void (etcdParts.servers = etcdServers(value))],
  [
    '--etcd-prefix',
    ({ etcdParts }, value) => {
      const prefix = value.replace(/\/+$/, '');
      if (!/^(\/[^/\s]+)+$/.test(prefix)) throw new UsageError(`--etcd-prefix takes a path such as ${defaultPrefix}, not ${JSON.stringify(prefix)}`);
      etcdParts.prefix = prefix;
    },
  ],
  ['--etcd-cafile', ({ etcdParts }, value) => void (etcdParts.caFile = path.resolve(value))],
  ['--etcd-certfile', ({ etcdParts }, value) => void (etcdParts.certFile = path.resolve(value))],
  ['--etcd-keyfile', ({ etcdParts }, value) => void (etcdParts.keyFile = path.resolve(value))],
  ['--scheduler-config', (options, value) => void (options.schedulerConfig = path.resolve(value))],
  ['--admission-config', (options, value) => void (options.admissionConfig = path.resolve(value))],
  ['--feature-gates', (options, value) => void (options.featureGates = { ...options.featureGates, ...featureGates(value) })],
  ['--audit-policy', (options, value) => void (options.auditPolicy = path.resolve(value))],
  ['--audit-log', (options, value) => void (options.auditLog = path.resolve(value))],
]);

/** Reads `--flag value` and `--flag=value`. Throws UsageError. */
export function parseOptions(words: string[]): Options {
  const reading: Reading = { action: 'start', headless: false, open: false, data: defaultData(), name: 'default', runtime: 'auto', nodes: 1, dualStack: false, port: 0, etcdParts: {} };
  const rest = [...words];
  while (rest.length > 0) {
    const word = rest.shift()!;
    const equals = word.startsWith('--') ? word.indexOf('=') : -1;
    const flag = equals > 0 ? word.slice(0, equals) : word;
    const setting = settings.get(flag);
    if (setting) {
      const value = equals > 0 ? word.slice(equals + 1) : rest.shift();
      if (value === undefined || value === '') throw new UsageError(`${flag} needs a value`);
      setting(reading, value);
      continue;
    }
    const turnOn = switches.get(flag);
    if (!turnOn) throw new UsageError(`${JSON.stringify(word)} is not an option of Skiff`);
    turnOn(reading);
  }
  const { etcdParts, ...options } = reading;
  if (Object.keys(etcdParts).length > 0) options.etcd = wholeEtcd(etcdParts);
  if (options.etcd && options.action === 'reset')
    throw new UsageError(`--reset cannot be used with --etcd-servers, since other engines may use what is there: end them, remove the keys with "etcdctl del --prefix ${options.etcd.prefix}/", and start with --delete and then anew`);
  return options;
}

/** Reads URLs with commas between, as kube-apiserver does. Throws UsageError. */
function etcdServers(text: string): string[] {
  return text.split(',').map((word) => {
    const url = URL.canParse(word.trim()) ? new URL(word.trim()) : undefined;
    if (!url || !['http:', 'https:'].includes(url.protocol) || url.pathname !== '/' || url.username)
      throw new UsageError(`--etcd-servers takes URLs such as https://10.0.0.5:2379, not ${JSON.stringify(word)}`);
    return url.origin;
  });
}

function wholeEtcd({ servers, prefix = defaultPrefix, ...files }: Partial<EtcdOptions>): EtcdOptions {
  if (!servers) throw new UsageError('--etcd-prefix, --etcd-cafile, --etcd-certfile and --etcd-keyfile go with --etcd-servers');
  if (!files.certFile !== !files.keyFile) throw new UsageError('--etcd-certfile and --etcd-keyfile go together');
  return { servers, prefix, ...files };
}

/**
 * The words that Electron was started with, its own program and the app's folder aside: files to open stand between the
 * options, and Chromium takes the switch of its sandbox. Throws UsageError.
 */
export function desktopOptions(words: string[]): Options {
  const isValue = (index: number) => index > 0 && settings.has(words[index - 1]!);
  return parseOptions(words.filter((word, index) => isValue(index) || (word.startsWith('-') && !word.startsWith('--no-sandbox'))));
}

/** Reads `A=true,B=false` as component-base's featuregate does. Throws UsageError. */
function featureGates(text: string): FeatureGates {
  const gates: FeatureGates = {};
  for (const word of text.split(',').map((part) => part.trim()).filter(Boolean)) {
    const [name = '', value] = word.split('=').map((part) => part.trim());
    const known = knownFeatureGates.find((gate) => gate === name);
    if (value === undefined) throw new UsageError(`--feature-gates: missing bool value for ${name}`);
    if (!known) throw new UsageError(`--feature-gates: unrecognized feature gate: ${name}`);
    if (value !== 'true' && value !== 'false') throw new UsageError(`--feature-gates: invalid value of ${name}=${value}`);
    gates[known] = value === 'true';
  }
  return gates;
}
