import type { Pod } from '../api/index.ts';
import type { Clock, Timer } from '../util/clock.ts';
import { labelOf, type ClusterEvent } from './events.ts';
import { Heap } from './heap.ts';
import { PodInfo } from './podInfo.ts';
import type { Profile } from './profile.ts';

const maxUnschedulable = 5 * 60_000;

/** A pod that waits for a node. */
export interface QueuedPod {
  info: PodInfo;
  /** When it entered the queue, or last came back to it. Milliseconds on the monotonic clock. */
  timestamp: number;
  /** Failures in a row that lengthen the back-off. */
  attempts: number;
  /** When it was first tried, on the monotonic clock; undefined: not yet. */
  firstTried: number | undefined;
  /** When it was tried last, on the same clock. */
  tried: number;
  /** Plugins that have rejected it last time; empty: an error, which any change may mend. */
  rejectedBy: ReadonlySet<string>;
  /** The plugin that keeps it from being tried at all. */
  gatedBy: string | undefined;
  /** Others have to be asked about it, which takes its time. */
  asks: boolean;
}

export interface QueueOptions {
  /** Milliseconds. */
  initialBackoff: number;
  maxBackoff: number;
  /** Which plugins have a say about the pod. */
  profileOf(pod: Pod): Profile;
  /** Whether others have to be asked about the pod; undefined: about none. */
  asks?(pod: Pod): boolean;
  /** Called whenever a pod comes into a part of the queue, with what brought it there in upstream's words. */
  entered?(part: QueuePart, why: string): void;
}

export type QueuePart = 'active' | 'backoff' | 'unschedulable';

/** Changes that are remembered while others are asked about a pod; after more of them it is tried again whatever they were. */
const maxMissed = 1000;

/**
 * Pods to schedule: those to try now (by priority, then age), those that have failed just now (back-off, by default of
 * 1 s doubling to 10 s), and those that wait for the cluster to change. Mirrors pkg/scheduler/backend/queue.
 *
 * Pods about which others have to be asked stand in a line of their own beside those to try now. The first of both lines is the next
 * one, but while one of them is being asked about, which may take seconds, the other line moves on: a pod is overtaken by less important
 * ones only then, and by none of its own line.
 */
export class SchedulingQueue {
  readonly #active: Heap<QueuedPod>;
  readonly #asking: Heap<QueuedPod>;
  readonly #backoff: Heap<QueuedPod>;
  readonly #unschedulable = new Map<string, QueuedPod>();
  /** The pod that others are being asked about, and what has changed meanwhile. */
  #away: { uid: string; missed: { event: ClusterEvent; priority: number }[] } | undefined;
  #backoffTimer: { at: number; timer: Timer } | undefined;
  #flushTimer: { at: number; timer: Timer } | undefined;
  #wake: () => void;

  /** `wake` is called when there is something to pop. */
  constructor(
    private readonly clock: Clock,
    private readonly options: QueueOptions,
    wake: () => void,
  ) {
    this.#wake = wake;
    const uid = (pod: QueuedPod) => pod.info.uid;
    this.#active = new Heap(uid, isBefore);
    this.#asking = new Heap(uid, isBefore);
    this.#backoff = new Heap(uid, (a, b) => this.#ready(a) < this.#ready(b));
  }

  /** Pods in each part, for metrics. */
  get sizes(): { active: number; backoff: number; unschedulable: number } {
    return { active: this.#active.size + this.#asking.size, backoff: this.#backoff.size, unschedulable: this.#unschedulable.size };
  }

  /** Those of the unschedulable ones that a plugin keeps from being tried at all. */
  get gated(): number {
    let gated = 0;
    for (const { gatedBy } of this.#unschedulable.values()) if (gatedBy) gated++;
    return gated;
  }

  /** How many of all that wait each plugin has rejected or keeps out, by profile. */
  get rejections(): { plugin: string; profile: string; pods: number }[] {
    const found = new Map<string, { plugin: string; profile: string; pods: number }>();
    for (const { info, rejectedBy, gatedBy } of [...this.#active.values(), ...this.#asking.values(), ...this.#backoff.values(), ...this.#unschedulable.values()]) {
      const profile = this.options.profileOf(info.pod).name;
      for (const plugin of gatedBy ? [gatedBy] : rejectedBy) {
        const key = `${profile} ${plugin}`;
        const entry = found.get(key) ?? { plugin, profile, pods: 0 };
        entry.pods++;
        found.set(key, entry);
      }
    }
    return [...found.values()];
  }

  has(uid: string): boolean {
    return this.#find(uid) !== undefined;
  }

  add(pod: Pod): void {
    const queued: QueuedPod = {
      info: new PodInfo(pod),
      timestamp: this.clock.monotonic(),
      attempts: 0,
      firstTried: undefined,
      tried: 0,
      rejectedBy: new Set(),
      gatedBy: undefined,
      asks: this.options.asks?.(pod) ?? false,
    };
    this.#remove(queued.info.uid);
    this.#activate(queued, 'UnschedulablePodAdd');
  }

  /** The waiting pod itself has changed. */
  update(old: Pod, pod: Pod): void {
    const queued = this.#find(pod.metadata!.uid!);
    if (!queued) return this.add(pod);
    queued.info = new PodInfo(pod);
    const { uid } = queued.info;
    const line = this.#lineOf(queued);
    if (line.get(uid)) return line.set(queued);
    if (!this.#unschedulable.has(uid)) return;
    const event: ClusterEvent = { kind: 'PodUpdate', old, pod };
    if (!queued.gatedBy && !this.#helps(event, queued)) return;
    this.#unschedulable.delete(uid);
    this.#backOffOrActivate(queued, labelOf(event));
  }

  delete(uid: string): void {
    this.#remove(uid);
  }

  /**
   * The next pod to try; one that backs off if nobody else is there to be tried. `mayAsk`: also one that others have to be asked about,
   * which is away then until `back`.
   */
  pop(mayAsk = true): QueuedPod | undefined {
    const queued = this.#popActive(mayAsk) ?? this.#popRejected(mayAsk);
    if (!queued) return undefined;
    if (queued.asks) this.#away = { uid: queued.info.uid, missed: [] };
    queued.attempts++;
    queued.tried = this.clock.monotonic();
    queued.firstTried ??= queued.tried;
    return queued;
  }

  /** Nobody is asked about a pod any more; what has changed meanwhile is of no interest. */
  back(): void {
    this.#away = undefined;
  }

  /** The pod that is away has changed, so that it is tried anew, as if it had not been. */
  startOver(queued: QueuedPod, pod: Pod): void {
    queued.info = new PodInfo(pod);
    queued.attempts--;
    this.#activate(queued, 'PodUpdate');
  }

  /** A pod that no node would take: it waits for a change that one of the plugins finds helpful. */
  addUnschedulable(queued: QueuedPod, rejectedBy: ReadonlySet<string>): void {
    queued.rejectedBy = rejectedBy;
    queued.timestamp = this.clock.monotonic();
    if (rejectedBy.size === 0) return this.#backOff(queued, 'ScheduleAttemptFailure');
    const missed = this.#missed(queued);
    if (missed) return this.#backOff(queued, missed);
    this.#unschedulable.set(queued.info.uid, queued);
    this.options.entered?.('unschedulable', 'ScheduleAttemptFailure');
    this.#planFlush(queued.timestamp + maxUnschedulable);
  }

  /** Tries the pod again after its back-off, whatever happens until then. */
  retry(uid: string): void {
    const queued = this.#unschedulable.get(uid);
    if (!queued || queued.gatedBy) return;
    this.#unschedulable.delete(uid);
    queued.rejectedBy = new Set();
    this.#backOff(queued, 'ForceActivate');
  }

  /** Lets go the pods that `event` may help, of those that are at most so important. */
  move(event: ClusterEvent, priority = Infinity): void {
    if (this.#away && this.#away.missed.length <= maxMissed) this.#away.missed.push({ event, priority });
    for (const [uid, queued] of this.#unschedulable) {
      if (queued.info.priority > priority) continue;
      if (queued.gatedBy ? !this.#opens(event, queued) : !this.#helps(event, queued)) continue;
      this.#unschedulable.delete(uid);
      this.#backOffOrActivate(queued, labelOf(event));
    }
  }

  /** Ends all timers. */
  close(): void {
    this.#backoffTimer?.timer.cancel();
    this.#flushTimer?.timer.cancel();
    this.#wake = () => {};
  }

  #popActive(mayAsk: boolean): QueuedPod | undefined {
    const asking = mayAsk ? this.#asking.peek() : undefined;
    if (!asking) return this.#active.pop();
    const other = this.#active.peek();
    return other && isBefore(other, asking) ? this.#active.pop() : this.#asking.pop();
  }

  #popRejected(mayAsk: boolean): QueuedPod | undefined {
    // Errors of the scheduler itself or of binding keep their whole back-off.
    const first = this.#backoff.peek();
    if (!first || first.rejectedBy.size === 0 || (first.asks && !mayAsk)) return undefined;
    this.options.entered?.('active', 'PopFromBackoffQ');
    return this.#backoff.pop();
  }

  /** What has changed while others were asked about the pod that may help it. */
  #missed(queued: QueuedPod): string | undefined {
    if (this.#away?.uid !== queued.info.uid) return undefined;
    const { missed } = this.#away;
    const helpful = missed.length > maxMissed ? missed.at(-1) : missed.find(({ event, priority }) => queued.info.priority <= priority && this.#helps(event, queued));
    return helpful && labelOf(helpful.event);
  }

  #lineOf(queued: QueuedPod): Heap<QueuedPod> {
    return queued.asks ? this.#asking : this.#active;
  }

  /** Whether the plugin that keeps the pod out thinks better of it, and no other keeps it out. */
  #opens(event: ClusterEvent, queued: QueuedPod): boolean {
    const { info, gatedBy } = queued;
    const profile = this.options.profileOf(info.pod);
    if (!profile.plugin(gatedBy!)?.isHelpful?.(event, info)) return false;
    queued.gatedBy = profile.gate(info.pod);
    return queued.gatedBy === undefined;
  }

  #helps(event: ClusterEvent, queued: QueuedPod): boolean {
    const profile = this.options.profileOf(queued.info.pod);
    for (const name of queued.rejectedBy) {
      const plugin = profile.plugin(name);
      if (!plugin?.isHelpful || plugin.isHelpful(event, queued.info)) return true;
    }
    return false;
  }

  #ready(queued: QueuedPod): number {
    const { initialBackoff, maxBackoff } = this.options;
    const wait = Math.min(initialBackoff * 2 ** Math.max(0, queued.attempts - 1), maxBackoff);
    return queued.timestamp + (queued.attempts === 0 ? 0 : wait);
  }

  #backOffOrActivate(queued: QueuedPod, why: string): void {
    if (this.#ready(queued) > this.clock.monotonic()) this.#backOff(queued, why);
    else this.#activate(queued, why);
  }

  #backOff(queued: QueuedPod, why: string): void {
    this.#backoff.set(queued);
    this.options.entered?.('backoff', why);
    if (queued.rejectedBy.size > 0) this.#wake();
    this.#planBackoff();
  }

  #activate(queued: QueuedPod, why: string): void {
    queued.gatedBy = this.options.profileOf(queued.info.pod).gate(queued.info.pod);
    if (queued.gatedBy) {
      this.#unschedulable.set(queued.info.uid, queued);
      this.options.entered?.('unschedulable', why);
      return;
    }
    this.#lineOf(queued).set(queued);
    this.options.entered?.('active', why);
    this.#wake();
  }

  #find(uid: string): QueuedPod | undefined {
    return this.#active.get(uid) ?? this.#asking.get(uid) ?? this.#backoff.get(uid) ?? this.#unschedulable.get(uid);
  }

  #remove(uid: string): void {
    this.#active.delete(uid);
    this.#asking.delete(uid);
    this.#backoff.delete(uid);
    this.#unschedulable.delete(uid);
  }

  #planBackoff(): void {
    const first = this.#backoff.peek();
    if (!first) return;
    const at = this.#ready(first);
    if (this.#backoffTimer && this.#backoffTimer.at <= at) return;
    this.#backoffTimer?.timer.cancel();
    const timer = this.clock.setTimer(at - this.clock.monotonic(), () => {
      this.#backoffTimer = undefined;
      for (
        let pod = this.#backoff.peek();
        pod && this.#ready(pod) <= this.clock.monotonic();
        pod = this.#backoff.peek()
      ) {
        this.#backoff.pop();
        this.#activate(pod, 'BackoffComplete');
      }
      this.#planBackoff();
    });
    this.#backoffTimer = { at, timer };
  }

  /** A pod that nothing has helped for five minutes is tried again all the same. */
  #planFlush(at: number): void {
    if (this.#flushTimer && this.#flushTimer.at <= at) return;
    this.#flushTimer?.timer.cancel();
    const timer = this.clock.setTimer(at - this.clock.monotonic(), () => {
      this.#flushTimer = undefined;
      const now = this.clock.monotonic();
      let next = Infinity;
      for (const [uid, queued] of this.#unschedulable) {
        if (queued.gatedBy) continue;
        if (queued.timestamp + maxUnschedulable <= now) {
          this.#unschedulable.delete(uid);
          this.#backOffOrActivate(queued, 'UnschedulableTimeout');
        } else next = Math.min(next, queued.timestamp + maxUnschedulable);
      }
      if (next < Infinity) this.#planFlush(next);
    });
    this.#flushTimer = { at, timer };
  }
}

/** By importance, then by who has waited longer. */
const isBefore = (a: QueuedPod, b: QueuedPod) => (a.info.priority === b.info.priority ? a.timestamp < b.timestamp : a.info.priority > b.info.priority);
