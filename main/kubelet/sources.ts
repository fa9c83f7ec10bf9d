import type { ConfigMap, Pod, Secret } from '../api/index.ts';
import { isNotFound, notFound } from '../api/status.ts';
import { resources, type Client, type Informer } from '../client/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { ObjectSource } from './config/environment.ts';

const byNode = 'spec.nodeName';

export interface PodHandlers {
  add(pod: Pod): void;
  update(pod: Pod): void;
  delete(pod: Pod): void;
}

const indexed = new WeakSet<Informer<Pod>>();

function indexByNode(informer: Informer<Pod>): void {
  if (indexed.has(informer)) return;
  indexed.add(informer);
  informer.addIndex(byNode, (pod) => (pod.spec?.nodeName ? [pod.spec.nodeName] : []));
}

/** The pods that the API has on the node. */
export function podsNowOnNode(informer: Informer<Pod>, node: string): Pod[] {
  indexByNode(informer);
  return informer.byIndex(byNode, node);
}

/** One listener for all kubelets of the process: each hears of its own pods only, however many nodes there are. */
class PodSource {
  readonly #handlers = new Map<string, PodHandlers>();

  constructor(private readonly informer: Informer<Pod>) {
    indexByNode(informer);
    informer.on({
      add: (pod) => this.#of(pod)?.add(pod),
      update: (old, pod) => {
        if (old.spec?.nodeName === pod.spec?.nodeName && old.metadata?.uid === pod.metadata?.uid) return this.#of(pod)?.update(pod);
        // Bound just now, or another pod with the same name.
        if (old.spec?.nodeName) this.#of(old)?.delete(old);
        this.#of(pod)?.add(pod);
      },
      delete: (pod) => this.#of(pod)?.delete(pod),
    });
  }

  subscribe(node: string, handlers: PodHandlers): () => void {
    this.#handlers.set(node, handlers);
    for (const pod of this.informer.byIndex(byNode, node)) handlers.add(pod);
    return () => {
      if (this.#handlers.get(node) === handlers) this.#handlers.delete(node);
    };
  }

  #of(pod: Pod): PodHandlers | undefined {
    return pod.spec?.nodeName ? this.#handlers.get(pod.spec.nodeName) : undefined;
  }
}

const podSources = new WeakMap<Informer<Pod>, PodSource>();

/** Begins with an `add` for each pod that the node has already. */
export function podsOfNode(informer: Informer<Pod>, node: string, handlers: PodHandlers): () => void {
  let source = podSources.get(informer);
  if (!source) podSources.set(informer, (source = new PodSource(informer)));
  return source.subscribe(node, handlers);
}

/** One listener for all kubelets that share a runtime. */
class RuntimeSource {
  readonly #pods = new Map<string, () => void>();
  readonly #gaps = new Set<() => void>();
  #watch: { cancel(): void } | undefined;

  constructor(private readonly runtime: Runtime) {}

  onGap(listener: () => void): () => void {
    this.#gaps.add(listener);
    if (this.#watch) queueMicrotask(() => this.#gaps.has(listener) && listener());
    else
      this.#watch = this.runtime.watch(
        ({ podUid }) => podUid && this.#pods.get(podUid)?.(),
        () => {
          for (const gap of [...this.#gaps]) gap();
        },
      );
    return () => {
      this.#gaps.delete(listener);
      if (this.#gaps.size > 0) return;
      this.#watch?.cancel();
      this.#watch = undefined;
    };
  }

  onPod(uid: string, listener: () => void): () => void {
    this.#pods.set(uid, listener);
    return () => {
      if (this.#pods.get(uid) === listener) this.#pods.delete(uid);
    };
  }
}

const runtimeSources = new WeakMap<Runtime, RuntimeSource>();

export function changesOf(runtime: Runtime): RuntimeSource {
  let source = runtimeSources.get(runtime);
  if (!source) runtimeSources.set(runtime, (source = new RuntimeSource(runtime)));
  return source;
}

/** ConfigMaps and Secrets, read when they are needed; what is missing is named as the kubelet names it. */
export function objectSource(client: Client): ObjectSource {
  const named = <T>(kind: string, name: string, read: Promise<T>): Promise<T> =>
    read.catch((error: unknown) => {
      throw isNotFound(error) ? notFound({ group: '', kind }, name) : error;
    });
  return {
    configMap: (namespace, name) => named<ConfigMap>('configmap', name, client.of(resources.configMaps).get(namespace, name)),
    secret: (namespace, name) => named<Secret>('secret', name, client.of(resources.secrets).get(namespace, name)),
  };
}
