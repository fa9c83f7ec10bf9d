import { ofAutoscalers } from './complaints/autoscalers.ts';
import { ofClaims } from './complaints/claims.ts';
import { ofNamespaces } from './complaints/namespaces.ts';
import { ofNodes } from './complaints/nodes.ts';
import { ofPods } from './complaints/pods.ts';
import { ofWorkloads } from './complaints/workloads.ts';
import { indexEvents, type Seen } from './seen.ts';
import type { Complaint, Trouble } from './trouble.ts';

/** So many of one kind in one namespace are told by name where only events tell of them, which everybody can make who may make events. */
const mostAlike = 3;

/** What is not well at `now`, in milliseconds: first what the objects themselves say, then what is known by events alone. */
export function troubles(seen: Seen, now: number): Trouble[] {
  const eventsOf = indexEvents(seen.events);
  const certain = new Map<string, Trouble>();
  const heard = new Map<string, Trouble>();
  const all: Iterable<Complaint>[] = [
    ofNodes(seen.nodes),
    ofPods(seen, eventsOf, now),
    ofWorkloads(seen, eventsOf, now),
    ofAutoscalers(seen.autoscalers, now),
    ofClaims(seen.claims, seen.storageClasses, eventsOf, now),
    ofNamespaces(seen.namespaces, now),
  ];
  for (const each of all) for (const complaint of each) add(complaint.hearsay ? heard : certain, complaint);
  for (const [group, { others }] of heard) {
    const known = certain.get(group);
    if (!known) continue;
    known.others += others + 1;
    heard.delete(group);
  }
  return [...certain.values(), ...inTurns(limited([...heard.values()]))];
}

function add(found: Map<string, Trouble>, { group, hearsay: _, ...trouble }: Complaint): void {
  const known = found.get(group);
  if (known) known.others++;
  else found.set(group, { ...trouble, others: 0 });
}

/** Leaves a few of one kind and namespace; the last of them counts the rest. */
function limited(troubles: readonly Trouble[]): Trouble[] {
  const told = new Map<string, Trouble[]>();
  return troubles.filter((trouble) => {
    const key = `${trouble.namespace}/${trouble.kind}/${trouble.word}`;
    const alike = told.get(key) ?? [];
    told.set(key, alike);
    if (alike.length < mostAlike) return alike.push(trouble);
    alike.at(-1)!.others += trouble.others + 1;
    return false;
  });
}

/** The first of each namespace, then the second of each: none can push another's away. */
function inTurns(troubles: readonly Trouble[]): Trouble[] {
  const count = new Map<string, number>();
  const turnOf = new Map<Trouble, number>();
  for (const trouble of troubles) {
    const turn = count.get(trouble.namespace) ?? 0;
    count.set(trouble.namespace, turn + 1);
    turnOf.set(trouble, turn);
  }
  return troubles.toSorted((a, b) => turnOf.get(a)! - turnOf.get(b)!);
}
