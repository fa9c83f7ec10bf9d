import type { Store } from '../../store/index.ts';
import { checkReport, healthReport, type HealthCheck, type HealthReport } from '../../util/healthChecks.ts';
import type { Answer, Call } from '../call.ts';

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

const headers = { 'x-content-type-options': 'nosniff' };

/** `/healthz`, `/livez`, `/readyz` and one path a check. */
export async function health({ info, query }: Call, checks: Record<string, readonly HealthCheck[]>): Promise<Answer | undefined> {
  const [name = '', ...rest] = info.path.split('/').filter((part) => part !== '');
  const list = checks[name];
  if (!list) return undefined;
  const one = rest.join('/');
  const report = one ? await checkReport(one, list) : await healthReport(name, list, { exclude: query.all('exclude'), verbose: query.get('verbose') !== undefined });
  return report && answer(report);
}

const answer = ({ code, body }: HealthReport): Answer => ({ type: 'text', code, contentType: 'text/plain; charset=utf-8', body, headers });
