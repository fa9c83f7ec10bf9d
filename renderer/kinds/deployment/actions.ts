import type { Deployment, ReplicaSet } from '../../../main/api/index.ts';
import { cloneJson, equalJson } from '../../../main/api/json.ts';
import { client, core, objectPath } from '../../client/index.ts';
import { latestFirst, type Revision } from '../workload/revisions.ts';

const revisionAnnotation = 'deployment.kubernetes.io/revision';
const templateHashLabel = 'pod-template-hash';

/** These belong to the deployment, not to a revision. Mirrors annotationsToSkip of kubectl's rollback.go. */
const ownAnnotations = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionAnnotation,
  'deployment.kubernetes.io/revision-history',
  'deployment.kubernetes.io/desired-replicas',
  'deployment.kubernetes.io/max-replicas',
  'deprecated.deployment.rollback.to',
]);

export const revisionsOf = (deployment: Deployment, replicaSets: readonly ReplicaSet[]): Revision<ReplicaSet>[] =>
  latestFirst(deployment, replicaSets, ({ metadata, spec, status }) => ({
    // Whoever may write a ReplicaSet may write anything there.
    number: Number(metadata?.annotations?.[revisionAnnotation]) || 0,
    template: spec?.template,
    pods: `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`,
  }));

const path = (deployment: Deployment, subresource?: string) => objectPath(core.deployments, deployment, subresource);

export async function setPaused(deployment: Deployment, paused: boolean): Promise<void> {
  await client().api.patch(path(deployment), 'strategic', { spec: { paused } });
}

/**
 * As `kubectl rollout undo` does it (getDeploymentPatch of kubectl's rollback.go): the template and the annotations
 * of the revision take the place of the deployment's. Resolves to false where the deployment has that template already.
 */
export async function rollBack(deployment: Deployment, { kept }: Revision<ReplicaSet>): Promise<boolean> {
  const template = cloneJson(kept.spec?.template ?? {});
  if (template.metadata?.labels) delete template.metadata.labels[templateHashLabel];
  if (equalJson(template, deployment.spec?.template)) return false;
  const annotations: Record<string, string> = {};
  for (const [key, value] of Object.entries(deployment.metadata?.annotations ?? {})) if (ownAnnotations.has(key)) annotations[key] = value;
  for (const [key, value] of Object.entries(kept.metadata?.annotations ?? {})) if (!ownAnnotations.has(key)) annotations[key] = value;
  await client().api.patch(path(deployment), 'json', [
    { op: 'replace', path: '/spec/template', value: template },
    { op: 'replace', path: '/metadata/annotations', value: annotations },
  ]);
  return true;
}

/** A sentence by its key; the sentences are those of `kubectl rollout status`. */
export interface RolloutStatus {
  key: string;
  values: Record<string, string | number>;
  done: boolean;
}

/** Mirrors DeploymentStatusViewer of kubectl's rollout_status.go. */
export function rolloutStatus({ spec, status, metadata }: Deployment): RolloutStatus {
  const wanted = spec?.replicas ?? 1;
  const name = metadata?.name ?? '';
  const updated = status?.updatedReplicas ?? 0;
  const total = status?.replicas ?? 0;
  const available = status?.availableReplicas ?? 0;
  if ((metadata?.generation ?? 0) > (status?.observedGeneration ?? 0)) return { key: 'rollout.observing', values: { name }, done: false };
  if (status?.conditions?.some(({ type, reason }) => type === 'Progressing' && reason === 'ProgressDeadlineExceeded')) return { key: 'rollout.exceeded', values: { name }, done: false };
  if (updated < wanted) return { key: 'rollout.updating', values: { updated, wanted }, done: false };
  if (total > updated) return { key: 'rollout.ending', values: { count: total - updated }, done: false };
  if (available < updated) return { key: 'rollout.waiting', values: { available, updated }, done: false };
  return { key: 'rollout.done', values: { name }, done: true };
}
