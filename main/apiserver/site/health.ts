import type { Store } from '../../store/index.ts';
import type { Answer, Call } from '../call.ts';

export interface HealthCheck {
  name: string;
  /** Throws what is wrong. */
  check(): Promise<void> | void;
}

export const ping: HealthCheck = { name: 'ping', check() {} };

/** Named as upstream names it, since scripts ask for it. */
export const storeCheck = (store: Pick<Store, 'problem' | 'fresh'>): HealthCheck => ({
  name: 'etcd',
  async check() {
    if (store.problem) throw store.problem;
    await store.fresh();
  },
});

/** Whether something that begins with the server has come to its end; others ask for it by upstream's names. */
export const begun = (name: string, done: () => boolean): HealthCheck => ({
  name,
  check() {
    if (!done()) throw new Error('not finished');
  },
});

/**
 * The same as metrics: how each check is now and how often it was so. Mirrors k8s.io/component-base/metrics/prometheus/slis.
 */
export function healthMetrics(checks: Record<string, readonly HealthCheck[]>): () => Promise<Answer> {
  const totals = new Map<string, number>();
  return async () => {
    const now: string[] = [];
    for (const [type, list] of Object.entries(checks))
      for (const check of list) {
        const well = (await complaint(check)) === undefined;
        now.push(`kubernetes_healthcheck{name="${check.name}",type="${type}"} ${well ? 1 : 0}`);
        const key = `kubernetes_healthchecks_total{name="${check.name}",status="${well ? 'success' : 'error'}",type="${type}"}`;
        totals.set(key, (totals.get(key) ?? 0) + 1);
      }
    const body = [
      '# HELP kubernetes_healthcheck Whether a check is well now.', '# TYPE kubernetes_healthcheck gauge', ...now,
      '# HELP kubernetes_healthchecks_total How often a check was made, by how it was.', '# TYPE kubernetes_healthchecks_total counter', ...[...totals].map(([key, count]) => `${key} ${count}`),
    ];
    return { type: 'text', code: 200, contentType: 'text/plain; version=0.0.4; charset=utf-8', body: `${body.join('\n')}\n` };
  };
}

const headers = { 'x-content-type-options': 'nosniff' };
const plain = 'text/plain; charset=utf-8';

/** `/healthz`, `/livez`, `/readyz` and one path a check. Mirrors k8s.io/apiserver/pkg/server/healthz/healthz.go. */
export async function health(call: Call, checks: Record<string, readonly HealthCheck[]>): Promise<Answer | undefined> {
  const [name = '', ...rest] = call.info.path.split('/').filter((part) => part !== '');
  const list = checks[name];
  if (!list) return undefined;
  const one = rest.join('/');
  if (one === '') return all(call, name, list);
  const found = list.find((check) => check.name === one);
  if (!found) return undefined;
  const wrong = await complaint(found);
  return text(wrong === undefined ? 200 : 500, wrong === undefined ? 'ok' : `internal server error: ${wrong}\n`);
}

async function all({ query }: Call, name: string, list: readonly HealthCheck[]): Promise<Answer> {
  const excluded = new Set(query.all('exclude'));
  let report = '';
  let failed = false;
  for (const check of list) {
    if (excluded.delete(check.name)) {
      report += `[+]${check.name} excluded: ok\n`;
      continue;
    }
    const wrong = await complaint(check);
    failed ||= wrong !== undefined;
    report += wrong === undefined ? `[+]${check.name} ok\n` : `[-]${check.name} failed: reason withheld\n`;
  }
  if (excluded.size)
    report += `warn: some health checks cannot be excluded: no matches for ${[...excluded].map((e) => JSON.stringify(e)).join(', ')}\n`;
  if (failed) return text(500, `${report}${name} check failed\n`);
  return text(200, query.get('verbose') === undefined ? 'ok' : `${report}${name} check passed\n`);
}

async function complaint(check: HealthCheck): Promise<string | undefined> {
  try {
    await check.check();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const text = (code: number, body: string): Answer => ({ type: 'text', code, contentType: plain, body, headers });
