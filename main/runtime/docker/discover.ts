import type Docker from 'dockerode';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import os from 'node:os';
import type { Clock, Timer } from '../../util/clock.ts';
import { engineCandidates, type Candidate, type EngineConnection, type Surroundings } from './discoverCandidates.ts';
import { explain } from './discoverMessage.ts';

export type { EngineConnection } from './discoverCandidates.ts';

/** What an engine says of itself. */
export interface EngineVersion {
  version: string;
  apiVersion: string;
  os: string;
  architecture: string;
}

export interface TriedEngine {
  source: string;
  address: string;
  problem: string;
}

export interface EngineDiscovery {
  /** The best engine that answers. */
  found?: EngineVersion & { source: string; address: string; connection: Docker.DockerOptions };
  /** Those that came before it, or all, and why not. */
  tried: TriedEngine[];
  /** One line for people: which engine is used, or what is missing and how to get it. */
  message: string;
}

export interface DiscoverOptions {
  clock: Clock;
  /** Default: this computer. */
  surroundings?: Surroundings;
  /** Milliseconds that an engine has to answer before the next one is asked what it says. */
  timeoutMs?: number;
  /** Milliseconds that an engine has to answer when no other does: one that wakes up, or has much to do, takes its time. */
  patienceMs?: number;
  ask?(connection: EngineConnection, signal: AbortSignal): Promise<EngineVersion>;
}

/** Finds the user's container engine: all places are asked at once, the best that answers is taken. Never rejects. */
export async function discoverEngine(options: DiscoverOptions): Promise<EngineDiscovery> {
  const { clock, surroundings = thisComputer(), timeoutMs = 3000, patienceMs = 15_000, ask = askVersion } = options;
  const abort = new AbortController();
  const asked = engineCandidates(surroundings).map((candidate) => ({ candidate, answer: tryCandidate(candidate, clock, patienceMs, ask, abort.signal) }));
  let hurry: Timer | undefined;
  const soon = new Promise<undefined>((resolve) => (hurry = clock.setTimer(timeoutMs, () => resolve(undefined))));
  try {
    const first = await firstOf(asked, (answer) => Promise.race([answer, soon]), timeoutMs);
    return 'found' in first ? first : await firstOf(asked, (answer) => answer, patienceMs, surroundings);
  } finally {
    hurry?.cancel();
    abort.abort();
  }
}

interface Asked {
  candidate: Candidate;
  answer: Promise<Answer>;
}

type Answer = { version: EngineVersion; error?: undefined } | { version?: undefined; error: Error };

/** The best of those that answer as long as `wait` waits, `ms` milliseconds. */
async function firstOf(asked: Asked[], wait: (answer: Promise<Answer>) => Promise<Answer | undefined>, ms: number, surroundings?: Surroundings): Promise<EngineDiscovery> {
  const failures: { candidate: Candidate; error: Error }[] = [];
  for (const { candidate, answer } of asked) {
    const { version, error } = (await wait(answer)) ?? { error: silent(ms) };
    const { source, address, connection } = candidate;
    if (version)
      return {
        found: { ...version, source, address, connection: dockerOptions(connection) },
        tried: triedOf(failures),
        message: `${/^[A-Z][a-z]|^rootless/.test(source) ? source : 'container engine'} ${version.version} at ${address}`,
      };
    failures.push({ candidate, error });
  }
  return { tried: triedOf(failures), message: surroundings ? explain(failures, surroundings.platform) : '' };
}

const silent = (ms: number) => new Error(`it does not answer within ${ms / 1000} s`);

const triedOf = (failures: { candidate: Candidate; error: Error }[]): TriedEngine[] => failures.map(({ candidate: { source, address }, error }) => ({ source, address, problem: error.message }));

async function tryCandidate(
  candidate: Candidate,
  clock: Clock,
  timeoutMs: number,
  ask: NonNullable<DiscoverOptions['ask']>,
  stop: AbortSignal,
): Promise<Answer> {
  if (candidate.problem !== undefined) return { error: new Error(candidate.problem) };
  const abort = new AbortController();
  stop.addEventListener('abort', () => abort.abort(stop.reason), { once: true });
  const timer = clock.setTimer(timeoutMs, () => abort.abort(silent(timeoutMs)));
  try {
    const version = await ask(candidate.connection, abort.signal);
    if (version.os !== 'linux')
      return { error: new Error(`it runs ${version.os} containers, and Skiff needs Linux containers`) };
    return { version };
  } catch (error) {
    return { error: abort.signal.aborted ? (abort.signal.reason as Error) : (error as Error) };
  } finally {
    timer.cancel();
  }
}

function askVersion(connection: EngineConnection, signal: AbortSignal): Promise<EngineVersion> {
  return connection.protocol === 'ssh' ? askOverSsh(connection, signal) : askOverHttp(connection, signal);
}

interface VersionAnswer {
  Version?: string;
  ApiVersion?: string;
  Os?: string;
  Arch?: string;
}

function understood({ Version, ApiVersion, Os, Arch }: VersionAnswer): EngineVersion {
  if (!Version || !ApiVersion) throw new Error('what answers is no Docker engine');
  return { version: Version, apiVersion: ApiVersion, os: (Os ?? '').toLowerCase(), architecture: Arch ?? '' };
}

function askOverHttp(connection: EngineConnection, signal: AbortSignal): Promise<EngineVersion> {
  const { protocol, insecure, ...target } = connection;
  return new Promise((resolve, reject) => {
    const options = {
      ...target,
      path: '/version',
      agent: false,
      signal,
      ...(insecure ? { rejectUnauthorized: false } : {}),
    };
    const request = (protocol === 'https' ? https : http).get(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if (response.statusCode !== 200)
          return reject(new Error(`it answers ${response.statusCode}: ${text.slice(0, 200).trim()}`));
        try {
          resolve(understood(JSON.parse(text) as VersionAnswer));
        } catch {
          reject(new Error('what answers is no Docker engine'));
        }
      });
    });
    request.on('error', reject);
  });
}

async function askOverSsh(connection: EngineConnection, signal: AbortSignal): Promise<EngineVersion> {
  const { default: Engine } = await import('dockerode');
  const asked = new Engine(dockerOptions(connection)).version();
  const aborted = new Promise<never>((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
  );
  return understood((await Promise.race([asked, aborted])) as VersionAnswer);
}

/** The connection as dockerode's constructor takes it; whatever it would take from the environment is overruled. */
function dockerOptions(connection: EngineConnection): Docker.DockerOptions {
  const { insecure, ...options } = connection;
  const none = {
    host: undefined,
    port: undefined,
    socketPath: undefined,
    ca: undefined,
    cert: undefined,
    key: undefined,
    username: undefined,
  };
  const ssh = connection.protocol === 'ssh' ? { sshOptions: sshOptions() } : {};
  const agent = insecure
    ? { agent: new https.Agent({ rejectUnauthorized: false, ca: options.ca, cert: options.cert, key: options.key }) }
    : {};
  return { ...none, ...options, ...ssh, ...agent } as Docker.DockerOptions;
}

/** The user's SSH agent, or else the user's usual keys. */
function sshOptions(): { agent?: string; privateKey?: Buffer } {
  if (process.env.SSH_AUTH_SOCK) return { agent: process.env.SSH_AUTH_SOCK };
  for (const name of ['id_ed25519', 'id_ecdsa', 'id_rsa']) {
    const privateKey = readIfThere(`${os.homedir()}/.ssh/${name}`);
    if (privateKey) return { privateKey };
  }
  return {};
}

function readIfThere(file: string): Buffer | undefined {
  try {
    return fs.readFileSync(file);
  } catch {
    return undefined;
  }
}

function thisComputer(): Surroundings {
  return {
    env: process.env,
    platform: process.platform,
    home: os.homedir(),
    uid: process.getuid?.(),
    readFile: readIfThere,
  };
}
