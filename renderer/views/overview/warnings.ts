import type { Event } from '../../../main/api/index.ts';
import { controllerOf, type KubeObject } from '../../../main/api/meta.ts';
import { byLastSeen, lastSeenAt, timesSeen } from '../../kinds/event/time.ts';
import type { Seen } from './seen.ts';

export interface Reference {
  apiVersion: string;
  kind: string;
  namespace: string;
  name: string;
}

/** Warnings of one reason about one object, or about what one object owns. */
export interface WarningGroup {
  key: string;
  reason: string;
  /** What they are about in the end: the Deployment of pods, the CronJob of Jobs, or the object itself. */
  about: Reference;
  /** The latest first. */
  events: readonly Event[];
  /** How often all of them were seen. */
  times: number;
}

/** Names that controllers make end in a dash and five of these. Mirrors k8s.io/apimachinery/pkg/util/rand/rand.go. */
const madeName = /^(.+)-[bcdfghjklmnpqrstvwxz2456789]{5}$/;

/** Warnings seen since `since` (milliseconds), the newest first. */
export function warningGroups(seen: Pick<Seen, 'events' | 'pods' | 'jobs' | 'setsOfDeployments'>, since: number): WarningGroup[] {
  const ownerOf = owners(seen);
  const groups = new Map<string, WarningGroup & { events: Event[] }>();
  for (const event of seen.events) {
    if (event.type !== 'Warning' || !(lastSeenAt(event) >= since)) continue;
    const { reason = '' } = event;
    const about = ownerOf(event);
    const key = JSON.stringify([about.namespace, about.kind, about.name, reason]);
    const group = groups.get(key) ?? { key, reason, about, events: [], times: 0 };
    groups.set(key, group);
    group.events.push(event);
    group.times += timesSeen(event);
  }
  for (const { events } of groups.values()) events.sort(byLastSeen);
  return [...groups.values()].sort((a, b) => byLastSeen(a.events[0]!, b.events[0]!));
}

/**
 * So many of the groups, the newest of each namespace before the second of any: whoever may make events in one namespace
 * must not push those of others out of sight. What is left stays in order.
 */
export function fairly(groups: readonly WarningGroup[], most: number): readonly WarningGroup[] {
  if (groups.length <= most) return groups;
  const count = new Map<string, number>();
  const turns = groups.map(({ about }, index) => {
    const turn = count.get(about.namespace) ?? 0;
    count.set(about.namespace, turn + 1);
    return { turn, index };
  });
  const chosen = new Set(turns.sort((a, b) => a.turn - b.turn || a.index - b.index).slice(0, most).map(({ index }) => index));
  return groups.filter((_, index) => chosen.has(index));
}

/** Finds what manages the object of an event, as far up as is known. One of one namespace says nothing of another's objects, whatever it names. */
function owners({ pods, jobs, setsOfDeployments }: Pick<Seen, 'pods' | 'jobs' | 'setsOfDeployments'>): (event: Event) => Reference {
  let byUid: Map<string | undefined, KubeObject> | undefined;
  let bySetName: Map<string, KubeObject> | undefined;
  const known = (namespace: string, uid: string | undefined) => {
    byUid ??= new Map([...pods, ...jobs, ...setsOfDeployments].map((object) => [object.metadata?.uid, object]));
    const object = byUid.get(uid);
    return object?.metadata?.namespace === namespace ? object : undefined;
  };
  const setOf = (namespace: string, podName: string) => {
    bySetName ??= new Map(setsOfDeployments.map((set) => [`${set.metadata?.namespace}/${set.metadata?.name}`, set]));
    return bySetName.get(`${namespace}/${madeName.exec(podName)?.[1]}`);
  };
  return ({ involvedObject, metadata }) => {
    const namespace = metadata.namespace ?? '';
    const { kind = '', name = '', apiVersion = 'v1', uid } = involvedObject;
    let about: Reference = { apiVersion, kind, name, namespace: involvedObject.namespace ?? '' };
    // A pod that is gone had its name from its ReplicaSet.
    let object = known(namespace, uid) ?? (kind === 'Pod' ? setOf(namespace, name) : undefined);
    // A pod, its ReplicaSet, its Deployment.
    for (let steps = 0; object && steps < 3; steps++) {
      const owner = controllerOf(object);
      if (!owner) break;
      about = { apiVersion: owner.apiVersion, kind: owner.kind, name: owner.name, namespace };
      object = known(namespace, owner.uid);
    }
    return about;
  };
}
