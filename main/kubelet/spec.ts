import type { Container, Pod } from '../api/index.ts';
import { keyOf } from '../api/meta.ts';

/** A container of any of a pod's three lists. Ephemeral containers have the same fields where the kubelet looks. */
export type AnyContainer = Container;

/** A sidecar: an init container that keeps running beside the others. */
export function isRestartableInit(container: AnyContainer): boolean {
  return container.restartPolicy === 'Always';
}

export function initContainersOf(pod: Pod): AnyContainer[] {
  return pod.spec?.initContainers ?? [];
}

export function ephemeralContainersOf(pod: Pod): AnyContainer[] {
  return (pod.spec?.ephemeralContainers ?? []) as AnyContainer[];
}

export function allContainersOf(pod: Pod): AnyContainer[] {
  return [...initContainersOf(pod), ...(pod.spec?.containers ?? []), ...ephemeralContainersOf(pod)];
}

export function containerNamed(pod: Pod, name: string): AnyContainer | undefined {
  return allContainersOf(pod).find((container) => container.name === name);
}

/** Where an event about a container points: `spec.containers{web}`. */
export function fieldPathOf(pod: Pod, name: string): string | undefined {
  if (pod.spec?.containers?.some((container) => container.name === name)) return `spec.containers{${name}}`;
  if (initContainersOf(pod).some((container) => container.name === name)) return `spec.initContainers{${name}}`;
  if (ephemeralContainersOf(pod).some((container) => container.name === name)) return `spec.ephemeralContainers{${name}}`;
  return undefined;
}

export function uidOf(pod: Pod): string {
  return pod.metadata!.uid!;
}

/** `name_namespace(uid)`, as the kubelet's messages name a pod (pkg/kubelet/util/format/pod.go). */
export function formatPod(pod: Pod): string {
  return `${pod.metadata!.name}_${pod.metadata!.namespace}(${uidOf(pod)})`;
}

export const podKey = (pod: Pod) => keyOf(pod);

export function isTerminalPhase(phase: string | undefined): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}

/** FNV-1a of what makes a running container another one when it changes. Mirrors kubecontainer.HashContainer. */
export function hashOf(container: AnyContainer): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(JSON.stringify({ image: container.image, name: container.name }))) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(16);
}

/** Where the kubelet has a pod from: `file` for one of the folder of static pods; undefined for the API's. */
export const sourceAnnotation = 'kubernetes.io/config.source';

export function isStatic(pod: Pod): boolean {
  const source = pod.metadata?.annotations?.[sourceAnnotation];
  return source !== undefined && source !== 'api';
}

/** On the API's picture of a static pod: the uid of the pod. */
export const mirrorAnnotation = 'kubernetes.io/config.mirror';

export function isMirror(pod: Pod): boolean {
  return pod.metadata?.annotations?.[mirrorAnnotation] !== undefined;
}

const criticalPriority = 2_000_000_000;

/** A pod that the node cannot do without. Mirrors pkg/kubelet/types/pod_update.go (IsCriticalPod). */
export function isCritical(pod: Pod): boolean {
  return isStatic(pod) || (pod.spec?.priority ?? 0) >= criticalPriority;
}
