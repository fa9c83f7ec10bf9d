import type { ControllerRevision, Pod, PodTemplateSpec } from '../../../main/api/index.ts';
import { controllerOf, type KubeObject } from '../../../main/api/meta.ts';
import { client, objectPath, type Resource } from '../../client/index.ts';

const changeCauseAnnotation = 'kubernetes.io/change-cause';
/** A StatefulSet's pods name their ControllerRevision here, a DaemonSet's the hash of theirs. */
const revisionLabel = 'controller-revision-hash';

/** A state that a workload has been in, and the object that keeps it. */
export interface Revision<Kept extends KubeObject = KubeObject> {
  number: number;
  kept: Kept;
  changeCause: string;
  images: readonly string[];
  /** Its pods: how many there are, or how many of them are ready. */
  pods: string;
  current: boolean;
}

/** What is read from an object that keeps a revision. */
export interface Read {
  number: number;
  template: PodTemplateSpec | undefined;
  pods: string;
}

/** The revisions of a workload that can be rolled back to, the latest first, out of objects that may be others' as well. */
export function latestFirst<Kept extends KubeObject>(owner: KubeObject, kept: readonly Kept[], read: (kept: Kept) => Read): Revision<Kept>[] {
  const revisions = kept
    .filter((each) => controllerOf(each)?.uid === owner.metadata?.uid)
    .map((each) => {
      const { number, template, pods } = read(each);
      const images = (template?.spec?.containers ?? []).map(({ image }) => image ?? '');
      return { number, kept: each, changeCause: each.metadata?.annotations?.[changeCauseAnnotation] ?? '', images, pods, current: false };
    })
    .sort((a, b) => b.number - a.number);
  if (revisions[0]) revisions[0].current = true;
  return revisions;
}

/** What a ControllerRevision keeps of a StatefulSet or DaemonSet: a strategic merge patch that brings its template back. */
interface Data {
  spec?: { template?: PodTemplateSpec };
}

export function setRevisionsOf(owner: KubeObject, revisions: readonly ControllerRevision[], pods: readonly Pod[]): Revision<ControllerRevision & KubeObject>[] {
  const own = pods.filter((pod) => controllerOf(pod)?.uid === owner.metadata?.uid).map((pod) => pod.metadata?.labels?.[revisionLabel]);
  return latestFirst(owner, revisions as readonly (ControllerRevision & KubeObject)[], ({ revision, data, metadata }) => {
    const names = [metadata?.name, metadata?.labels?.[revisionLabel]];
    return { number: revision, template: (data as Data | undefined)?.spec?.template, pods: String(own.filter((label) => label !== undefined && names.includes(label)).length) };
  });
}

/**
 * As `kubectl rollout undo` does it (StatefulSetRollbacker and DaemonSetRollbacker of kubectl's rollback.go). Resolves to
 * false where the object has the template of that revision already.
 */
export async function rollBackSet(resource: Resource, owner: KubeObject, { kept }: Revision<ControllerRevision & KubeObject>): Promise<boolean> {
  const answer = await client().api.patch(objectPath(resource, owner), 'strategic', kept.data);
  return answer.metadata?.generation !== owner.metadata?.generation;
}
