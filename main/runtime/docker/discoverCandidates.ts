import { createHash } from 'node:crypto';
import path from 'node:path';

/** How to reach an engine, as dockerode takes it. */
export interface EngineConnection {
  /** A unix socket or a Windows named pipe. */
  socketPath?: string;
  host?: string;
  port?: number;
  protocol?: 'http' | 'https' | 'ssh';
  username?: string;
  ca?: Buffer;
  cert?: Buffer;
  key?: Buffer;
  /** Believes any certificate, as the context's owner wished. */
  insecure?: boolean;
}

/** A place where an engine may be. */
export interface Candidate {
  /** Who names it: `DOCKER_HOST`, `the Docker context "colima"`, `Docker Desktop`. */
  source: string;
  /** `unix:///var/run/docker.sock` */
  address: string;
  connection: EngineConnection;
  /** The user asked for this one: no other will do. */
  explicit: boolean;
  /** Why it cannot even be tried. */
  problem?: string;
}

/** What is known of this computer. */
export interface Surroundings {
  env: Record<string, string | undefined>;
  platform: NodeJS.Platform;
  home: string;
  uid: number | undefined;
  /** Undefined when there is no such file. */
  readFile(file: string): Buffer | undefined;
}

/** Every place to look at, best first. */
export function engineCandidates(here: Surroundings): Candidate[] {
  const { env } = here;
  if (env.DOCKER_HOST) return [fromHost('DOCKER_HOST', env.DOCKER_HOST, here, hostTls(here), true)];
  if (env.DOCKER_CONTEXT && env.DOCKER_CONTEXT !== 'default') return [fromContext(env.DOCKER_CONTEXT, here, true)];
  const current = currentContext(here);
  const found = [
    ...(current ? [fromContext(current, here, false)] : []),
    ...usualPlaces(here).map(([source, address]) => fromHost(source, address, here, undefined, false)),
  ];
  const seen = new Set<string>();
  return found.filter(({ address }) => !seen.has(address) && seen.add(address));
}

interface Tls {
  ca?: Buffer;
  cert?: Buffer;
  key?: Buffer;
  insecure?: boolean;
}

function configFolder({ env, home, platform }: Surroundings): string {
  return env.DOCKER_CONFIG || joinFor(platform)(home, '.docker');
}

const joinFor = (platform: NodeJS.Platform) => (platform === 'win32' ? path.win32.join : path.posix.join);

function readPems(here: Surroundings, folder: string): Tls {
  const join = joinFor(here.platform);
  return {
    ca: here.readFile(join(folder, 'ca.pem')),
    cert: here.readFile(join(folder, 'cert.pem')),
    key: here.readFile(join(folder, 'key.pem')),
  };
}

/** TLS as the docker command decides about it for DOCKER_HOST. */
function hostTls(here: Surroundings): Tls | undefined {
  const { DOCKER_TLS_VERIFY: verify, DOCKER_TLS: tls, DOCKER_CERT_PATH: certificates } = here.env;
  if (!verify && !tls) return undefined;
  return { ...readPems(here, certificates || configFolder(here)), insecure: !verify };
}

function currentContext(here: Surroundings): string | undefined {
  if (here.env.DOCKER_CONTEXT === 'default') return undefined;
  const text = here.readFile(joinFor(here.platform)(configFolder(here), 'config.json'));
  if (!text) return undefined;
  try {
    const { currentContext: name } = JSON.parse(text.toString()) as { currentContext?: unknown };
    return typeof name === 'string' && name !== '' && name !== 'default' ? name : undefined;
  } catch {
    return undefined;
  }
}

function fromContext(name: string, here: Surroundings, explicit: boolean): Candidate {
  const source = `the Docker context ${JSON.stringify(name)}`;
  const join = joinFor(here.platform);
  const id = createHash('sha256').update(name).digest('hex');
  const text = here.readFile(join(configFolder(here), 'contexts', 'meta', id, 'meta.json'));
  const lacking = (problem: string): Candidate => ({ source, address: name, connection: {}, explicit, problem });
  if (!text) return lacking('it does not exist');
  let endpoint: { Host?: string; SkipTLSVerify?: boolean } | undefined;
  try {
    endpoint = (JSON.parse(text.toString()) as { Endpoints?: { docker?: typeof endpoint } }).Endpoints?.docker;
  } catch {
    return lacking('its meta.json cannot be read');
  }
  if (!endpoint?.Host) return lacking('it names no Docker host');
  const pems = readPems(here, join(configFolder(here), 'contexts', 'tls', id, 'docker'));
  const tls =
    pems.ca || pems.cert || endpoint.SkipTLSVerify ? { ...pems, insecure: endpoint.SkipTLSVerify ?? false } : undefined;
  return fromHost(source, endpoint.Host, here, tls, explicit);
}

function fromHost(
  source: string,
  address: string,
  here: Surroundings,
  tls: Tls | undefined,
  explicit: boolean,
): Candidate {
  const base = { source, address, explicit };
  const rest = address.replace(/^[a-z]+:\/\//, '');
  if (address.startsWith('unix://')) return { ...base, connection: { socketPath: rest } };
  if (address.startsWith('npipe://')) return { ...base, connection: { socketPath: rest.replaceAll('/', '\\') } };
  let url: URL | undefined;
  try {
    url = new URL(address.replace(/^tcp:/, 'http:'));
  } catch {
    url = undefined;
  }
  const host = url?.hostname.replace(/^\[|\]$/g, '');
  if (!url || !host) return { ...base, connection: {}, problem: 'it is not an address' };
  if (url.protocol === 'ssh:')
    return {
      ...base,
      connection: {
        protocol: 'ssh',
        host,
        port: Number(url.port || 22),
        username: decodeURIComponent(url.username) || here.env.USER || 'root',
      },
    };
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return { ...base, connection: {}, problem: `Skiff does not know ${url.protocol}//` };
  const secure = tls !== undefined || url.protocol === 'https:';
  return {
    ...base,
    connection: { protocol: secure ? 'https' : 'http', host, port: Number(url.port || (secure ? 2376 : 2375)), ...tls },
  };
}

/** Where engines listen when nobody says otherwise. */
function usualPlaces({ env, platform, home, uid }: Surroundings): [source: string, address: string][] {
  const unix = (source: string, ...parts: string[]): [string, string] => [
    source,
    `unix://${path.posix.join(...parts)}`,
  ];
  if (platform === 'win32')
    return [
      ['Docker Desktop', 'npipe:////./pipe/dockerDesktopLinuxEngine'],
      ['Docker', 'npipe:////./pipe/docker_engine'],
      ['Podman', 'npipe:////./pipe/podman-machine-default'],
    ];
  const colima = [
    ...(env.COLIMA_HOME ? [unix('Colima', env.COLIMA_HOME, 'default/docker.sock')] : []),
    unix('Colima', home, '.colima/default/docker.sock'),
    unix('Colima', env.XDG_CONFIG_HOME || `${home}/.config`, 'colima/default/docker.sock'),
  ];
  if (platform === 'darwin')
    return [
      unix('Docker Desktop', home, '.docker/run/docker.sock'),
      unix('Docker', '/var/run/docker.sock'),
      unix('OrbStack', home, '.orbstack/run/docker.sock'),
      ...colima,
      unix('Rancher Desktop', home, '.rd/docker.sock'),
      ...(env.TMPDIR ? [unix('Podman', env.TMPDIR, 'podman/podman-machine-default-api.sock')] : []),
      unix('Podman', home, '.local/share/containers/podman/machine/podman.sock'),
    ];
  const run = env.XDG_RUNTIME_DIR || (uid === undefined ? undefined : `/run/user/${uid}`);
  return [
    unix('Docker', '/var/run/docker.sock'),
    ...(run ? [unix('rootless Docker', run, 'docker.sock')] : []),
    unix('Docker Desktop', home, '.docker/desktop/docker.sock'),
    unix('Docker Desktop', home, '.docker/run/docker.sock'),
    unix('Rancher Desktop', home, '.rd/docker.sock'),
    ...colima,
    ...(run ? [unix('rootless Podman', run, 'podman/podman.sock')] : []),
    unix('Podman', '/run/podman/podman.sock'),
  ];
}
