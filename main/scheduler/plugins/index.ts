import type { Namespace, Pod } from '../../api/index.ts';
import type { Selector } from '../../api/labels.ts';
import type { Informer } from '../../client/index.ts';
import type { SchedulerCache } from '../cache.ts';
import type { PluginArgs } from '../configuration.ts';
import type { ClassOfResource } from '../devices/extendedResources.ts';
import type { Plugin } from '../framework.ts';
import { imageLocality } from './imageLocality.ts';
import { interPodAffinity } from './interPodAffinity.ts';
import { nodeAffinity } from './nodeAffinity.ts';
import { nodeDeclaredFeatures } from './nodeDeclaredFeatures.ts';
import { nodeName } from './nodeName.ts';
import { nodePorts } from './nodePorts.ts';
import { nodeResourcesBalancedAllocation } from './nodeResourcesBalancedAllocation.ts';
import { nodeResourcesFit } from './nodeResourcesFit.ts';
import { nodeUnschedulable } from './nodeUnschedulable.ts';
import { podTopologySpread } from './podTopologySpread.ts';
import { schedulingGates } from './schedulingGates.ts';
import { taintToleration } from './taintToleration.ts';

/** What the plugins of one profile are made of. */
export interface PluginDependencies {
  cache: SchedulerCache;
  namespaces: Informer<Namespace>;
  classOf: ClassOfResource;
  defaultSelector: (pod: Pod) => Selector;
  /** Those that look at a pod's volumes. */
  volumePlugins: readonly Plugin[];
  /** One for all profiles: what it is giving to one pod no other may have. */
  dynamicResources: Plugin;
}

/** Every plugin that has code of its own, set up by a profile's arguments. */
export function makePlugins(dependencies: PluginDependencies, args: PluginArgs): Plugin[] {
  const { cache } = dependencies;
  return [
    schedulingGates,
    nodeUnschedulable,
    nodeName,
    taintToleration,
    nodeAffinity(args.NodeAffinity),
    nodePorts,
    nodeResourcesFit(args.NodeResourcesFit, dependencies.classOf),
    ...dependencies.volumePlugins,
    podTopologySpread(cache, dependencies.defaultSelector, args.PodTopologySpread),
    interPodAffinity(cache, dependencies.namespaces, args.InterPodAffinity),
    dependencies.dynamicResources,
    nodeResourcesBalancedAllocation(args.NodeResourcesBalancedAllocation),
    imageLocality(cache),
    nodeDeclaredFeatures,
  ];
}
