import type { ConfigMap, Secret } from '../../api/index.ts';
import type { KubeObject } from '../../api/meta.ts';
import { resources, type Informer, type InformerFactory } from '../../client/index.ts';
import { configMapKey, secretKey } from './references.ts';

/** Tells whoever has them in a volume that ConfigMaps and Secrets have changed. One listener for all kubelets of the process. */
export class ObjectChanges {
  readonly #listeners = new Map<string, Set<() => void>>();

  constructor(configMaps: Informer<ConfigMap>, secrets: Informer<Secret>) {
    this.#listen(configMaps, configMapKey);
    this.#listen(secrets, secretKey);
  }

  #listen<T extends KubeObject>(informer: Informer<T>, keyOf: (namespace: string, name: string) => string): void {
    const tell = ({ metadata }: T) => {
      for (const listener of [...(this.#listeners.get(keyOf(metadata!.namespace!, metadata!.name!)) ?? [])]) listener();
    };
    informer.on({ add: tell, update: (_, object) => tell(object), delete: tell });
  }

  /** Returns what ends it. */
  on(keys: Iterable<string>, listener: () => void): () => void {
    const wanted = [...keys];
    for (const key of wanted) {
      const listeners = this.#listeners.get(key);
      if (listeners) listeners.add(listener);
      else this.#listeners.set(key, new Set([listener]));
    }
    return () => {
      for (const key of wanted) {
        const listeners = this.#listeners.get(key);
        listeners?.delete(listener);
        if (listeners?.size === 0) this.#listeners.delete(key);
      }
    };
  }
}

const known = new WeakMap<InformerFactory, ObjectChanges>();

export function objectChanges(informers: InformerFactory): ObjectChanges {
  let changes = known.get(informers);
  if (!changes) known.set(informers, (changes = new ObjectChanges(informers.informer(resources.configMaps), informers.informer(resources.secrets))));
  return changes;
}
