import type { ContainerStatus, Deployment, Pod, ReplicaSet } from '../../../main/api/index.ts';

export function makePod(name: string, more: { namespace?: string; app?: string; status?: Pod['status']; spec?: Partial<Pod['spec'] & object>; metadata?: Pod['metadata'] } = {}): Pod & { metadata: NonNullable<Pod['metadata']> } {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: more.namespace ?? 'default', labels: { app: more.app ?? name }, ...more.metadata },
    spec: { containers: [{ name: 'main', image: 'busybox' }], ...more.spec },
    status: more.status ?? { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }], containerStatuses: [containerStatus({ ready: true, state: { running: {} } })] },
  };
}

export function containerStatus(more: Partial<ContainerStatus>): ContainerStatus {
  return { name: 'main', image: 'busybox', imageID: '', ready: false, restartCount: 0, ...more };
}

export function makeDeployment(name: string, more: { replicas?: number; annotations?: Record<string, string>; spec?: Partial<NonNullable<Deployment['spec']>>; status?: Deployment['status']; image?: string } = {}): Deployment & { metadata: NonNullable<Deployment['metadata']> } {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default', generation: 1, uid: `uid-${name}`, annotations: more.annotations ?? {} },
    spec: {
      replicas: more.replicas ?? 1,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'main', image: more.image ?? 'busybox:2' }] } },
      ...more.spec,
    },
    status: more.status ?? { observedGeneration: 1 },
  };
}

export function makeReplicaSet(deployment: Deployment, revision: number, image: string, annotations: Record<string, string> = {}): ReplicaSet & { metadata: NonNullable<ReplicaSet['metadata']> } {
  const name = deployment.metadata?.name ?? '';
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${name}-${revision}`,
      namespace: 'default',
      uid: `uid-${name}-${revision}`,
      annotations: { 'deployment.kubernetes.io/revision': String(revision), ...annotations },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name, uid: deployment.metadata?.uid ?? '', controller: true }],
    },
    spec: {
      replicas: 0,
      selector: { matchLabels: { app: name, 'pod-template-hash': `hash${revision}` } },
      template: { metadata: { labels: { app: name, 'pod-template-hash': `hash${revision}` } }, spec: { containers: [{ name: 'main', image }] } },
    },
  };
}
