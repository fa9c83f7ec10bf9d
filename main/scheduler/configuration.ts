import type { NodeAffinity, TopologySpreadConstraint } from '../api/index.ts';
import { readExtenders, type ExtenderConfiguration } from './extenders/configuration.ts';
import { milliseconds, numberOf, objectOf, percentage, refuseUnknown } from './fields.ts';

// What a file of kind KubeSchedulerConfiguration says. Mirrors pkg/scheduler/apis/config (v1, validation).

/** Where plugins take part, by the names that the file uses. */
export const extensionPoints = [
  'preEnqueue',
  'queueSort',
  'preFilter',
  'filter',
  'postFilter',
  'preScore',
  'score',
  'reserve',
  'permit',
  'preBind',
  'bind',
  'postBind',
  // Of groups of pods, which nothing schedules by default; no plugin here takes part in them.
  'placementGenerate',
  'placementScore',
] as const;
export type ExtensionPoint = (typeof extensionPoints)[number];

export interface EnabledPlugin {
  name: string;
  /** How much its scores count. */
  weight: number;
}

export interface ScoredResource {
  name: string;
  weight: number;
}

/** Of NodeResourcesFit: which nodes are better. */
export interface ScoringStrategy {
  type: 'LeastAllocated' | 'MostAllocated' | 'RequestedToCapacityRatio';
  resources: ScoredResource[];
  /** For RequestedToCapacityRatio: percent used → 0 to 10, straight lines between. */
  shape: { utilization: number; score: number }[];
}

export interface PluginArgs {
  NodeResourcesFit: { ignoredResources: string[]; ignoredResourceGroups: string[]; scoringStrategy: ScoringStrategy };
  NodeResourcesBalancedAllocation: { resources: ScoredResource[] };
  InterPodAffinity: { hardPodAffinityWeight: number; ignorePreferredTermsOfExistingPods: boolean };
  PodTopologySpread: { defaultingType: 'System' | 'List'; defaultConstraints: TopologySpreadConstraint[] };
  NodeAffinity: { addedAffinity: NodeAffinity | undefined };
  DefaultPreemption: { minCandidateNodesPercentage: number; minCandidateNodesAbsolute: number };
  VolumeBinding: { bindTimeoutSeconds: number };
  /** Milliseconds. The first is how long the devices of one node are looked for (0: any time), the second what drivers have to make them ready. */
  DynamicResources: { filterTimeout: number; bindingTimeout: number };
}

/** One way to schedule: pods choose it by `spec.schedulerName`. */
export interface ProfileConfiguration {
  schedulerName: string;
  /** 0: fewer, the more nodes there are. */
  percentageOfNodesToScore: number;
  plugins: Record<ExtensionPoint, EnabledPlugin[]>;
  args: PluginArgs;
}

export interface SchedulerConfiguration {
  podInitialBackoffSeconds: number;
  podMaxBackoffSeconds: number;
  profiles: ProfileConfiguration[];
  extenders: ExtenderConfiguration[];
}

const defaultName = 'default-scheduler';

/** In Kubernetes' order; a plugin without a weight does not score, or counts once. */
const defaultPlugins: EnabledPlugin[] = [
  ['SchedulingGates'],
  ['PrioritySort'],
  ['NodeUnschedulable'],
  ['NodeName'],
  ['TaintToleration', 3],
  ['NodeAffinity', 2],
  ['NodePorts'],
  ['NodeResourcesFit', 1],
  ['VolumeRestrictions'],
  ['NodeVolumeLimits'],
  ['VolumeBinding'],
  ['VolumeZone'],
  ['PodTopologySpread', 2],
  ['InterPodAffinity', 2],
  ['DynamicResources', 2],
  ['DefaultPreemption'],
  ['NodeResourcesBalancedAllocation', 1],
  ['ImageLocality', 1],
  ['DefaultBinder'],
  ['NodeDeclaredFeatures'],
].map(([name, weight = 1]) => ({ name: name as string, weight: weight as number }));
const known = new Set(defaultPlugins.map(({ name }) => name));

const cpuAndMemory = () => [
  { name: 'cpu', weight: 1 },
  { name: 'memory', weight: 1 },
];

function defaultArgs(): PluginArgs {
  return {
    NodeResourcesFit: {
      ignoredResources: [],
      ignoredResourceGroups: [],
      scoringStrategy: { type: 'LeastAllocated', resources: cpuAndMemory(), shape: [] },
    },
    NodeResourcesBalancedAllocation: { resources: cpuAndMemory() },
    InterPodAffinity: { hardPodAffinityWeight: 1, ignorePreferredTermsOfExistingPods: false },
    PodTopologySpread: { defaultingType: 'System', defaultConstraints: [] },
    NodeAffinity: { addedAffinity: undefined },
    DefaultPreemption: { minCandidateNodesPercentage: 10, minCandidateNodesAbsolute: 100 },
    VolumeBinding: { bindTimeoutSeconds: 600 },
    DynamicResources: { filterTimeout: 10_000, bindingTimeout: 600_000 },
  };
}

interface PluginSet {
  enabled?: { name: string; weight?: number }[];
  disabled?: { name: string }[];
}

interface GivenProfile {
  schedulerName?: string;
  percentageOfNodesToScore?: number;
  plugins?: Partial<Record<ExtensionPoint | 'multiPoint', PluginSet>>;
  pluginConfig?: { name: string; args: Record<string, unknown> }[];
}

interface Given {
  percentageOfNodesToScore?: number;
  podInitialBackoffSeconds?: number;
  podMaxBackoffSeconds?: number;
  profiles?: GivenProfile[];
  extenders?: unknown;
}

/** Fields of the file that say how upstream's process runs; there is no such process here. */
const ofTheProcess = [
  'apiVersion',
  'kind',
  'parallelism',
  'leaderElection',
  'clientConnection',
  'enableProfiling',
  'enableContentionProfiling',
  'delayCacheUntilActive',
];

/** What holds where nothing is said. */
export const defaultConfiguration = (): SchedulerConfiguration => settle({});

/** Reads a parsed file. Throws an Error that names the field that is wrong. */
export function readSchedulerConfiguration(file: unknown): SchedulerConfiguration {
  const fields = objectOf(file, 'the configuration');
  if (fields.kind !== 'KubeSchedulerConfiguration' || fields.apiVersion !== 'kubescheduler.config.k8s.io/v1')
    throw new Error('it must be of kind KubeSchedulerConfiguration, apiVersion kubescheduler.config.k8s.io/v1');
  const own = ['percentageOfNodesToScore', 'podInitialBackoffSeconds', 'podMaxBackoffSeconds', 'profiles', 'extenders'];
  refuseUnknown(fields, [...ofTheProcess, ...own], '');
  return settle(fields as Given);
}

function settle(given: Given): SchedulerConfiguration {
  const initial = numberOf(given.podInitialBackoffSeconds ?? 1, 'podInitialBackoffSeconds', 1);
  const most = numberOf(given.podMaxBackoffSeconds ?? 10, 'podMaxBackoffSeconds', initial);
  const share = percentage(given.percentageOfNodesToScore ?? 0, 'percentageOfNodesToScore');
  const profiles = (given.profiles ?? [{}]).map((profile, i) => settleProfile(profile, `profiles[${i}]`, share));
  if (profiles.length === 0) throw new Error('profiles: Required value');
  const names = new Set<string>();
  for (const [i, { schedulerName }] of profiles.entries()) {
    if (names.has(schedulerName)) throw new Error(`profiles[${i}].schedulerName: Duplicate value: "${schedulerName}"`);
    names.add(schedulerName);
  }
  const extenders = readExtenders(given.extenders);
  const ignored = extenders.flatMap(({ managedResources }) => managedResources.filter(({ ignoredByScheduler }) => ignoredByScheduler).map(({ name }) => name));
  // Whatever the profiles say: what extenders look after alone comes in place of it, as upstream has it.
  if (ignored.length > 0) for (const { args } of profiles) args.NodeResourcesFit.ignoredResources = ignored;
  return { podInitialBackoffSeconds: initial, podMaxBackoffSeconds: most, profiles, extenders };
}

function settleProfile(given: GivenProfile, path: string, share: number): ProfileConfiguration {
  refuseUnknown(objectOf(given, path), ['schedulerName', 'percentageOfNodesToScore', 'plugins', 'pluginConfig'], `${path}.`);
  const { schedulerName = defaultName, percentageOfNodesToScore = share } = given;
  if (schedulerName === '') throw new Error(`${path}.schedulerName: Required value`);
  const plugins = settlePlugins(given.plugins ?? {}, `${path}.plugins`);
  if (plugins.queueSort.length === 0) throw new Error(`${path}.plugins: no queue sort plugin is enabled`);
  if (plugins.bind.length === 0) throw new Error(`${path}.plugins: at least one bind plugin is needed`);
  const args = defaultArgs();
  for (const [i, config] of (given.pluginConfig ?? []).entries()) readArgs(args, config, `${path}.pluginConfig[${i}]`);
  const percent = percentage(percentageOfNodesToScore, `${path}.percentageOfNodesToScore`);
  return { schedulerName, percentageOfNodesToScore: percent, plugins, args };
}

/** Plugins of single extension points come before and instead of those for all. */
function settlePlugins(given: NonNullable<GivenProfile['plugins']>, path: string): Record<ExtensionPoint, EnabledPlugin[]> {
  refuseUnknown(objectOf(given, path), [...extensionPoints, 'multiPoint'], `${path}.`);
  const everywhere = merge(defaultPlugins, readSet(given.multiPoint, `${path}.multiPoint`));
  const points = extensionPoints.map((point) => {
    const set = readSet(given[point], `${path}.${point}`);
    const rest = everywhere.filter(({ name }) => !set.disabled.has('*') && !set.disabled.has(name));
    const overriding = set.enabled.filter(({ name }) => everywhere.some((other) => other.name === name));
    const more = set.enabled.filter((plugin) => !overriding.includes(plugin));
    const named = new Set(set.enabled.map(({ name }) => name));
    return [point, [...overriding, ...rest.filter(({ name }) => !named.has(name)), ...more].filter((p) => fitsPoint(p.name, point))];
  });
  return Object.fromEntries(points) as Record<ExtensionPoint, EnabledPlugin[]>;
}

/** Two plugins have no code of their own: they only stand for what the queue and the binding do. */
const fitsPoint = (name: string, point: ExtensionPoint) =>
  point === 'queueSort' ? name === 'PrioritySort' : point === 'bind' ? name === 'DefaultBinder' : true;

function merge(all: EnabledPlugin[], { enabled, disabled }: ReturnType<typeof readSet>): EnabledPlugin[] {
  const kept = disabled.has('*') ? [] : all.filter(({ name }) => !disabled.has(name));
  const replaced = kept.map((plugin) => enabled.find(({ name }) => name === plugin.name) ?? plugin);
  return [...replaced, ...enabled.filter(({ name }) => !kept.some((plugin) => plugin.name === name))];
}

function readSet(set: PluginSet | undefined, path: string): { enabled: EnabledPlugin[]; disabled: Set<string> } {
  const { enabled = [], disabled = [] } = set ?? {};
  refuseUnknown(objectOf(set ?? {}, path), ['enabled', 'disabled'], `${path}.`);
  for (const { name } of enabled) if (!known.has(name)) throw new Error(`${path}.enabled: plugin ${JSON.stringify(name)} does not exist`);
  return {
    enabled: enabled.map(({ name, weight }) => ({ name, weight: weight || 1 })),
    disabled: new Set(disabled.map(({ name }) => name)),
  };
}

function readArgs(args: PluginArgs, { name, args: given }: { name: string; args: Record<string, unknown> }, path: string): void {
  if (!(name in args)) {
    if (!known.has(name)) throw new Error(`${path}.name: plugin ${JSON.stringify(name)} does not exist`);
    throw new Error(`${path}.args: plugin ${JSON.stringify(name)} takes none`);
  }
  const own = args[name as keyof PluginArgs] as object;
  const { apiVersion: _, kind: __, ...fields } = objectOf(given, `${path}.args`);
  refuseUnknown(fields, Object.keys(own), `${path}.args.`);
  if (own === args.DynamicResources) for (const field in fields) fields[field] = milliseconds(fields[field], `${path}.args.${field}`);
  Object.assign(own, fields);
  checkArgs(args, `${path}.args`);
}

function checkArgs(args: PluginArgs, path: string): void {
  const strategy = args.NodeResourcesFit.scoringStrategy;
  strategy.resources ??= cpuAndMemory();
  strategy.shape ??= (strategy as { requestedToCapacityRatio?: { shape: ScoringStrategy['shape'] } }).requestedToCapacityRatio?.shape ?? [];
  if (!['LeastAllocated', 'MostAllocated', 'RequestedToCapacityRatio'].includes(strategy.type))
    throw new Error(`${path}.scoringStrategy.type: Unsupported value: ${JSON.stringify(strategy.type)}`);
  if (strategy.type === 'RequestedToCapacityRatio' && strategy.shape.length === 0)
    throw new Error(`${path}.scoringStrategy.requestedToCapacityRatio.shape: Required value: at least one point must be specified`);
  for (const [i, { utilization, score }] of strategy.shape.entries()) {
    const field = `${path}.scoringStrategy.requestedToCapacityRatio.shape[${i}]`;
    if (utilization < 0 || utilization > 100 || score < 0 || score > 10) throw new Error(`${field}: Invalid value: utilization is 0 to 100, score 0 to 10`);
    if (i > 0 && utilization <= strategy.shape[i - 1]!.utilization) throw new Error(`${field}.utilization: Invalid value: utilization values must be sorted in increasing order`);
  }
  for (const resource of [...strategy.resources, ...args.NodeResourcesBalancedAllocation.resources]) {
    resource.weight ||= 1;
    if (resource.weight < 1 || resource.weight > 100) throw new Error(`${path}: Invalid value: weight of ${resource.name} must be from 1 to 100`);
  }
  numberOf(args.InterPodAffinity.hardPodAffinityWeight, `${path}.hardPodAffinityWeight`, 0, 100);
  percentage(args.DefaultPreemption.minCandidateNodesPercentage, `${path}.minCandidateNodesPercentage`);
  numberOf(args.DefaultPreemption.minCandidateNodesAbsolute, `${path}.minCandidateNodesAbsolute`, 0);
  numberOf(args.VolumeBinding.bindTimeoutSeconds, `${path}.bindTimeoutSeconds`, 0);
  const { filterTimeout, bindingTimeout } = args.DynamicResources;
  if (filterTimeout < 0) throw new Error(`${path}.filterTimeout: Invalid value: must be zero or positive`);
  if (bindingTimeout < 1000) throw new Error(`${path}.bindingTimeout: Invalid value: must be at least 1 second`);
  const { defaultingType, defaultConstraints } = args.PodTopologySpread;
  if (defaultConstraints.length > 0 && defaultingType !== 'List')
    throw new Error(`${path}.defaultingType: Invalid value: "${defaultingType}": when .defaultConstraints are specified, it must be "List"`);
}
