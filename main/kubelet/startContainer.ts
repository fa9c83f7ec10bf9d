import type { Pod } from '../api/index.ts';
import type { Image, Mount } from '../runtime/index.ts';
import { containerConfigOf } from './config/containerConfig.ts';
import type { PodFacts } from './config/downward.ts';
import { environmentOf, type VolumeReader } from './config/environment.ts';
import { seccompFileOf, verifyRunAsNonRoot } from './config/security.ts';
import { serviceEnvironment } from './config/serviceEnv.ts';
import { tell, type KubeletContext } from './context.ts';
import { runHook } from './hooks.ts';
import { countImageVolumes } from './imageVolumes.ts';
import { killContainer } from './killPod.ts';
import { latest, type RuntimeStatus } from './runtimeStatus.ts';
import { ephemeralContainersOf, uidOf, type AnyContainer } from './spec.ts';
import { nodeNetworkMounts } from './nodeNetworkFiles.ts';
import { StartError } from './startError.ts';
import { messageOf } from './volumes/errors.ts';
import { terminationLog } from './volumes/files.ts';
import { volumeDevices, volumeMounts } from './volumes/mounts.ts';
import { memoryVolumesOf, type ReadyVolumes } from './volumes/podVolumes.ts';

export interface StartInputs {
  sandboxId: string;
  status: RuntimeStatus;
  volumes: ReadyVolumes;
  facts: PodFacts;
  attempt: number;
  /** Aborts while an image is pulled: the pod is to end. */
  signal: AbortSignal;
}

/**
 * Image and creation: all that can be done while the sandbox still starts. Resolves with the container's id, rejects
 * with a StartError. With `startContainer` it mirrors kuberuntime_container.go (startContainer).
 */
export async function createContainer(context: KubeletContext, pod: Pod, container: AnyContainer, inputs: StartInputs): Promise<string> {
  const say = sayer(context, pod, container);
  const image = await unlessAborted(context.images.ensure(pod, container, say), inputs.signal).catch((error: unknown) => {
    if (error instanceof StartError && !error.known) say('Warning', 'Failed', `Error: ${error.reason}`);
    throw error;
  });

  await ensureVolumeImages(context, pod, container, say, inputs.signal);

  let config;
  try {
    config = await configOf(context, pod, container, image, inputs);
  } catch (error) {
    throw failure(say, error instanceof ProfileError ? 'CreateContainerError' : 'CreateContainerConfigError', error);
  }
  inputs.signal.throwIfAborted();
  const id = await context.runtime.createContainer(inputs.sandboxId, config).catch((error: unknown) => {
    // The sandbox is being taken away, and the container would have gone with it.
    inputs.signal.throwIfAborted();
    countImageVolumes(context, pod, container, error);
    throw failure(say, 'CreateContainerError', error);
  });
  say('Normal', 'Created', 'Container created');
  if (container.securityContext?.privileged && inputs.attempt === 0) await sayMissing(context, say);
  return id;
}

/** Start and postStart hook of a container that was created. Rejects with a StartError. */
export async function startContainer(context: KubeletContext, pod: Pod, container: AnyContainer, id: string, inputs: Pick<StartInputs, 'facts' | 'signal'>): Promise<void> {
  const { runtime } = context;
  const say = sayer(context, pod, container);
  await runtime.startContainer(id).catch((error: unknown) => {
    countImageVolumes(context, pod, container, error);
    throw failure(say, 'RunContainerError', error);
  });
  countImageVolumes(context, pod, container);
  say('Normal', 'Started', 'Container started');

  const postStart = container.lifecycle?.postStart;
  if (!postStart) return;
  try {
    // A pod that is to end does not wait for a hook that hangs: it goes with its container.
    await unlessAborted(runHook(context, pod, container, id, inputs.facts.podIP, postStart, inputs.signal), inputs.signal);
  } catch (error) {
    inputs.signal.throwIfAborted();
    say('Warning', 'FailedPostStartHook', 'PostStartHook failed');
    await killContainer(context, pod, await runtime.containerStatus(id), { message: 'FailedPostStartHook', reason: 'FailedPostStartHook' });
    throw new StartError('PostStartHookError', messageOf(error));
  }
}

/** The container runs, but with less than it asked for: its user has to know why something in it may fail. */
async function sayMissing({ runtime }: KubeletContext, say: Sayer): Promise<void> {
  const missing = await runtime.missingPrivileges().catch(() => []);
  if (missing.length > 0) say('Warning', 'PrivilegesLimited', `The container engine cannot give a privileged container all capabilities, it runs without ${missing.join(', ')}`);
}

type Sayer = (type: 'Normal' | 'Warning', reason: string, message: string) => void;

const sayer =
  (context: KubeletContext, pod: Pod, container: AnyContainer): Sayer =>
  (type, reason, message) =>
    tell(context, pod, type, reason, message, container.name);

function failure(say: Sayer, reason: string, error: unknown): StartError {
  say('Warning', 'Failed', `Error: ${messageOf(error)}`);
  return new StartError(reason, messageOf(error));
}

/** Images that are mounted are pulled as those that run. Mirrors kuberuntime_manager.go (getImageVolumes). */
async function ensureVolumeImages(context: KubeletContext, pod: Pod, container: AnyContainer, say: Sayer, signal: AbortSignal): Promise<void> {
  const mounted = new Set(container.volumeMounts?.map(({ name }) => name));
  for (const { name, image } of pod.spec?.volumes ?? []) {
    if (!image || !mounted.has(name)) continue;
    const wanted = { image: image.reference, imagePullPolicy: image.pullPolicy };
    await unlessAborted(context.images.ensure(pod, wanted, say), signal).catch((error: unknown) => {
      if (error instanceof StartError && !error.known) say('Warning', 'Failed', `Error: ${error.reason}`);
      throw error;
    });
  }
}

async function configOf(context: KubeletContext, pod: Pod, container: AnyContainer, image: Image, inputs: StartInputs) {
  verifyRunAsNonRoot(pod, container, image);
  const services = serviceEnvironment(pod, context.servicesOf(pod.metadata!.namespace!), context.apiService());
  const env = await environmentOf(pod, container, services, context.objects, inputs.facts, volumeReader(context, pod, inputs));
  const { runtime, hostFiles, files, machine } = context;
  const mounts = await volumeMounts(container, env, inputs.volumes, { runtime, hostFiles, files, recursiveReadOnly: machine.recursiveReadOnly });
  mounts.push(...(await nodeNetworkMounts(context, pod, mounts)));
  const seccomp = seccompFileOf(pod, container);
  const seccompProfile = seccomp === undefined ? undefined : await context.seccompProfile(seccomp).catch((error: unknown) => {
    throw new ProfileError(messageOf(error));
  });
  const log = await terminationMount(context, pod, container, inputs.attempt, mounts);
  if (log) mounts.push(log);
  const target = ephemeralContainersOf(pod).includes(container) ? (container as { targetContainerName?: string }).targetContainerName : undefined;
  const pidOf = target ? latest(inputs.status, target)?.id : undefined;
  if (target && !pidOf) throw new Error(`unable to find target container ${target}`);
  return containerConfigOf(pod, container, {
    attempt: inputs.attempt,
    image,
    env,
    mounts,
    devices: volumeDevices(container, inputs.volumes),
    memoryCapacity: context.machine.memoryBytes,
    ...(pidOf ? { pidOf } : {}),
    ...(seccompProfile === undefined ? {} : { seccompProfile }),
  });
}

/** Upstream finds out that a profile is missing when the runtime makes the container. */
class ProfileError extends Error {}

const longestEnvFile = 64 * 1024;

/** Volumes of memory lie in the sandbox, which holds them, all others that containers write to in the node's own volume. */
function volumeReader(context: KubeletContext, pod: Pod, { volumes, sandboxId }: StartInputs): VolumeReader {
  return async (name, path) => {
    const source = volumes.get(name)?.source;
    const inside = path.split('/').filter((part) => part !== '' && part !== '.');
    if (!source || inside.includes('..')) throw new Error(`cannot find the volume ${JSON.stringify(name)} referenced by FileKeyRef`);
    if (source.kind === 'node') return (await (await context.files()).readFile(`${source.path}/${inside.join('/')}`, longestEnvFile))?.toString('utf8');
    const index = memoryVolumesOf(pod).indexOf(name);
    if (source.kind !== 'tmpfs' || index < 0) throw new Error(`cannot find the volume ${JSON.stringify(name)} referenced by FileKeyRef`);
    return (await context.runtime.readFile(sandboxId, `/run/skiff/memory/${index}/${inside.join('/')}`, longestEnvFile))?.toString('utf8');
  };
}

/** The file in which the container may say why it ended. A simulated container says nothing. */
async function terminationMount(
  context: KubeletContext,
  pod: Pod,
  container: AnyContainer,
  attempt: number,
  mounts: Mount[],
): Promise<Mount | undefined> {
  const target = container.terminationMessagePath ?? '/dev/termination-log';
  if (context.machine.runtimeName === 'simulated' || !target || mounts.some((mount) => mount.target === target)) return undefined;
  const path = terminationLog(uidOf(pod), container.name, attempt);
  // Anybody may write to it, whatever user the container runs as.
  await (await context.files()).writeFile(path, Buffer.alloc(0), 0o666);
  return { source: { kind: 'node', node: context.nodeName, path }, target, readOnly: false, propagation: 'private' };
}

export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => {});
    return Promise.reject(signal.reason);
  }
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
