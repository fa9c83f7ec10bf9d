import type { Deployment, Node, Pod } from '../../../main/api/index.ts';
import { deploymentStatus } from '../../kinds/deployment/status.ts';
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
