import type { Pod, Service } from '../api/index.ts';
import { keyOf } from '../api/meta.ts';
import { findCondition } from './conditions.ts';

export const triggerTimeAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time';

interface Known {
  service: string;
  pods: Map<string, string>;
}

/**
 * When what changes endpoints happened: a service came, or a pod became ready or was not any more. By it others see how
 * long the change took to reach them. Mirrors k8s.io/endpointslice/util/trigger_time_tracker.go.
 */
export class TriggerTimes {
  readonly #known = new Map<string, Known>();

  /** The time of the earliest change since the last call for this service; undefined: none that has a time. */
  next(service: Service, pods: readonly Pod[]): string | undefined {
    const key = keyOf(service);
    const known = this.#known.get(key);
    const created = service.metadata!.creationTimestamp ?? '';
    const times = new Map<string, string>();
    let earliest: string | undefined;
    const changed = (at: string, before: string) => {
      if (at > before && (earliest === undefined || at < earliest)) earliest = at;
    };
    for (const { metadata, status } of pods) {
      const at = findCondition(status?.conditions, 'Ready')?.lastTransitionTime;
      if (!at) continue;
      times.set(metadata!.name!, at);
      changed(at, known?.pods.get(metadata!.name!) ?? '');
    }
    changed(created, known?.service ?? '');
    this.#known.set(key, { service: created, pods: times });
    return known ? earliest : created || undefined;
  }

  /** The service is gone. */
  forget(key: string): void {
    this.#known.delete(key);
  }
}

/** Puts the time of the change in the place of the last one's, or takes that away. */
export function withTriggerTime(annotations: Record<string, string> | undefined, at: string | undefined): Record<string, string> | undefined {
  const { [triggerTimeAnnotation]: _, ...rest } = annotations ?? {};
  if (at !== undefined) return { ...rest, [triggerTimeAnnotation]: at };
  return annotations && rest;
}
