import type { Pod } from '../api/index.ts';
import type { Container } from '../runtime/index.ts';
import { tell, type KubeletContext } from './context.ts';
import { runHook } from './hooks.ts';
import type { KillReason } from './podActions.ts';
import { annotation, readySandbox, type RuntimeStatus } from './runtimeStatus.ts';
import { containerNamed, initContainersOf, isRestartableInit } from './spec.ts';

/** Seconds that a container always gets to end by itself. */
const minimumGrace = 2;

export interface KillOptions {
  message?: string;
  reason?: KillReason;
  /** Seconds, instead of those of pod and probes. */
  grace?: number;
  podIP?: string;
  /** Waits, at most the given seconds, until it is the container's turn to end. */
  turn?(seconds: number): Promise<void>;
}

/** Stops one container: its preStop hook, its stop signal, SIGKILL. Mirrors kuberuntime_container.go (killContainer). */
export async function killContainer(context: KubeletContext, pod: Pod, container: Container, options: KillOptions = {}): Promise<void> {
  const spec = containerNamed(pod, container.name);
  const { clock, runtime } = context;
  tell(context, pod, 'Normal', 'Killing', options.message ?? `Stopping container ${container.name}`, container.name);
  let grace = options.grace ?? graceOf(pod, container, options.reason ?? '');
  const began = clock.monotonic();
  const left = () => grace - Math.floor((clock.monotonic() - began) / 1000);
  const preStop = spec?.lifecycle?.preStop;
  if (spec && preStop && grace > 0) {
    const abort = new AbortController();
    const hook = runHook(context, pod, spec, container.id, options.podIP ?? '', preStop, abort.signal).catch(() => {
      // What the hook said may be secret; it stays out of the event.
      if (!abort.signal.aborted) tell(context, pod, 'Warning', 'FailedPreStopHook', 'PreStopHook failed', container.name);
    });
    await Promise.race([hook, clock.sleep(grace * 1000, abort.signal).catch(() => {})]);
    abort.abort(new Error('the hook is over'));
  }
  if (options.turn && left() > 0) await options.turn(left());
  grace = Math.max(left(), options.grace !== undefined && options.grace < minimumGrace ? options.grace : minimumGrace);
  await runtime.stopContainer(container.id, grace);
}

/** Seconds. Mirrors setTerminationGracePeriod. */
function graceOf(pod: Pod, container: Container, reason: KillReason): number {
  if (pod.metadata?.deletionGracePeriodSeconds !== undefined) return pod.metadata.deletionGracePeriodSeconds;
  const spec = containerNamed(pod, container.name);
  const ofProbe =
    reason === 'StartupProbe'
      ? spec?.startupProbe?.terminationGracePeriodSeconds
      : reason === 'LivenessProbe'
        ? spec?.livenessProbe?.terminationGracePeriodSeconds
        : undefined;
  return ofProbe ?? pod.spec?.terminationGracePeriodSeconds ?? Number(container.annotations[annotation.terminationGracePeriod] ?? minimumGrace);
}

/**
 * Stops all of a pod's running containers at once, only sidecars one after the other when all others have ended, the
 * last first; then its sandboxes. Mirrors killContainersWithSyncResult and kuberuntime_termination_order.go.
 */
export async function killPod(context: KubeletContext, pod: Pod, status: RuntimeStatus, grace: number | undefined): Promise<void> {
  const running = status.containers.filter((container) => container.state === 'running' || container.state === 'unknown');
  const sidecars = initContainersOf(pod).filter(isRestartableInit).map((container) => container.name);
  const podIP = readySandbox(status)?.ip;
  const options = { ...(grace === undefined ? {} : { grace }), ...(podIP ? { podIP } : {}) };
  const ended = new Map<string, Promise<void>>();
  const all: Promise<void>[] = [];
  for (const container of running.filter(({ name }) => !sidecars.includes(name))) {
    const end = killContainer(context, pod, container, options);
    ended.set(container.name, end);
    all.push(end);
  }
  for (let index = sidecars.length - 1; index >= 0; index--) {
    const container = running.find(({ name }) => name === sidecars[index]);
    if (!container) continue;
    const before = [...ended.values()];
    const turn = async (seconds: number) => {
      const abort = new AbortController();
      await Promise.race([Promise.allSettled(before), context.clock.sleep(seconds * 1000, abort.signal).catch(() => {})]);
      abort.abort(new Error('its turn has come'));
    };
    const end = killContainer(context, pod, container, { ...options, turn });
    ended.set(container.name, end);
    all.push(end);
  }
  const results = await Promise.allSettled(all);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
  await Promise.all(status.sandboxes.map((sandbox) => sandbox.state === 'ready' && context.runtime.stopSandbox(sandbox.id)));
}
