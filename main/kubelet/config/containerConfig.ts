import type { Pod } from '../../api/index.ts';
import { controllerOf } from '../../api/meta.ts';
import type { ContainerConfig, Image, Mount } from '../../runtime/index.ts';
import { annotation } from '../runtimeStatus.ts';
import { cgroupResources } from '../qos.ts';
import { hashOf, initContainersOf, isRestartableInit, type AnyContainer } from '../spec.ts';
import { actuatedBy } from '../resize.ts';
import { expand } from './expansion.ts';
import { securityOf } from './security.ts';

/** Annotations of a pod that a simulated runtime reads (main/runtime/simulated). */
const simulated = 'skiff.dev/simulate-';

export interface ContainerInputs {
  attempt: number;
  image: Image;
  env: ReadonlyMap<string, string>;
  mounts: Mount[];
  devices: ContainerConfig['devices'];
  memoryCapacity: number;
  /** The text of the container's own seccomp profile. */
  seccompProfile?: string;
  /** The container whose process namespace an ephemeral container shares. */
  pidOf?: string;
}

/** Mirrors pkg/kubelet/kuberuntime/kuberuntime_container.go (generateContainerConfig). */
export function containerConfigOf(pod: Pod, container: AnyContainer, inputs: ContainerInputs): ContainerConfig {
  const { env } = inputs;
  const expanded = (texts: string[] | undefined) => (texts ?? []).map((text) => expand(text, (name) => env.get(name)));
  return {
    name: container.name,
    attempt: inputs.attempt,
    image: container.image ?? '',
    command: expanded(container.command),
    args: expanded(container.args),
    ...(container.workingDir ? { workingDir: container.workingDir } : {}),
    env: [...env].map(([name, value]) => ({ name, value })),
    mounts: inputs.mounts,
    devices: inputs.devices,
    stdin: container.stdin ?? false,
    stdinOnce: container.stdinOnce ?? false,
    tty: container.tty ?? false,
    resources: cgroupResources(pod, container, inputs.memoryCapacity),
    security: securityOf(pod, container, inputs.image, inputs.seccompProfile),
    ...(inputs.pidOf ? { pidOf: inputs.pidOf } : {}),
    labels: {},
    annotations: {
      [annotation.hash]: hashOf(container),
      [annotation.resources]: JSON.stringify(actuatedBy(pod, container)),
      [annotation.terminationGracePeriod]: String(pod.spec?.terminationGracePeriodSeconds ?? 30),
      ...simulation(pod, container),
    },
  };
}

/** What a simulated runtime has to know: which containers end by themselves, and what the user wants them to do. */
function simulation(pod: Pod, container: AnyContainer): Record<string, string> {
  const init = initContainersOf(pod).includes(container) && !isRestartableInit(container);
  if (init) return { [`${simulated}completes`]: 'true' };
  const asked = Object.entries(pod.metadata?.annotations ?? {}).filter(([key]) => key.startsWith(simulated));
  const ofJob = controllerOf(pod)?.kind === 'Job';
  return { ...(ofJob ? { [`${simulated}completes`]: 'true' } : {}), ...Object.fromEntries(asked) };
}
