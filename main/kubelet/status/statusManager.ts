import type { Pod, PodStatus } from '../../api/index.ts';
import { equalJson } from '../../api/json.ts';
import { isConflict, isNotFound } from '../../api/status.ts';
import type { Client } from '../../client/index.ts';
import { resources } from '../../client/index.ts';
import type { Clock } from '../../util/clock.ts';
import type { Logger } from '../../util/log.ts';
import { isStatic, mirrorAnnotation, uidOf } from '../spec.ts';
import { ownConditions } from './conditions.ts';

interface Entry {
  pod: Pod;
  status: PodStatus;
  /** Counts the statuses that were set; `sent` is the last one that the server has. */
  version: number;
  sent: number;
  sending: boolean;
  /** The container states are final: once the server has them, a deleted pod may go. */
  finished: boolean;
  waiting: (() => void)[];
}

const retryMs = 1000;

/**
 * Keeps the API's pod statuses as the kubelet has them: each change is written once, only the latest counts, one
 * write a pod at a time. Mirrors pkg/kubelet/status/status_manager.go.
 */
export class StatusManager {
  readonly #entries = new Map<string, Entry>();
  #stopped = false;

  constructor(
    private readonly client: Client,
    private readonly clock: Clock,
    private readonly log: Logger,
    /** The pod as the informer has it now. */
    private readonly current: (pod: Pod) => Pod | undefined,
  ) {}

  /** The last status that was set for the pod. */
  get(uid: string): PodStatus | undefined {
    return this.#entries.get(uid)?.status;
  }

  set(pod: Pod, status: PodStatus): void {
    const uid = uidOf(pod);
    let entry = this.#entries.get(uid);
    if (entry && equalJson(entry.status, status)) return this.#reconcile(uid, entry, pod);
    if (!entry) {
      entry = { pod, status, version: 0, sent: 0, sending: false, finished: false, waiting: [] };
      this.#entries.set(uid, entry);
      // After a restart the API may have just this already.
      if (pod.status && equalJson(withoutTimes(pod.status), withoutTimes(status))) return;
    }
    entry.pod = pod;
    entry.status = status;
    entry.version++;
    void this.#send(uid, entry);
  }

  /** What somebody else has written over the kubelet's word, such as that the pod of a silent node is not ready, is put right. */
  #reconcile(uid: string, entry: Entry, pod: Pod): void {
    const isOld = !isStatic(pod) && newer(entry.pod, pod);
    if (!isOld) entry.pod = pod;
    if (isOld || isStatic(pod) || entry.sent < entry.version || shows(pod.status, entry.status)) return;
    this.resend(uid);
  }

  /** The API has a new picture of the pod, which does not show its status yet. */
  resend(uid: string): void {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    entry.version++;
    void this.#send(uid, entry);
  }

  /** The pod's containers have ended and will not run again. */
  finish(pod: Pod): void {
    const entry = this.#entries.get(uidOf(pod));
    if (entry) entry.finished = true;
  }

  /** Resolves when the server has the last status that was set, or the pod is gone. */
  async flushed(uid: string): Promise<void> {
    const entry = this.#entries.get(uid);
    if (!entry || entry.sent === entry.version) return;
    await new Promise<void>((resolve) => entry.waiting.push(resolve));
  }

  forget(uid: string): void {
    const entry = this.#entries.get(uid);
    this.#entries.delete(uid);
    for (const wake of entry?.waiting.splice(0) ?? []) wake();
  }

  stop(): void {
    this.#stopped = true;
    for (const uid of [...this.#entries.keys()]) this.forget(uid);
  }

  async #send(uid: string, entry: Entry): Promise<void> {
    if (entry.sending) return;
    entry.sending = true;
    try {
      while (entry.sent < entry.version && !this.#stopped && this.#entries.get(uid) === entry) {
        const { version } = entry;
        try {
          await this.#write(uid, entry);
          entry.sent = version;
        } catch (error) {
          if (this.#stopped) return;
          this.log.warn('the status of a pod could not be written, will try again', { pod: entry.pod.metadata!.name, error: String(error) });
          await this.clock.sleep(retryMs);
        }
      }
    } finally {
      entry.sending = false;
    }
    for (const wake of entry.waiting.splice(0)) wake();
  }

  async #write(uid: string, entry: Entry): Promise<void> {
    const pods = this.client.because(entry.pod.metadata!.resourceVersion).of(resources.pods);
    const { namespace, name } = entry.pod.metadata!;
    const current = this.current(entry.pod);
    if (!current && isStatic(entry.pod)) return;
    let base = current ?? entry.pod;
    if (newer(entry.pod, base)) base = entry.pod;
    for (let tries = 0; ; tries++) {
      if (!isOf(base, uid)) return;
      try {
        entry.pod = await pods.updateStatus({ ...base, status: merge(base.status, entry.status) });
        return;
      } catch (error) {
        if (isNotFound(error)) return;
        if (!isConflict(error) || tries >= 5) throw error;
        try {
          base = await pods.get(namespace!, name!);
        } catch (failure) {
          if (isNotFound(failure)) return;
          throw failure;
        }
      }
    }
  }
}

/** Whether it is the pod, or the API's picture of it. */
const isOf = (pod: Pod, uid: string) => (pod.metadata!.annotations?.[mirrorAnnotation] ?? pod.metadata!.uid) === uid;

/** Others' conditions are taken from the server, the kubelet's own from the status. */
function merge(server: PodStatus | undefined, status: PodStatus): PodStatus {
  const others = (server?.conditions ?? []).filter((condition) => !ownConditions.has(condition.type));
  const given = (status.conditions ?? []).filter(
    (condition) => ownConditions.has(condition.type) || !others.some((other) => other.type === condition.type),
  );
  const merged: PodStatus = { ...status, conditions: [...others, ...given] };
  if (server?.nominatedNodeName) merged.nominatedNodeName = server.nominatedNodeName;
  if (server?.resourceClaimStatuses) merged.resourceClaimStatuses = server.resourceClaimStatuses;
  if (server?.extendedResourceClaimStatus) merged.extendedResourceClaimStatus = server.extendedResourceClaimStatus;
  return merged;
}

/** Whether the kubelet's own conditions stand in the API as it has them. */
function shows(server: PodStatus | undefined, { conditions = [] }: PodStatus): boolean {
  return conditions.every(({ type, status }) => !ownConditions.has(type) || server?.conditions?.some((shown) => shown.type === type && shown.status === status));
}

function withoutTimes(status: PodStatus): PodStatus {
  return { ...status, conditions: (status.conditions ?? []).map(({ lastProbeTime: _, ...condition }) => condition) };
}

function newer(a: Pod, b: Pod): boolean {
  return Number(a.metadata?.resourceVersion ?? 0) > Number(b.metadata?.resourceVersion ?? 0);
}
