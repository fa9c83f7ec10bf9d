import type { DaemonSet, Node, Pod, PodTemplateSpec, Toleration } from '../../api/index.ts';
import { cloneJson } from '../../api/json.ts';
import { matchesRequiredNodeAffinity } from '../../api/nodeSelector.ts';
import { doNotSchedule, untoleratedTaint } from '../../api/tolerations.ts';

// Which nodes want a pod of a DaemonSet. Mirrors pkg/controller/daemon (daemon_controller.go, util/daemonset_util.go).

/** On pods and revisions: which template they have. */
export const hashLabel = 'controller-revision-hash';
const generationAnnotation = 'deprecated.daemonset.template.generation';
const generationLabel = 'pod-template-generation';

const exists = (name: string, effect: string): Toleration => ({
  key: `node.kubernetes.io/${name}`,
  operator: 'Exists',
  effect,
});

/** A daemon stays where other pods must leave. */
function daemonTolerations(hostNetwork: boolean): Toleration[] {
  return [
    exists('not-ready', 'NoExecute'),
    exists('unreachable', 'NoExecute'),
    exists('disk-pressure', 'NoSchedule'),
    exists('memory-pressure', 'NoSchedule'),
    exists('pid-pressure', 'NoSchedule'),
    exists('unschedulable', 'NoSchedule'),
    ...(hostNetwork ? [exists('network-unavailable', 'NoSchedule')] : []),
  ];
}

/** The template of every pod of the set, wherever it runs. */
export function daemonTemplate(set: DaemonSet, hash: string): PodTemplateSpec {
  const template = cloneJson(set.spec!.template);
  const spec = template.spec!;
  const ours = daemonTolerations(spec.hostNetwork ?? false);
  const same = (a: Toleration, b: Toleration) => a.key === b.key && a.effect === b.effect && a.operator === b.operator;
  const others = (spec.tolerations ?? []).filter((toleration) => !ours.some((own) => same(own, toleration)));
  spec.tolerations = [...others, ...ours];
  const generation = set.metadata!.annotations?.[generationAnnotation];
  const own = { ...(generation ? { [generationLabel]: generation } : {}), [hashLabel]: hash };
  template.metadata = { ...template.metadata, labels: { ...template.metadata?.labels, ...own } };
  return template;
}

/** The same, for one node: the scheduler is left no choice, and which nodes may be chosen has been decided. */
export function templateForNode(template: PodTemplateSpec, node: string): PodTemplateSpec {
  const copy = cloneJson(template);
  const affinity = (copy.spec!.affinity ??= {});
  const nodeAffinity = (affinity.nodeAffinity ??= {});
  nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution = { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }] };
  return copy;
}

/** The node that the pod runs on, or was made for. */
export function targetNode(pod: Pod): string | undefined {
  if (pod.spec!.nodeName) return pod.spec!.nodeName;
  const required = pod.spec!.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required?.nodeSelectorTerms
    .flatMap((term) => term.matchFields ?? [])
    .find((field) => field.key === 'metadata.name' && field.operator === 'In')?.values?.[0];
}

/** Whether a pod should be there, and whether one that is there may stay. `template`: of `daemonTemplate`. */
export function wantsPod(template: PodTemplateSpec, node: Node): { shouldRun: boolean; mayStay: boolean } {
  const { nodeName, tolerations } = template.spec!;
  const fits = (!nodeName || nodeName === node.metadata!.name) && matchesRequiredNodeAffinity(template, node);
  if (!fits) return { shouldRun: false, mayStay: false };
  const { taints } = node.spec ?? {};
  return {
    shouldRun: !untoleratedTaint(taints, tolerations, doNotSchedule),
    mayStay: !untoleratedTaint(taints, tolerations, ['NoExecute']),
  };
}
