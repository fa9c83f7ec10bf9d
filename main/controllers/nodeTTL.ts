import type { Node } from '../api/index.ts';
import { resources, type Client, type Informer } from '../client/index.ts';
import { QueueController, type ControllerContext } from './controller.ts';

const annotation = 'node.alpha.kubernetes.io/ttl';

/** Clusters of these sizes, and seconds. They overlap, so that a cluster at a boundary does not change its mind all the time. */
const steps = [
  { least: 0, most: 100, seconds: 0 },
  { least: 90, most: 500, seconds: 15 },
  { least: 450, most: 1000, seconds: 30 },
  { least: 900, most: 2000, seconds: 60 },
  { least: 1800, most: Infinity, seconds: 300 },
];

/** Tells kubelets how long they may use Secrets and ConfigMaps without asking anew. Mirrors pkg/controller/ttl. */
export class NodeTTLController extends QueueController {
  readonly #nodes: Informer<Node>;
  #count = 0;
  #step = 0;

  constructor(context: ControllerContext) {
    super(context, 'ttl-controller');
    this.#nodes = context.informers.informer(resources.nodes);
    this.#nodes.on({
      add: (node) => {
        if (++this.#count > steps[this.#step]!.most) this.#step++;
        this.enqueueObject(node);
      },
      update: (_, node) => this.enqueueObject(node),
      delete: () => {
        if (--this.#count < steps[this.#step]!.least) this.#step--;
      },
    });
  }

  protected async sync(name: string, client: Client): Promise<void> {
    const node = this.#nodes.get(name);
    const wanted = String(steps[this.#step]!.seconds);
    const current = node?.metadata!.annotations?.[annotation];
    if (!node || (current !== undefined && /^[+-]?\d+$/.test(current) && Number(current) === Number(wanted))) return;
    await client.of(resources.nodes).patch('', name, 'strategic', { metadata: { annotations: { [annotation]: wanted } } });
  }
}
