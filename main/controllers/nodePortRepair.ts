import type { Service } from '../api/index.ts';
import { keyOf } from '../api/meta.ts';
import { resources, type Informer } from '../client/index.ts';
import { QueueController, type ControllerContext } from './controller.ts';

/** As the API server gives them out. */
const range = { first: 30_000, last: 32_767 };

/**
 * Says of Services whose node ports cannot be right that they must be made anew: two have the same port, or it is in no
 * range any more. The API server takes its allocations from the stored Services, so there is nothing else to repair.
 * Mirrors pkg/registry/core/service/portallocator/controller/repair.go.
 */
export class NodePortRepairController extends QueueController {
  readonly #services: Informer<Service>;
  /** What was said of a Service last, so that it is said once. */
  readonly #told = new Map<string, string>();

  constructor(context: ControllerContext) {
    super(context, 'portallocator-repair-controller');
    this.#services = context.informers.informer(resources.services);
    this.#services.addIndex('nodePort', (service) => nodePorts(service).map(({ port }) => String(port)));
    const queue = (service: Service) => this.enqueueObject(service);
    this.#services.on({ add: queue, update: (_, service) => queue(service), delete: ({ metadata }) => void this.#told.delete(keyOf({ metadata })) });
  }

  protected sync(key: string): Promise<void> {
    const service = this.#services.get(key);
    if (!service) return Promise.resolve();
    const problems = nodePorts(service).flatMap(({ port }) => {
      if (port < range.first || port > range.last) return { reason: 'PortOutOfRange', message: `Port ${port} is not within the port range ${range.first}-${range.last}; please recreate service` };
      const first = this.#services.byIndex('nodePort', String(port)).sort(older)[0];
      return first && keyOf(first) !== key ? { reason: 'PortAlreadyAllocated', message: `Port ${port} was assigned to multiple services; please recreate service` } : [];
    });
    const text = problems.map(({ message }) => message).join('; ');
    if ((this.#told.get(key) ?? '') === text) return Promise.resolve();
    this.#told.set(key, text);
    for (const { reason, message } of problems) this.recorder.event({ ...service, apiVersion: 'v1', kind: 'Service' }, 'Warning', reason, message);
    return Promise.resolve();
  }
}

/** A port counts once, whichever protocols have it. */
function nodePorts({ spec }: Service): { port: number }[] {
  const ports = [...(spec?.ports ?? []).map(({ nodePort }) => nodePort ?? 0), spec?.healthCheckNodePort ?? 0];
  return [...new Set(ports)].filter((port) => port > 0).map((port) => ({ port }));
}

/** Who came first keeps the port. */
function older(a: Service, b: Service): number {
  const [first, second] = [a, b].map(({ metadata }) => `${metadata!.creationTimestamp} ${keyOf({ metadata })}`);
  return first! < second! ? -1 : 1;
}
