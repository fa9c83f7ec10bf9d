import { healthMetrics, type HealthCheck } from '../../util/healthChecks.ts';
import type { Answer, Call } from '../call.ts';
import type { Discovery } from './discovery.ts';
import { notAllowed } from '../chain.ts';
import { health } from './health.ts';
import type { RequestMetrics } from './metrics.ts';

/** What `/version` says (upstream: k8s.io/apimachinery/pkg/version/types.go). */
export interface VersionInfo {
  major: string;
  minor: string;
  emulationMajor: string;
  emulationMinor: string;
  minCompatibilityMajor: string;
  minCompatibilityMinor: string;
  gitVersion: string;
  gitCommit: string;
  gitTreeState: string;
  buildDate: string;
  goVersion: string;
  compiler: string;
  platform: string;
}

export const version136: VersionInfo = {
  major: '1',
  minor: '36',
  emulationMajor: '1',
  emulationMinor: '36',
  minCompatibilityMajor: '1',
  minCompatibilityMinor: '35',
  gitVersion: 'v1.36.2+skiff',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: process.version,
  compiler: 'v8',
  platform: `${process.platform === 'win32' ? 'windows' : process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
};

/** A document of its own path, such as the keys that sign tokens; undefined: not there (yet). */
export type Page = (call: Call) => Promise<Answer | undefined> | Answer | undefined;

export interface SiteOptions {
  version: VersionInfo;
  /** The server's settings under the names that kube-apiserver's flags have. */
  flags: Readonly<Record<string, string>>;
  discovery: Discovery;
  metrics: RequestMetrics;
  checks: Record<string, readonly HealthCheck[]>;
  /** Milliseconds since the epoch: when the server began, and now. */
  started: number;
  now(): number;
  /** By exact path. */
  pages: Readonly<Record<string, Page>>;
  /** The same, but not told of at `/`. */
  unlisted: Readonly<Record<string, Page>>;
  /** By what the path starts with: `/openapi/`. */
  trees: Readonly<Record<string, Page>>;
}

const fixed = ['/api', '/apis', '/flagz', '/healthz', '/livez', '/metrics', '/metrics/slis', '/readyz', '/statusz', '/version'];

/** Everything that is no resource. */
export function siteOf(options: SiteOptions): (call: Call) => Promise<Answer | undefined> {
  const slis = healthMetrics(options.checks);
  return async (call) => {
    const path = call.info.path.length > 1 ? call.info.path.replace(/\/+$/, '') : call.info.path;
    if (call.method !== 'GET' && call.method !== 'HEAD') {
      // What is there can only be read.
      if (path === '/version' || options.discovery.answer(call)) throw notAllowed();
      return undefined;
    }
    const page = options.pages[path] ?? options.unlisted[path];
    if (page) return page(call);
    if (path === '/version') return rawJson(options.version);
    if (path === '/metrics') return options.metrics.answer();
    if (path === '/metrics/slis') return { type: 'text', code: 200, contentType: 'text/plain; version=0.0.4; charset=utf-8', body: await slis() };
    if (path === '/statusz') return statusz(options);
    if (path === '/flagz') return flagz(options);
    if (path === '/') return rawJson({ paths: [...fixed, ...Object.keys(options.pages), ...Object.keys(options.trees)].sort() });
    for (const start in options.trees) if (path.startsWith(start)) return options.trees[start]!(call);
    return options.discovery.answer(call) ?? health(call, options.checks);
  };
}

/** Pages for people say so, and how little they promise. */
const pageHeading = (name: string) => ['', `apiserver ${name}`, 'Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.'];

/** With which settings this server runs. Mirrors k8s.io/component-base/zpages/flagz. */
function flagz({ flags }: SiteOptions): Answer {
  const lines = [...pageHeading('flagz'), ...Object.keys(flags).sort().map((name) => `${name} ${flags[name]}`)];
  return { type: 'text', code: 200, contentType: 'text/plain; charset=utf-8', body: `${lines.join('\n')}\n` };
}

/** What runs here, for people. Mirrors k8s.io/component-base/zpages/statusz. */
function statusz({ version, started, now }: SiteOptions): Answer {
  const minutes = Math.floor((now() - started) / 60_000);
  const release = `${version.major}.${version.minor}`;
  const lines = [
    ...pageHeading('statusz'),
    '',
    `Started:  ${new Date(started).toUTCString()}`,
    `Up:  ${Math.floor(minutes / 60)} hr ${String(minutes % 60).padStart(2, '0')} min ${String(Math.floor(((now() - started) / 1000) % 60)).padStart(2, '0')} sec`,
    `Go version:  ${version.goVersion}`,
    `Binary version:  ${release}`,
    `Emulation version:  ${release}`,
    `Paths:  ${fixed.filter((path) => !path.startsWith('/api')).join(' ')}`,
  ];
  return { type: 'text', code: 200, contentType: 'text/plain; charset=utf-8', body: `${lines.join('\n')}\n` };
}

/** What is no object of the API is written for people. Mirrors endpoints/handlers/responsewriters/writers.go (WriteRawJSON). */
const rawJson = (value: object): Answer => ({ type: 'text', code: 200, contentType: 'application/json', body: JSON.stringify(value, null, 2) });
