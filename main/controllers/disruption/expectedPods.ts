import type {
  Deployment,
  OwnerReference,
  Pod,
  ReplicaSet,
  ReplicationController,
  StatefulSet,
} from '../../api/index.ts';
import { controllerOf, parseApiVersion, resourcePath, type KubeObject } from '../../api/meta.ts';
import { isNotFound } from '../../api/status.ts';
import { resources, type Client, type Informer, type InformerFactory, type ResourceDef } from '../../client/index.ts';
import { discover } from '../discovery.ts';

type Scaled = KubeObject & { spec?: { replicas?: number } };

interface Scale {
  uid: string;
  replicas: number;
}

/** How many pods there should be, as the owners of pods say. Mirrors getExpectedScale of pkg/controller/disruption/disruption.go. */
export class ExpectedPods {
  readonly #informers: { def: ResourceDef; informer: Informer<Scaled> }[] = [];
  readonly #deployments: Informer<Deployment>;

  constructor(informers: InformerFactory) {
    this.#deployments = informers.informer(resources.deployments);
    const add = <T extends ReplicaSet | ReplicationController | StatefulSet>(def: ResourceDef<T>) =>
      this.#informers.push({ def, informer: informers.informer(def) });
    add(resources.replicationControllers);
    add(resources.replicaSets);
    add(resources.statefulSets);
  }

  /** Rejects when an owner does not say. */
  async count(client: Client, pods: Pod[]): Promise<{ expected: number; unmanaged: string[] }> {
    const unmanaged: string[] = [];
    const scales = new Map<string, number>();
    const asked = new Set<string>();
    for (const pod of pods) {
      const ref = controllerOf(pod);
      if (!ref) unmanaged.push(pod.metadata!.name!);
      if (!ref || asked.has(ref.uid)) continue;
      asked.add(ref.uid);
      const scale = this.#known(ref, pod.metadata!.namespace!) ?? (await this.#asked(client, ref, pod));
      scales.set(scale.uid, scale.replicas);
    }
    return { expected: [...scales.values()].reduce((sum, replicas) => sum + replicas, 0), unmanaged };
  }

  #informerOf(ref: OwnerReference): Informer<Scaled> | undefined {
    const { group } = parseApiVersion(ref.apiVersion);
    return this.#informers.find(({ def }) => def.group === group && def.kind === ref.kind)?.informer;
  }

  #known(ref: OwnerReference, namespace: string): Scale | undefined {
    const owner = this.#informerOf(ref)?.get(`${namespace}/${ref.name}`);
    if (owner?.metadata!.uid !== ref.uid) return undefined;
    // A replica set that is rolled out shrinks and grows: its deployment knows the number.
    const above = controllerOf(owner!);
    const deployment = above?.kind === 'Deployment' ? this.#deployments.get(`${namespace}/${above.name}`) : undefined;
    return scaleOf(deployment?.metadata!.uid === above?.uid && deployment ? deployment : owner!);
  }

  /** Other kinds have a subresource that says it. */
  async #asked(client: Client, ref: OwnerReference, pod: Pod): Promise<Scale> {
    const { group } = parseApiVersion(ref.apiVersion);
    // An owner of a kind that is known here is gone: asking would only say the same.
    const found = this.#informerOf(ref) ? undefined : await discover(client);
    const resource = found?.resources.find((each) => each.group === group && each.kind === ref.kind);
    if (!resource) throw new Error(`found no controllers for pod "${pod.metadata!.name}"`);
    const path = resourcePath(resource, pod.metadata!.namespace, ref.name, 'scale');
    try {
      const scale = await client.request<Scaled>({ method: 'GET', path });
      if (scale.metadata?.uid === ref.uid) return scaleOf(scale);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      const name = group ? `${resource.resource}.${group}` : resource.resource;
      throw new Error(`${name} does not implement the scale subresource`, { cause: error });
    }
    throw new Error(`found no controllers for pod "${pod.metadata!.name}"`);
  }
}

const scaleOf = ({ metadata, spec }: Scaled): Scale => ({ uid: metadata!.uid!, replicas: spec?.replicas ?? 1 });
