import type { PodSpec } from './index.ts';
import { equalJson } from './json.ts';
import { isSidecar } from './podAmounts.ts';

// What not every kubelet can do: nodes declare it (status.declaredFeatures), and pods that need it go nowhere else.
// Mirrors k8s.io/component-helpers/nodedeclaredfeatures.

interface NodeFeature {
  /** Kubernetes' own name. */
  name: string;
  /** Whether such a pod needs a node that can do it. */
  isNeededBy?(spec: PodSpec): boolean;
  /** Whether this change of a pod that has its node needs it there. */
  isNeededFor?(old: PodSpec, spec: PodSpec): boolean;
}

const features: NodeFeature[] = [
  { name: 'ExtendWebSocketsToKubelet' },
  { name: 'InPlacePodLevelResourcesVerticalScaling', isNeededFor: (old, spec) => !equalJson(old.resources ?? {}, spec.resources ?? {}) },
  {
    name: 'InPlacePodVerticalScalingInitContainers',
    isNeededFor: (old, spec) => (old.initContainers ?? []).some((container, i) => !isSidecar(container) && !equalJson(container.resources ?? {}, spec.initContainers?.[i]?.resources ?? {})),
  },
  {
    name: 'RestartAllContainersOnContainerExits',
    isNeededBy: ({ containers, initContainers = [] }) =>
      [...containers, ...initContainers].some(({ restartPolicyRules }) => restartPolicyRules?.some(({ action }) => action === 'RestartAllContainers')),
  },
  { name: 'UserNamespacesHostNetworkSupport', isNeededBy: ({ hostNetwork, hostUsers }) => Boolean(hostNetwork) && hostUsers === false },
];

/** What our own nodes can do, in the order that a node's status has. */
export const declaredFeatures = ['ExtendWebSocketsToKubelet', 'InPlacePodLevelResourcesVerticalScaling', 'InPlacePodVerticalScalingInitContainers', 'RestartAllContainersOnContainerExits'];

/** Names of what a pod needs of its node. */
export const featuresForScheduling = (spec: PodSpec): string[] => features.flatMap(({ name, isNeededBy }) => (isNeededBy?.(spec) ? [name] : []));

/** Names of what a change of a pod needs of its node. */
export const featuresForUpdate = (old: PodSpec, spec: PodSpec): string[] => features.flatMap(({ name, isNeededFor }) => (isNeededFor?.(old, spec) ? [name] : []));
