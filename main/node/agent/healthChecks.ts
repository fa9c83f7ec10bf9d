import http from 'node:http';
import type { HealthCheck } from '../../proxy/model.ts';

/**
 * Tells load balancers whether a node has endpoints of a Service with policy Local.
 * Mirrors pkg/proxy/healthcheck/service_health.go.
 */
export class HealthChecks {
  /** By `address:port`. */
  readonly #servers = new Map<string, { server: http.Server; check: HealthCheck }>();

  /** `addresses`: the node's own, of every family. */
  sync(addresses: string[], checks: HealthCheck[]): void {
    const wanted = new Map(addresses.flatMap((address) => checks.map((check) => [`${address}:${check.port}`, { address, check }])));
    for (const [place, { server }] of this.#servers) {
      if (wanted.has(place)) continue;
      server.close();
      server.closeAllConnections();
      this.#servers.delete(place);
    }
    for (const [place, { address, check }] of wanted) {
      const known = this.#servers.get(place);
      if (known) known.check = check;
      else this.#listen(place, address, check);
    }
  }

  #listen(place: string, address: string, check: HealthCheck): void {
    const server = http.createServer((_, response) => {
      const { namespace, name, localEndpoints } = this.#servers.get(place)?.check ?? check;
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
      this.#servers.delete(place);
    });
    server.listen(check.port, address);
    this.#servers.set(place, { server, check });
  }
}
