import type { Namespace, Pod } from '../../api/index.ts';
import type { Selector } from '../../api/labels.ts';
import type { Informer } from '../../client/index.ts';
import type { SchedulerCache } from '../cache.ts';
import type { Plugin } from '../framework.ts';
import { imageLocality } from './imageLocality.ts';
import { interPodAffinity } from './interPodAffinity.ts';
import { nodeAffinity } from './nodeAffinity.ts';
import { nodeName } from './nodeName.ts';
import { nodePorts } from './nodePorts.ts';
import { nodeResourcesBalancedAllocation } from './nodeResourcesBalancedAllocation.ts';
import { nodeResourcesFit } from './nodeResourcesFit.ts';
import { nodeUnschedulable } from './nodeUnschedulable.ts';
import { podTopologySpread } from './podTopologySpread.ts';
import { schedulingGates } from './schedulingGates.ts';
import { taintToleration } from './taintToleration.ts';

/** The plugins of the default profile, in Kubernetes' order. */
export function defaultPlugins(dependencies: {
  cache: SchedulerCache;
  namespaces: Informer<Namespace>;
  defaultSelector: (pod: Pod) => Selector;
  volumeBinding: Plugin;
}): Plugin[] {
  const { cache } = dependencies;
  return [
    schedulingGates,
    nodeUnschedulable,
    nodeName,
    taintToleration,
    nodeAffinity,
    nodePorts,
    nodeResourcesFit,
    dependencies.volumeBinding,
    podTopologySpread(cache, dependencies.defaultSelector),
    interPodAffinity(cache, dependencies.namespaces),
    nodeResourcesBalancedAllocation,
    imageLocality(cache),
  ];
}
