import http from 'node:http';
import type { HealthCheck } from '../../proxy/model.ts';

/**
 * Tells load balancers whether a node has endpoints of a Service with policy Local.
 * Mirrors pkg/proxy/healthcheck/service_health.go.
 */
export class HealthChecks {
  readonly #servers = new Map<number, { server: http.Server; check: HealthCheck }>();

  sync(address: string, checks: HealthCheck[]): void {
    const wanted = new Map(checks.map((check) => [check.port, check]));
    for (const [port, { server }] of this.#servers) {
      if (wanted.has(port)) continue;
      server.close();
      server.closeAllConnections();
      this.#servers.delete(port);
    }
    for (const [port, check] of wanted) {
      const known = this.#servers.get(port);
      if (known) known.check = check;
      else this.#listen(address, port, check);
    }
  }

  #listen(address: string, port: number, check: HealthCheck): void {
    const server = http.createServer((_, response) => {
      const { namespace, name, localEndpoints } = this.#servers.get(port)?.check ?? check;
      response.writeHead(localEndpoints > 0 ? 200 : 503, {
        'Content-Type': 'application/json',
        'X-Content-Type-Options': 'nosniff',
        'X-Load-Balancing-Endpoint-Weight': String(localEndpoints),
      });
      response.end(JSON.stringify({ service: { namespace, name }, localEndpoints, serviceProxyHealthy: true }));
    });
    // The port may be another's: then the next change tries again.
    server.on('error', (error) => {
      console.error(`the health check of ${check.namespace}/${check.name} cannot listen`, error.message);
      this.#servers.delete(port);
    });
    server.listen(port, address);
    this.#servers.set(port, { server, check });
  }
}
