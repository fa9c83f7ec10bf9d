import type { Deployment } from '../../../../main/api/index.ts';
import { controllerOf, type KubeObject } from '../../../../main/api/meta.ts';

/** A new set may be heard of before its Deployment is; after so many milliseconds that one is gone. */
const patience = 60_000;

/**
 * Tells ReplicaSets that tell for themselves: those of a Deployment tell it what is wrong, and it is told there. One is left
 * alone where it was made without a Deployment, was orphaned by one that was deleted, or was set free of it.
 */
export function leftBehind(deployments: readonly Deployment[], now: number): (set: KubeObject) => boolean {
  const known = new Set(deployments.map(({ metadata }) => metadata?.uid));
  return (set) => {
    const owner = controllerOf(set);
    return owner?.kind !== 'Deployment' || (!known.has(owner.uid) && now - Date.parse(set.metadata?.creationTimestamp ?? '') > patience);
  };
}
