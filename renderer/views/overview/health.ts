import type { Deployment, Event, Node, Pod } from '../../../main/api/index.ts';
import { deploymentStatus } from '../../kinds/deployment/status.ts';
import { lastSeen, timesSeen } from '../../kinds/event/time.ts';
import { toneOf } from '../../kinds/pod/status.ts';
import { isDown } from './complaints/nodes.ts';

export interface Tally {
  healthy: number;
  moving: number;
  unhealthy: number;
}

/** What runs on a node that has fallen silent may run or not: nobody can call it healthy. */
export function podTally(pods: readonly Pod[], nodes: readonly Node[]): Tally {
  const tally: Tally = { healthy: 0, moving: 0, unhealthy: 0 };
  const down = new Set(nodes.filter(isDown).map((node) => node.metadata?.name));
  for (const pod of pods) {
    const tone = toneOf(pod);
    if (tone === 'bad' || (tone === 'ok' && down.has(pod.spec?.nodeName))) tally.unhealthy++;
    else if (tone === 'warn') tally.moving++;
    else tally.healthy++;
  }
  return tally;
}

export function deploymentTally(deployments: readonly Deployment[]): Tally {
  const tally: Tally = { healthy: 0, moving: 0, unhealthy: 0 };
  for (const deployment of deployments) {
    const { tone } = deploymentStatus(deployment);
    if (tone === 'bad') tally.unhealthy++;
    else if (tone === 'warn' || tone === 'info') tally.moving++;
    else tally.healthy++;
  }
  return tally;
}

/** Warnings of one reason with much the same message, about however many objects. */
export interface WarningGroup {
  reason: string;
  message: string;
  objects: readonly { kind: string; name: string; namespace: string; apiVersion: string }[];
  times: number;
  last: string;
}

/** Names, addresses and numbers differ from object to object; the cause does not. */
const shape = (text: string, name: string) => text.replaceAll(name || '\0', '#').replace(/"[^"]*"|\([^)]*\)|\b[0-9a-f-]{8,}\b|\d+/g, '#');

export function warningGroups(events: readonly Event[], since: number): WarningGroup[] {
  const groups = new Map<string, WarningGroup & { objects: { kind: string; name: string; namespace: string; apiVersion: string }[] }>();
  for (const event of events) {
    const last = lastSeen(event) ?? '';
    if (event.type !== 'Warning' || Date.parse(last) < since) continue;
    const { kind = '', name = '', namespace = '', apiVersion = 'v1' } = event.involvedObject;
    const key = `${event.reason} ${shape(event.message ?? '', name)}`;
    const group = groups.get(key) ?? { reason: event.reason ?? '', message: event.message ?? '', objects: [], times: 0, last: '' };
    groups.set(key, group);
    // One has seconds and another microseconds: as texts they are not in order.
    if (!group.last || Date.parse(last) > Date.parse(group.last)) {
      group.last = last;
      group.message = event.message ?? '';
    }
    group.times += timesSeen(event);
    if (!group.objects.some((each) => each.kind === kind && each.name === name && each.namespace === namespace)) group.objects.push({ kind, name, namespace, apiVersion });
  }
  return [...groups.values()].sort((a, b) => Date.parse(b.last) - Date.parse(a.last));
}
