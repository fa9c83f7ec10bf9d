import type { Pod, Service } from '../api/index.ts';
import { keyOf } from '../api/meta.ts';
import type { Informer } from '../client/index.ts';
import { endpointChanged } from './serviceEndpoints.ts';

const byLabel = 'selector';

/** `namespace/key=value`: one pair of a selector is enough to find the few services that a pod may belong to. */
const pair = (namespace: string | undefined, key: string, value: string) => `${namespace}/${key}=${value}`;

/**
 * Wakes the services whose endpoints a change may have changed: a service itself, and those that select a pod now or
 * did before. Indexes the services for `servicesSelecting` and the pods for `selectedPods`.
 */
export function onEndpointChanges(
  services: Informer<Service>,
  pods: Informer<Pod>,
  wakeService: (service: Service) => void,
  wakeKey: (key: string, cause: Pod) => void,
): void {
  addSelectorIndex(services);
  addLabelIndex(pods);
  services.on({ add: wakeService, update: (_, service) => wakeService(service), delete: wakeService });
  const wake = (pod: Pod, cause = pod) => {
    for (const key of servicesSelecting(services, pod)) wakeKey(key, cause);
  };
  pods.on({
    add: (pod) => wake(pod),
    update: (old, pod) => {
      if (!endpointChanged(old, pod)) return;
      wake(old, pod);
      wake(pod);
    },
    delete: (pod) => wake(pod),
  });
}

/** Lets `servicesSelecting` ask a handful of services instead of all. */
function addSelectorIndex(services: Informer<Service>): void {
  services.addIndex(byLabel, ({ metadata, spec }) => {
    const first = Object.entries(spec?.selector ?? {})[0];
    return first ? [pair(metadata!.namespace, ...first)] : [];
  });
}

/** Lets `selectedPods` look at the pods with one of the labels instead of at all of the namespace. */
function addLabelIndex(pods: Informer<Pod>): void {
  pods.addIndex(byLabel, ({ metadata }) => {
    const pairs: string[] = [];
    for (const key in metadata!.labels) pairs.push(pair(metadata!.namespace, key, metadata!.labels[key]!));
    return pairs;
  });
}

/** Keys of the services that select a pod with these labels. */
export function servicesSelecting(services: Informer<Service>, { metadata }: Pod): string[] {
  const labels = metadata!.labels ?? {};
  const keys: string[] = [];
  for (const key in labels)
    for (const service of services.byIndex(byLabel, pair(metadata!.namespace, key, labels[key]!)))
      if (Object.entries(service.spec!.selector!).every(([name, value]) => labels[name] === value)) keys.push(keyOf(service));
  return keys;
}

/** The pods that a service selects; none for an empty selector. */
export function selectedPods(pods: Informer<Pod>, { metadata, spec }: Service): Pod[] {
  const [first, ...others] = Object.entries(spec?.selector ?? {});
  if (!first) return [];
  return pods
    .byIndex(byLabel, pair(metadata!.namespace, ...first))
    .filter((pod) => others.every(([key, value]) => pod.metadata!.labels?.[key] === value));
}
