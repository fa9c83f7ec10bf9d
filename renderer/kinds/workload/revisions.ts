import type { ControllerRevision, Pod, PodTemplateSpec } from '../../../main/api/index.ts';
import { controllerOf, type KubeObject } from '../../../main/api/meta.ts';
import { client, objectPath, type Resource } from '../../client/index.ts';

const changeCauseAnnotation = 'kubernetes.io/change-cause';
/** A StatefulSet's pods name their ControllerRevision here, a DaemonSet's the hash of theirs. */
const revisionLabel = 'controller-revision-hash';

/** What a ControllerRevision keeps of a StatefulSet or DaemonSet: a strategic merge patch that brings its template back. */
interface Data {
  spec?: { template?: PodTemplateSpec };
}

export interface SetRevision {
  number: number;
  revision: ControllerRevision;
  changeCause: string;
  images: readonly string[];
  /** How many pods are of it. */
  pods: number;
  current: boolean;
}

/** The revisions of a StatefulSet or DaemonSet that can be rolled back to, the latest first. */
export function setRevisionsOf(owner: KubeObject, revisions: readonly ControllerRevision[], pods: readonly Pod[]): SetRevision[] {
  const own = pods.filter((pod) => controllerOf(pod)?.uid === owner.metadata?.uid).map((pod) => pod.metadata?.labels?.[revisionLabel]);
  const found = revisions
    .filter((revision) => controllerOf(revision as KubeObject)?.uid === owner.metadata?.uid)
    .map((revision) => ({
      number: revision.revision,
      revision,
      changeCause: revision.metadata?.annotations?.[changeCauseAnnotation] ?? '',
      images: ((revision.data as Data | undefined)?.spec?.template?.spec?.containers ?? []).map(({ image }) => image ?? ''),
      pods: own.filter((label) => label !== undefined && (label === revision.metadata?.name || label === revision.metadata?.labels?.[revisionLabel])).length,
      current: false,
    }))
    .sort((a, b) => b.number - a.number);
  if (found[0]) found[0].current = true;
  return found;
}

/**
 * As `kubectl rollout undo` does it (StatefulSetRollbacker and DaemonSetRollbacker of kubectl's rollback.go). Resolves to
 * false where the object has the template of that revision already.
 */
export async function rollBackSet(resource: Resource, owner: KubeObject, { revision }: SetRevision): Promise<boolean> {
  const answer = await client().api.patch(objectPath(resource, owner), 'strategic', revision.data);
  return answer.metadata?.generation !== owner.metadata?.generation;
}
