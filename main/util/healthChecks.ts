/* Mirrors k8s.io/apiserver/pkg/server/healthz/healthz.go and k8s.io/component-base/metrics/prometheus/slis. */

export interface HealthCheck {
  name: string;
  /** Throws what is wrong. */
  check(): Promise<void> | void;
}

export const ping: HealthCheck = { name: 'ping', check() {} };

/** What is told of checks: the code of HTTP's, and a text for people. */
export interface HealthReport {
  code: number;
  body: string;
}

/** All checks together, under the name that their path has. `exclude`: names of checks that are not to be made. */
export async function healthReport(name: string, list: readonly HealthCheck[], { exclude, verbose }: { exclude: readonly string[]; verbose: boolean }): Promise<HealthReport> {
  const excluded = new Set(exclude);
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
  if (failed) return { code: 500, body: `${report}${name} check failed\n` };
  return { code: 200, body: verbose ? `${report}${name} check passed\n` : 'ok' };
}

/** One check by itself; undefined where none has that name. */
export async function checkReport(name: string, list: readonly HealthCheck[]): Promise<HealthReport | undefined> {
  const found = list.find((check) => check.name === name);
  if (!found) return undefined;
  const wrong = await complaint(found);
  return wrong === undefined ? { code: 200, body: 'ok' } : { code: 500, body: `internal server error: ${wrong}\n` };
}

/** The same as metrics: how each check is now and how often it was so, by what the checks' paths are called. */
export function healthMetrics(checks: Record<string, readonly HealthCheck[]>): () => Promise<string> {
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
    const lines = [
      '# HELP kubernetes_healthcheck Whether a check is well now.', '# TYPE kubernetes_healthcheck gauge', ...now,
      '# HELP kubernetes_healthchecks_total How often a check was made, by how it was.', '# TYPE kubernetes_healthchecks_total counter', ...[...totals].map(([key, count]) => `${key} ${count}`),
    ];
    return `${lines.join('\n')}\n`;
  };
}

async function complaint(check: HealthCheck): Promise<string | undefined> {
  try {
    await check.check();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
