import type { ContainerStatus, Pod, PodStatus, Probe } from '../../api/index.ts';
import type { Clock, Timer } from '../../util/clock.ts';
import type { Random } from '../../util/random.ts';
import { restartAction, shouldRestart } from '../../api/containerRestart.ts';
import { allContainersOf, initContainersOf, isRestartableInit, isTerminalPhase, uidOf, type AnyContainer } from '../spec.ts';
import type { Prober } from './prober.ts';
import { ProbeResults, type Outcome, type ProbeKind } from './results.ts';

export interface ProbeManagerOptions {
  clock: Clock;
  random: Random;
  prober: Prober;
  /** The last status that the kubelet made of the pod. */
  statusOf(podUid: string): PodStatus | undefined;
  onChange(podUid: string): void;
  event(pod: Pod, container: string, type: 'Normal' | 'Warning', reason: string, message: string): void;
}

const kinds: ProbeKind[] = ['startup', 'readiness', 'liveness'];
const retries = 3;
/** A container that has been ready before the kubelet restarted stays so until its probe says otherwise. */
const initial: Record<ProbeKind, Outcome | undefined> = { liveness: 'success', readiness: 'failure', startup: undefined };

export function containerIdOf(status: Pick<ContainerStatus, 'containerID'>): string {
  return (status.containerID ?? '').replace(/^[^:]*:\/\//, '');
}

/** Runs the probes of all containers. Mirrors pkg/kubelet/prober/prober_manager.go and worker.go. */
export class ProbeManager {
  readonly results: ProbeResults;
  readonly #workers = new Map<string, ProbeWorker[]>();
  readonly #startedAt: number;

  constructor(private readonly options: ProbeManagerOptions) {
    this.results = new ProbeResults((uid) => options.onChange(uid));
    this.#startedAt = options.clock.now();
  }

  /** Begins to probe a pod's containers; the pod's later states are taken over. */
  addPod(pod: Pod): void {
    const uid = uidOf(pod);
    const known = this.#workers.get(uid);
    if (known) {
      for (const worker of known) worker.pod = pod;
      return;
    }
    const workers: ProbeWorker[] = [];
    for (const container of allContainersOf(pod)) {
      if (initContainersOf(pod).includes(container) && !isRestartableInit(container)) continue;
      for (const kind of kinds) {
        const probe = container[`${kind}Probe`];
        if (probe) workers.push(new ProbeWorker(this.options, this.results, pod, container, kind, probe, this.#startedAt));
      }
    }
    this.#workers.set(uid, workers);
  }

  /** A pod that is ending is not killed for its health any more; its readiness still counts. */
  stopLivenessAndStartup(uid: string): void {
    const workers = this.#workers.get(uid) ?? [];
    for (const worker of workers) if (worker.kind !== 'readiness') worker.stop();
  }

  removePod(uid: string): void {
    for (const worker of this.#workers.get(uid) ?? []) worker.stop();
    this.#workers.delete(uid);
  }

  /** How often the probes of a pod ended in which way. */
  counts(uid: string): { container: string; kind: ProbeKind; result: string; count: number }[] {
    return (this.#workers.get(uid) ?? []).flatMap(({ container, kind, counts }) =>
      Object.entries(counts)
        .filter(([, count]) => count > 0)
        .map(([result, count]) => ({ container: container.name, kind, result, count })),
    );
  }

  /** Lets probes run now whose container has changed. */
  podChanged(uid: string): void {
    for (const worker of this.#workers.get(uid) ?? []) worker.containerChanged();
  }

  stop(): void {
    for (const uid of [...this.#workers.keys()]) this.removePod(uid);
  }

  /** Sets `started` and `ready`. Mirrors UpdatePodStatus. */
  apply(pod: Pod, status: PodStatus): void {
    const uid = uidOf(pod);
    for (const container of status.containerStatuses ?? []) this.#apply(uid, pod, container);
    for (const container of status.initContainerStatuses ?? []) {
      const spec = initContainersOf(pod).find(({ name }) => name === container.name);
      if (spec && isRestartableInit(spec)) this.#apply(uid, pod, container);
      else {
        container.started = container.state?.running !== undefined;
        container.ready = container.state?.terminated?.exitCode === 0;
      }
    }
  }

  #apply(uid: string, pod: Pod, status: ContainerStatus): void {
    const id = containerIdOf(status);
    const probed = (kind: ProbeKind) => this.#workers.get(uid)?.some((worker) => worker.kind === kind && worker.container.name === status.name);
    status.started = false;
    status.ready = false;
    if (!status.state?.running) return;
    const startup = this.results.get('startup', id);
    const spec = allContainersOf(pod).find(({ name }) => name === status.name);
    status.started = startup ? startup === 'success' : !(spec?.startupProbe && (probed('startup') ?? true)) || this.#wasBefore(pod, status, 'started');
    if (!status.started) return;
    const readiness = this.results.get('readiness', id);
    status.ready = readiness ? readiness === 'success' : !spec?.readinessProbe || this.#wasBefore(pod, status, 'ready');
  }

  /** What the API had of the same container before this kubelet began. */
  #wasBefore(pod: Pod, status: ContainerStatus, field: 'started' | 'ready'): boolean {
    const all = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
    const before = all.find(({ name }) => name === status.name);
    const startedAt = Date.parse(status.state?.running?.startedAt ?? '');
    return before?.containerID === status.containerID && before?.[field] === true && startedAt < this.#startedAt;
  }
}

/** Whether a container has ended in a way that has all of the pod's begin anew. Mirrors kubecontainer.ShouldAllContainersRestart. */
function isRestartedWhole(pod: Pod, status: PodStatus): boolean {
  const all = [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])];
  return all.some(({ name, state }) => {
    const container = state?.terminated && allContainersOf(pod).find((one) => one.name === name);
    return container && restartAction(container, state.terminated!.exitCode) === 'RestartAllContainers';
  });
}

class ProbeWorker {
  #timer: Timer | undefined;
  #stopped = false;
  #probing = false;
  #containerId = '';
  /** Waits for a new container after its result is final for this one. */
  #onHold = false;
  /** Whether this container has been probed. */
  #asked = false;
  /** How often in a row the probes ended in which way: a container that took the place of another goes on with its count. */
  #last: Outcome | undefined;
  #run = 0;
  readonly counts = { successful: 0, failed: 0, unknown: 0 };

  constructor(
    private readonly options: ProbeManagerOptions,
    private readonly results: ProbeResults,
    public pod: Pod,
    readonly container: AnyContainer,
    readonly kind: ProbeKind,
    private readonly probe: Probe,
    private readonly kubeletStartedAt: number,
  ) {
    // Spread after a restart of the kubelet, when all containers would be probed at the same moment.
    const fresh = (pod.status?.containerStatuses ?? []).every((status) => !status.state?.running);
    this.#schedule(fresh ? 0 : options.random.next() * this.#periodMs);
  }

  get #periodMs(): number {
    return (this.probe.periodSeconds ?? 10) * 1000;
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    if (this.#containerId) this.results.remove(this.kind, this.#containerId);
  }

  /** A new container is probed as soon as its initial delay is over, not only at the next beat. */
  containerChanged(): void {
    const status = this.#status();
    if (this.#stopped || this.#probing || !status?.state?.running) return;
    if (containerIdOf(status) !== this.#containerId || (status.started && !this.#asked && this.kind !== 'startup')) this.#schedule(0);
  }

  /** The time that a probe takes is part of its period: a container that does not answer must not be found out later for it. */
  #schedule(ms: number): void {
    if (this.#stopped) return;
    const { clock } = this.options;
    this.#timer?.cancel();
    this.#timer = clock.setTimer(ms, () => {
      this.#probing = true;
      const began = clock.monotonic();
      void this.#doProbe()
        .catch(() => this.#periodMs)
        .then((next) => {
          this.#probing = false;
          if (next !== undefined) this.#schedule(Math.max(0, next - (clock.monotonic() - began)));
        });
    });
  }

  #status(): ContainerStatus | undefined {
    const status = this.options.statusOf(uidOf(this.pod));
    const all = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
    return all.find(({ name, containerID }) => name === this.container.name && containerID);
  }

  /** One beat; returns when the next one is, undefined: never. Mirrors doProbe. */
  async #doProbe(): Promise<number | undefined> {
    const period = this.#periodMs;
    const uid = uidOf(this.pod);
    const podStatus = this.options.statusOf(uid);
    if (!podStatus) return period;
    if (isTerminalPhase(podStatus.phase)) return undefined;
    const status = this.#status();
    if (!status) return period;
    const id = containerIdOf(status);
    if (id !== this.#containerId) {
      if (this.#containerId) this.results.remove(this.kind, this.#containerId);
      this.#containerId = id;
      this.#onHold = false;
      this.#asked = false;
      const startedAt = Date.parse(status.state?.running?.startedAt ?? '');
      const ranBefore = startedAt < this.kubeletStartedAt;
      const first = initial[this.kind];
      if (ranBefore && this.kind === 'startup' && status.started) this.results.set('startup', id, 'success', uid);
      else if (!ranBefore && first) this.results.set(this.kind, id, first, uid);
    }
    if (this.#onHold) return period;
    if (!status.state?.running) {
      this.results.set(this.kind, id, 'failure', uid);
      const ended = status.state?.terminated;
      return !ended || shouldRestart(this.container, this.pod.spec!, ended.exitCode) || isRestartedWhole(this.pod, podStatus) ? period : undefined;
    }
    if (this.pod.metadata?.deletionTimestamp && this.kind !== 'readiness') {
      this.results.set(this.kind, id, 'success', uid);
      return undefined;
    }
    const delay = Date.parse(status.state.running.startedAt!) + (this.probe.initialDelaySeconds ?? 0) * 1000 - this.options.clock.now();
    if (delay > 0 && this.probe.initialDelaySeconds) return Math.min(delay, period);
    if (status.started ? this.kind === 'startup' : this.kind !== 'startup') return period;

    this.#asked = true;
    const outcome = await this.#ask(podStatus, id);
    this.counts[outcome === 'success' ? 'successful' : outcome === 'failure' ? 'failed' : 'unknown']++;
    if (this.#stopped || outcome === undefined) return this.#stopped ? undefined : period;
    if (this.#last === outcome) this.#run++;
    else {
      this.#last = outcome;
      this.#run = 1;
    }
    const threshold = outcome === 'failure' ? (this.probe.failureThreshold ?? 3) : (this.probe.successThreshold ?? 1);
    if (this.#run < threshold) return period;
    if ((this.kind === 'liveness' && outcome === 'failure') || this.kind === 'startup') {
      this.#onHold = true;
      this.#run = 0;
    }
    this.results.set(this.kind, id, outcome, uid);
    return period;
  }

  /** undefined: the probe itself failed, which says nothing about the container. */
  async #ask(status: PodStatus, id: string): Promise<Outcome | undefined> {
    const title = `${this.kind[0]!.toUpperCase()}${this.kind.slice(1)}`;
    const tell = (reason: string, message: string) => this.options.event(this.pod, this.container.name, 'Warning', reason, message);
    let failure: unknown;
    for (let tries = 0; tries < retries && !this.#stopped; tries++) {
      try {
        const { result, output } = await this.options.prober(this.probe, this.pod, status, this.container, id);
        if (this.#stopped) return undefined;
        if (result === 'success') return 'success';
        if (result === 'warning') {
          tell('ProbeWarning', `${title} probe warning: ${output}`);
          return 'success';
        }
        if (result === 'failure') tell('Unhealthy', `${title} probe failed: ${output}`);
        return 'failure';
      } catch (error) {
        failure = error;
      }
    }
    if (!this.#stopped) tell('Unhealthy', `${title} probe errored and resulted in unknown state: ${failure instanceof Error ? failure.message : String(failure)}`);
    return undefined;
  }
}
