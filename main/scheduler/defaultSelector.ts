import type { Pod, ReplicaSet, Service, StatefulSet } from '../api/index.ts';
import { selectorFromLabelSelector, selectorFromSet, type Selector } from '../api/labels.ts';
import { controllerOf } from '../api/meta.ts';
import type { Informer } from '../client/index.ts';

/**
 * Which pods are of the same kind as this one: those that its services and its owner select. Mirrors DefaultSelector
 * of pkg/scheduler/framework/plugins/helper/spread.go.
 */
export function defaultSelector(
  services: Informer<Service>,
  replicaSets: Informer<ReplicaSet>,
  statefulSets: Informer<StatefulSet>,
): (pod: Pod) => Selector {
  return (pod) => {
    const { namespace, labels } = pod.metadata!;
    const parts: Selector[] = [];
    for (const service of services.list(namespace)) {
      const wanted = service.spec?.selector;
      if (wanted && Object.entries(wanted).every(([key, value]) => labels?.[key] === value))
        parts.push(selectorFromSet(wanted));
    }
    const owner = controllerOf(pod);
    const sets = owner?.kind === 'ReplicaSet' ? replicaSets : owner?.kind === 'StatefulSet' ? statefulSets : undefined;
    const set = owner && sets?.get(`${namespace}/${owner.name}`);
    if (set) parts.push(selectorOf(set));
    return all(parts);
  };
}

const selectors = new WeakMap<object, Selector>();

function selectorOf(set: ReplicaSet | StatefulSet): Selector {
  let selector = selectors.get(set);
  if (!selector) selectors.set(set, (selector = selectorFromLabelSelector(set.spec?.selector)));
  return selector;
}

function all(parts: Selector[]): Selector {
  if (parts.length === 1) return parts[0]!;
  return {
    matches: (labels) => parts.every((part) => part.matches(labels)),
    empty: parts.every((part) => part.empty),
    toString: () => parts.join(','),
    requirements: parts.flatMap((part) => part.requirements ?? []),
  };
}
