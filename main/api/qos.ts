import type { PodSpec } from './index.ts';
import { quantityOf } from './quantity.ts';

/** Mirrors pkg/apis/core/v1/helper/qos/qos.go (ComputePodQOS). */
export function qosClass(spec: PodSpec): string {
  const lists = spec.resources
    ? [spec.resources]
    : [...(spec.containers ?? []), ...(spec.initContainers ?? [])].map((container) => container.resources ?? {});
  const positive = (text: string | undefined) => text !== undefined && (quantityOf(text)?.sign() ?? 0) > 0;
  let any = false;
  let guaranteed = lists.length > 0;
  for (const { requests, limits } of lists)
    for (const name of ['cpu', 'memory']) {
      const [request, limit] = [requests?.[name], limits?.[name]];
      any ||= positive(request) || positive(limit);
      const wanted = request ?? limit;
      guaranteed &&= positive(limit) && wanted !== undefined && quantityOf(wanted)?.cmp(quantityOf(limit!)!) === 0;
    }
  return !any ? 'BestEffort' : guaranteed ? 'Guaranteed' : 'Burstable';
}
