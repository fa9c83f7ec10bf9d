import type { ContainerConfig, SandboxConfig, SandboxIdentity } from '../index.ts';

/** The labels by which Skiff finds its own objects again; it touches nothing that lacks them. */
export const label = {
  cluster: 'dev.skiff.cluster',
  /** `sandbox` or `container`. */
  kind: 'dev.skiff.kind',
  node: 'dev.skiff.node',
  /** Of the network: which of the clusters of this name it belongs to, and where that one is kept. */
  owner: 'dev.skiff.owner',
  directory: 'dev.skiff.directory',
  podName: 'dev.skiff.pod.name',
  podNamespace: 'dev.skiff.pod.namespace',
  podUid: 'dev.skiff.pod.uid',
  container: 'dev.skiff.container',
  attempt: 'dev.skiff.attempt',
  sandbox: 'dev.skiff.sandbox',
  /** What was asked for, as opposed to the id of what runs. */
  image: 'dev.skiff.image',
  tty: 'dev.skiff.tty',
  ip: 'dev.skiff.ip',
  network: 'dev.skiff.network',
  sharePID: 'dev.skiff.share-pid',
  hostPID: 'dev.skiff.host-pid',
  hostIPC: 'dev.skiff.host-ipc',
  runtimeHandler: 'dev.skiff.runtime-handler',
  /** Of the pod's own control group, as the engine was told. */
  cgroup: 'dev.skiff.cgroup',
} as const;

const own = 'dev.skiff.';
const callerPrefix = 'dev.skiff.label.';
const annotationPrefix = 'dev.skiff.annotation.';

export type Labels = Record<string, string>;

export function sandboxLabels(cluster: string, config: SandboxConfig): Labels {
  return {
    ...given(config.labels, config.annotations),
    [label.cluster]: cluster,
    [label.kind]: 'sandbox',
    [label.node]: config.node,
    ...podLabels(config),
    [label.attempt]: String(config.attempt),
    [label.network]: config.network,
    ...(config.ip ? { [label.ip]: config.ip } : {}),
    ...(config.sharePID ? { [label.sharePID]: 'true' } : {}),
    ...(config.hostPID ? { [label.hostPID]: 'true' } : {}),
    ...(config.hostIPC ? { [label.hostIPC]: 'true' } : {}),
    ...(config.runtimeHandler ? { [label.runtimeHandler]: config.runtimeHandler } : {}),
    'io.kubernetes.container.name': 'POD',
  };
}

export function containerLabels(sandboxId: string, sandbox: Labels, config: ContainerConfig): Labels {
  return {
    ...given(config.labels, config.annotations),
    [label.cluster]: sandbox[label.cluster]!,
    [label.kind]: 'container',
    [label.node]: sandbox[label.node]!,
    ...podLabels(identityOf(sandbox)),
    [label.container]: config.name,
    [label.attempt]: String(config.attempt),
    [label.sandbox]: sandboxId,
    [label.image]: config.image,
    ...(config.tty ? { [label.tty]: 'true' } : {}),
    'io.kubernetes.container.name': config.name,
    'io.kubernetes.sandbox.id': sandboxId,
  };
}

/** Both Skiff's own and the names that tools know from Kubernetes' former Docker integration. */
function podLabels(pod: Omit<SandboxIdentity, 'attempt'>): Labels {
  return {
    [label.podName]: pod.name,
    [label.podNamespace]: pod.namespace,
    [label.podUid]: pod.uid,
    'io.kubernetes.pod.name': pod.name,
    'io.kubernetes.pod.namespace': pod.namespace,
    'io.kubernetes.pod.uid': pod.uid,
  };
}

function given(labels: Labels, annotations: Labels): Labels {
  const result: Labels = {};
  for (const [key, value] of Object.entries(labels)) result[callerPrefix + key] = value;
  for (const [key, value] of Object.entries(annotations)) result[annotationPrefix + key] = value;
  return result;
}

export function identityOf(labels: Labels): SandboxIdentity {
  return {
    name: labels[label.podName] ?? '',
    namespace: labels[label.podNamespace] ?? '',
    uid: labels[label.podUid] ?? '',
    attempt: Number(labels[label.attempt] ?? 0),
  };
}

/** The labels and annotations that the caller gave. */
export function givenBack(labels: Labels): { labels: Labels; annotations: Labels } {
  const result = { labels: {} as Labels, annotations: {} as Labels };
  for (const [key, value] of Object.entries(labels)) {
    if (!key.startsWith(own)) continue;
    if (key.startsWith(callerPrefix)) result.labels[key.slice(callerPrefix.length)] = value;
    else if (key.startsWith(annotationPrefix)) result.annotations[key.slice(annotationPrefix.length)] = value;
  }
  return result;
}

/** `skiff-dev.k8s_web_shop_default_<uid>_0`; `POD` is the sandbox's name, as in Kubernetes' former Docker integration. */
export function containerName(cluster: string, container: string, pod: Omit<SandboxIdentity, 'attempt'>, attempt: number): string {
  return `skiff-${cluster}.k8s_${container}_${pod.name}_${pod.namespace}_${pod.uid}_${attempt}`;
}
