import type { Pod } from '../api/index.ts';
import type { Container, ContainerResources, Sandbox, SandboxConfig } from '../runtime/index.ts';
import { sysctlName } from './admission.ts';
import { dnsOf, hostnameOf } from './config/dns.ts';
import { factsOf, tell, type KubeletContext } from './context.ts';
import { prepareDevices } from './devices.ts';
import { formatSeconds } from './duration.ts';
import { killContainer, killPod } from './killPod.ts';
import { computePodActions, type ActuatedOf, type PodActions } from './podActions.ts';
import { podCgroupResources } from './qos.ts';
import { updateResources, type ResizeEvents } from './resize.ts';
import { annotation, readySandbox, type RuntimeStatus } from './runtimeStatus.ts';
import { ephemeralContainersOf, formatPod, hashOf, initContainersOf, isRestartableInit, uidOf, type AnyContainer } from './spec.ts';
import { StartError } from './startError.ts';
import { createContainer, startContainer } from './startContainer.ts';
import type { StartFailure } from './status/containerStatuses.ts';
import { messageOf } from './volumes/errors.ts';
import { engineVolume } from './volumes/files.ts';
import { memoryVolumesOf, type ReadyVolumes } from './volumes/podVolumes.ts';
import { reachesIntoMemory } from './volumes/references.ts';

export interface SyncInputs extends ResizeEvents {
  volumes: ReadyVolumes;
  /** The number of the container that is to be started under that name. */
  nextAttempt(container: string): number;
  /** Called when the sandbox is up: its condition can be shown. */
  onSandbox(sandbox: Sandbox): Promise<void>;
  actuatedOf: ActuatedOf;
  /** What the containers of the sandbox that runs may use together, if it is known. */
  podActuated: ContainerResources | undefined;
  signal: AbortSignal;
}

export interface SyncResult {
  /** Whether anything was done to the runtime, so that its state has to be read again. */
  changed: boolean;
  /** By container: why it could not be started; undefined: it was. Containers that were left alone are not in it. */
  starts: Map<string, StartFailure | undefined>;
  /** Why running containers could not be given other resources. */
  resizeFailure?: string;
  /** Milliseconds after which it has to be tried again. */
  retryAfter?: number;
}

/** Brings the runtime nearer to what the pod's spec wants. Mirrors kuberuntime_manager.go (SyncPod). */
export async function syncPod(context: KubeletContext, pod: Pod, status: RuntimeStatus, inputs: SyncInputs): Promise<SyncResult> {
  const probed = (kind: 'liveness' | 'startup', id: string) => context.probes.results.get(kind, id);
  const actions = computePodActions(pod, status, probed, inputs.actuatedOf, inputs.podActuated);
  const result: SyncResult = { changed: false, starts: new Map() };

  if (actions.createSandbox && actions.sandboxId) tell(context, pod, 'Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.');
  if (actions.killPod) {
    if (status.sandboxes.some((sandbox) => sandbox.state === 'ready') || status.containers.some((container) => container.state === 'running')) {
      await killPod(context, pod, status, undefined);
      result.changed = true;
    }
    if (actions.createSandbox) await purgeContainers(context, pod, status);
  } else {
    for (const { id, message, reason } of actions.containersToKill) {
      const container = status.containers.find((c) => c.id === id)!;
      await killContainer(context, pod, container, { message, reason });
      result.changed = true;
    }
  }

  if (startsAny(actions)) await tellMissingSecrets(context, pod);
  const create = (container: AnyContainer, sandboxId: string, podIP: string, signal: AbortSignal): Promise<string> => {
    signal.throwIfAborted();
    backOffOrThrow(context, pod, container, status);
    const attempt = inputs.nextAttempt(container.name);
    return createContainer(context, pod, container, { sandboxId, status, volumes: inputs.volumes, facts: factsOf(context, podIP), attempt, signal });
  };
  let sandboxId = actions.sandboxId;
  let podIP = pod.spec?.hostNetwork ? context.nodeIP : (readySandbox(status)?.ip ?? '');
  /** Containers that were created while the sandbox started, or could not be. */
  let created = new Map<AnyContainer, Promise<string>>();
  if (actions.createSandbox) {
    await prepareDevices(context, pod);
    const failed = new AbortController();
    const signal = AbortSignal.any([inputs.signal, failed.signal]);
    const sandbox = await createSandbox(context, pod, actions, (id, ip) => {
      const early = firstContainers(pod, actions).filter((container) => !reachesIntoMemory(pod, container));
      created = inTurn(early, (container) => create(container, id, ip, signal));
    }).catch((error: unknown) => {
      failed.abort(error);
      throw error;
    });
    sandboxId = sandbox.id;
    podIP = sandbox.ip ?? context.nodeIP;
    result.changed = true;
    await inputs.onSandbox(sandbox);
  }
  if (!sandboxId) return result;

  if (actions.containersToUpdate.length > 0 || actions.podToUpdate) {
    try {
      await updateResources(context, pod, actions, status, inputs);
    } catch (error) {
      result.resizeFailure = messageOf(error);
      result.retryAfter = retryFailedMs;
    }
    result.changed = true;
  }

  const start = async (container: AnyContainer): Promise<boolean> => {
    inputs.signal.throwIfAborted();
    try {
      const id = await (created.get(container) ?? create(container, sandboxId!, podIP, inputs.signal));
      await startContainer(context, pod, container, id, { facts: factsOf(context, podIP), signal: inputs.signal });
      result.changed = true;
      result.starts.set(container.name, undefined);
      return true;
    } catch (error) {
      if (inputs.signal.aborted) throw error;
      if (!(error instanceof StartError)) throw error;
      result.starts.set(container.name, { reason: error.reason, message: error.message });
      result.retryAfter = Math.min(result.retryAfter ?? Infinity, error.retryAfter ?? retryFailedMs);
      // A container that was created but not started is there as well.
      result.changed ||= error.reason === 'RunContainerError' || error.reason === 'PostStartHookError';
      return false;
    }
  };
  for (const index of actions.ephemeralContainersToStart) await start(ephemeralContainersOf(pod)[index]!);
  for (const index of actions.initContainersToStart) {
    const container = initContainersOf(pod)[index]!;
    if (!(await start(container)) && !isRestartableInit(container)) return result;
  }
  for (const index of actions.containersToStart) await start(pod.spec!.containers[index]!);
  return result;
}

const retryFailedMs = 10_000;

const startsAny = ({ containersToStart, initContainersToStart, ephemeralContainersToStart }: PodActions) =>
  containersToStart.length + initContainersToStart.length + ephemeralContainersToStart.length > 0;

/** A pod whose pull secrets are missing may find its images all the same. Mirrors kubelet_pods.go (getPullSecretsForPod). */
async function tellMissingSecrets(context: KubeletContext, pod: Pod): Promise<void> {
  const names = (pod.spec?.imagePullSecrets ?? []).flatMap(({ name }) => (name ? [name] : []));
  const found = await Promise.allSettled(names.map((name) => context.objects.secret(pod.metadata!.namespace!, name)));
  const missing = names.filter((_, index) => found[index]!.status === 'rejected');
  if (missing.length > 0)
    tell(context, pod, 'Warning', 'FailedToRetrieveImagePullSecret', `Unable to retrieve some image pull secrets (${missing.join(', ')}); attempting to pull the image may not succeed.`);
}

/** The containers that are the first to run in a new sandbox. */
function firstContainers(pod: Pod, actions: PodActions): AnyContainer[] {
  const { initContainersToStart: init, containersToStart: regular } = actions;
  return init.length > 0 ? init.map((index) => initContainersOf(pod)[index]!) : regular.map((index) => pod.spec!.containers[index]!);
}

/** One after the other, whether the one before succeeds or not: what is told of them comes in their order. */
function inTurn<T, R>(items: T[], work: (item: T) => Promise<R>): Map<T, Promise<R>> {
  const results = new Map<T, Promise<R>>();
  let before: Promise<unknown> = Promise.resolve();
  for (const item of items) {
    const result = before.then(() => work(item));
    before = result.catch(() => {});
    results.set(item, result);
  }
  return results;
}

async function createSandbox(context: KubeletContext, pod: Pod, actions: PodActions, onCreated: (id: string, podIP: string) => void): Promise<Sandbox> {
  const uid = uidOf(pod);
  const { hostNetwork } = pod.spec!;
  try {
    const ip = hostNetwork ? undefined : context.addresses.take(uid);
    const { runtimeClassName, hostUsers } = pod.spec!;
    // The engine has one mapping of users for all of its containers: a pod that relies on one of its own must not run without.
    if (hostUsers === false && context.machine.runtimeName !== 'simulated') throw new Error("can't set `spec.hostUsers: false`, runtime does not support user namespaces");
    const runtimeHandler = runtimeClassName ? await runtimeHandlerOf(context, runtimeClassName) : undefined;
    const config = { ...sandboxConfig(context, pod, actions.attempt, ip), ...(runtimeHandler ? { runtimeHandler } : {}) };
    const together = podCgroupResources(pod);
    let limited: Promise<void> | undefined;
    const id = await context.runtime.runSandbox(config, (id) => {
      limited = together && limitPod(context, pod, id, together);
      onCreated(id, ip ?? context.nodeIP);
    });
    await limited;
    const { name, namespace, attempt, node, labels, annotations } = config;
    return { id, name, namespace, uid, attempt, node, state: 'ready', ...(ip ? { ip } : {}), createdAt: context.clock.now(), labels, annotations };
  } catch (error) {
    // Somebody outside of the cluster has the address: another one is tried the next time.
    if (/address already in use/i.test(messageOf(error))) context.addresses.block(uid);
    tell(context, pod, 'Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${messageOf(error)}`);
    throw error;
  }
}

/** The engine would take the sandbox, which runs as all of them do, and refuse the containers one by one. */
async function runtimeHandlerOf({ runtimeHandler, machine }: KubeletContext, runtimeClass: string): Promise<string> {
  const handler = await runtimeHandler(runtimeClass);
  // Shims of containerd go by their full names, which no engine lists.
  const isKnown = !handler || handler.includes('.') || (machine.runtimeHandlers?.includes(handler) ?? true);
  if (!isKnown) throw new Error(`failed to get sandbox runtime: no runtime for ${JSON.stringify(handler)} is configured`);
  return handler;
}

/** A pod that the engine cannot hold to limits of its own runs all the same: each of its containers has them. Mirrors kubelet.go (EnsureExists). */
async function limitPod(context: KubeletContext, pod: Pod, sandboxId: string, resources: ContainerResources): Promise<void> {
  try {
    await context.runtime.updateSandboxResources(sandboxId, resources);
  } catch (error) {
    tell(context, pod, 'Warning', 'FailedToCreatePodContainer', `unable to ensure pod container exists: ${messageOf(error)}`);
  }
}

function sandboxConfig(context: KubeletContext, pod: Pod, attempt: number, ip: string | undefined): SandboxConfig {
  const spec = pod.spec!;
  const uid = uidOf(pod);
  const together = podCgroupResources(pod);
  const memoryVolumes = memoryVolumesOf(pod).map((name) => engineVolume(uid, name));
  const ipv6 = ip && context.addresses.ipv6Of(ip);
  return {
    name: pod.metadata!.name!,
    namespace: pod.metadata!.namespace!,
    uid,
    attempt,
    node: context.nodeName,
    ...hostnameOf(pod, context.dns.clusterDomain),
    ...(ip ? { ip } : {}),
    gateway: context.nodeIP,
    ...(ipv6 ? { ipv6, gatewayIPv6: context.nodeIPv6 } : {}),
    network: spec.hostNetwork ? 'node' : 'pod',
    dns: dnsOf(pod, context.dns, (message) => tell(context, pod, 'Warning', 'DNSConfigForming', message)),
    hostAliases: (spec.hostAliases ?? []).map(({ ip, hostnames }) => ({ ip, hostnames: hostnames ?? [] })),
    sysctls: Object.fromEntries((spec.securityContext?.sysctls ?? []).map(({ name, value }) => [sysctlName(name), value])),
    ...(memoryVolumes.length > 0 ? { memoryVolumes } : {}),
    ...(together ? { ownCgroup: true } : {}),
    sharePID: spec.shareProcessNamespace ?? false,
    hostPID: spec.hostPID ?? false,
    hostIPC: spec.hostIPC ?? false,
    labels: {},
    annotations: together ? { [annotation.resources]: JSON.stringify(together) } : {},
  };
}

/**
 * Throws a StartError while a container that has ended must wait. One that was just killed runs in `status` still: then
 * its predecessor's end counts, so that failing probes lead to a growing wait too. Mirrors doBackOff.
 */
function backOffOrThrow(context: KubeletContext, pod: Pod, container: AnyContainer, status: RuntimeStatus): void {
  const ended = status.containers.find(({ name, state }) => name === container.name && state === 'exited');
  if (!ended) return;
  const key = `${uidOf(pod)}_${container.name}_${hashOf(container)}`;
  const finishedAt = ended.finishedAt ?? ended.createdAt;
  const { remaining, wait } = context.backoff.remaining(key, finishedAt);
  if (remaining > 0) {
    tell(context, pod, 'Warning', 'BackOff', `Back-off restarting failed container ${container.name} in pod ${formatPod(pod)}`, container.name);
    throw new StartError('CrashLoopBackOff', `back-off ${formatSeconds(wait)} restarting failed container=${container.name} pod=${formatPod(pod)}`, remaining);
  }
  context.backoff.next(key, finishedAt);
}

/** A new sandbox begins with the first init container again: those of before must not count, nor must what never ran. */
async function purgeContainers(context: KubeletContext, pod: Pod, status: RuntimeStatus): Promise<void> {
  const init = new Set(initContainersOf(pod).map((container) => container.name));
  const isPast = ({ name, state }: Container) => init.has(name) || state === 'created';
  await Promise.all(status.containers.filter(isPast).map(({ id }) => context.runtime.removeContainer(id)));
  status.containers = status.containers.filter((container) => !isPast(container));
}
