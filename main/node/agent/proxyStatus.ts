import http from 'node:http';

const healthPort = 10256;
const metricsPort = 10249;
/** Rules that cannot be brought into force for longer are no health. */
const healthTimeoutMs = 60_000;
/** Seconds, as kube-proxy has them. */
const buckets = [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 8.192, 16.384];

/** How long rules took, and whether they are in force: what kube-proxy says of itself. */
export class ProxyHealth {
  #lastUpdated: number;
  #pendingSince: number | undefined;
  #counts = buckets.map(() => 0);
  #count = 0;
  #sumSeconds = 0;
  #failures = 0;
  /** Whether load balancers may send new connections to this node. */
  nodeEligible = true;

  constructor(private readonly now: () => number) {
    this.#lastUpdated = now();
  }

  /** Brings rules into force by `apply`, and remembers how that went. */
  async measure(apply: () => Promise<void>): Promise<void> {
    const began = this.now();
    this.#pendingSince ??= began;
    try {
      await apply();
    } catch (error) {
      this.#failures++;
      throw error;
    }
    this.#pendingSince = undefined;
    this.#lastUpdated = this.now();
    const seconds = (this.#lastUpdated - began) / 1000;
    this.#count++;
    this.#sumSeconds += seconds;
    buckets.forEach((bound, i) => seconds <= bound && this.#counts[i]!++);
  }

  get isHealthy(): boolean {
    return this.#pendingSince === undefined || this.now() - this.#pendingSince < healthTimeoutMs;
  }

  /** Of /healthz, where a node that is to go is not healthy, and of /livez, where it is. */
  answer(path: '/healthz' | '/livez'): { status: number; body: string } {
    const healthy = this.isHealthy && (path === '/livez' || this.nodeEligible);
    const now = this.now();
    const at = (ms: number) => new Date(ms).toISOString();
    const times = { lastUpdated: at(this.isHealthy ? now : this.#lastUpdated), currentTime: at(now) };
    return { status: healthy ? 200 : 503, body: JSON.stringify(path === '/healthz' ? { ...times, nodeEligible: this.nodeEligible } : times) };
  }

  metrics(): string {
    const name = 'kubeproxy_sync_proxy_rules_duration_seconds';
    return [
      `# HELP ${name} SyncProxyRules latency in seconds`,
      `# TYPE ${name} histogram`,
      ...buckets.map((bound, i) => `${name}_bucket{le="${bound}"} ${this.#counts[i]}`),
      `${name}_bucket{le="+Inf"} ${this.#count}`,
      `${name}_sum ${this.#sumSeconds}`,
      `${name}_count ${this.#count}`,
      '# HELP kubeproxy_sync_proxy_rules_last_timestamp_seconds The last time proxy rules were successfully synced',
      '# TYPE kubeproxy_sync_proxy_rules_last_timestamp_seconds gauge',
      `kubeproxy_sync_proxy_rules_last_timestamp_seconds ${this.#lastUpdated / 1000}`,
      '# HELP kubeproxy_sync_proxy_rules_nftables_sync_failures_total Cumulative proxy nftables sync failures',
      '# TYPE kubeproxy_sync_proxy_rules_nftables_sync_failures_total counter',
      `kubeproxy_sync_proxy_rules_nftables_sync_failures_total ${this.#failures}`,
      '',
    ].join('\n');
  }
}

/** Mirrors pkg/proxy/healthcheck/proxy_health.go and the metrics server of cmd/kube-proxy/app/server.go. */
export function serveProxyStatus(health: ProxyHealth): void {
  const plain = { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' };
  listen(healthPort, undefined, (path, response) => {
    if (path !== '/healthz' && path !== '/livez') return void response.writeHead(404, plain).end('404 page not found\n');
    const { status, body } = health.answer(path);
    response.writeHead(status, { 'Content-Type': 'application/json', 'X-Content-Type-Options': 'nosniff' }).end(body);
  });
  const pages: Record<string, () => string> = { '/proxyMode': () => 'nftables', '/healthz': () => 'ok', '/metrics': () => health.metrics() };
  listen(metricsPort, '127.0.0.1', (path, response) => {
    const page = pages[path];
    response.writeHead(page ? 200 : 404, plain).end(page?.() ?? '404 page not found\n');
  });
}

function listen(port: number, address: string | undefined, serve: (path: string, response: http.ServerResponse) => void): void {
  const server = http.createServer((request, response) => serve((request.url ?? '/').split('?')[0]!, response));
  // A pod in the node's network may have the port.
  server.on('error', (error) => console.error(`the proxy's status cannot be served at port ${port}`, error.message));
  server.listen(port, address);
}
