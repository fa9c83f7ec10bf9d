import type { Pod } from '../../api/index.ts';
import type { KubeletApi, PodTarget } from '../../api/kubelet.ts';
import { badRequest, internalError } from '../../api/status.ts';
import type { Call } from '../call.ts';
import type { Registry } from '../registry/generic.ts';
import { objectOf } from '../registry/stored.ts';
import type { Serving } from '../serving.ts';

/** The pod that a stream is about. Throws 404. */
export async function podOf(call: Call, registry: Registry): Promise<Pod> {
  return objectOf<Pod>(await registry.get(call.info.namespace, call.info.name));
}

export function targetOf(pod: Pod): PodTarget {
  const { namespace, name, uid } = pod.metadata!;
  return { namespace: namespace!, name: name!, uid: uid! };
}

/** The kubelet that has the pod. Throws 400 as long as no node has it, 500 when its node has none. */
export function kubeletOf(serving: Serving, pod: Pod): KubeletApi {
  const node = pod.spec?.nodeName;
  if (!node) throw badRequest(`pod ${pod.metadata!.name} does not have a host assigned`);
  const kubelet = serving.kubelets(node);
  if (!kubelet) throw internalError(`error dialing backend: no kubelet runs on node ${JSON.stringify(node)}`);
  return kubelet;
}

/** Mirrors pkg/registry/core/pod/strategy.go (validateContainer). Throws 400. */
export function containerOf(pod: Pod, asked: string | undefined): string {
  const { name } = pod.metadata!;
  const containers = pod.spec?.containers ?? [];
  const all = [...(pod.spec?.initContainers ?? []), ...containers, ...(pod.spec?.ephemeralContainers ?? [])].map((c) => c.name);
  if (asked) {
    if (!all.includes(asked)) throw badRequest(`container ${asked} is not valid for pod ${name}`);
    return asked;
  }
  if (containers.length === 1) return containers[0]!.name;
  throw badRequest(
    containers.length === 0
      ? `a container name must be specified for pod ${name}`
      : `a container name must be specified for pod ${name}, choose one of: [${all.join(' ')}]`,
  );
}
