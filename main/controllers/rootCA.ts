import type { ConfigMap, Namespace } from '../api/index.ts';
import { equalJson } from '../api/json.ts';
import { isAlreadyExists } from '../api/status.ts';
import { resources, type Client, type Informer } from '../client/index.ts';
import { QueueController, type ControllerContext } from './controller.ts';
import { isNamespaceTerminating } from './podControl.ts';

const name = 'kube-root-ca.crt';
const annotations = {
  'kubernetes.io/description':
    'The authorities by which pods in this namespace can verify the API server at its internal addresses.',
};

/** The API server's authority in every namespace, for pods to check it by. Mirrors pkg/controller/certificates/rootcacertpublisher. */
export class RootCACertPublisher extends QueueController {
  readonly #namespaces: Informer<Namespace>;
  readonly #configMaps: Informer<ConfigMap>;
  readonly #data: Record<string, string>;

  constructor(context: ControllerContext) {
    super(context, 'root-ca-cert-publisher');
    this.#data = { 'ca.crt': context.rootCA ?? '' };
    this.#namespaces = context.informers.informer(resources.namespaces);
    this.#configMaps = context.informers.informer(resources.configMaps);
    this.#namespaces.on({ add: (ns) => this.enqueueObject(ns), update: (_, ns) => this.enqueueObject(ns) });
    const changed = (configMap: ConfigMap) => {
      if (configMap.metadata!.name === name) this.enqueue(configMap.metadata!.namespace!, configMap);
    };
    this.#configMaps.on({ update: (_, configMap) => changed(configMap), delete: changed });
  }

  protected async sync(namespace: string, client: Client): Promise<void> {
    if (this.#namespaces.get(namespace)?.status?.phase !== 'Active') return;
    const current = this.#configMaps.get(`${namespace}/${name}`);
    const configMaps = client.of(resources.configMaps);
    if (!current) {
      try {
        await configMaps.create({ metadata: { namespace, name, annotations }, data: this.#data });
      } catch (error) {
        if (!isAlreadyExists(error) && !isNamespaceTerminating(error)) throw error;
      }
    } else if (!equalJson(current.data, this.#data) || !current.metadata!.annotations?.['kubernetes.io/description']) {
      const metadata = { ...current.metadata, annotations: { ...current.metadata!.annotations, ...annotations } };
      await configMaps.update({ ...current, metadata, data: this.#data });
    }
  }
}
