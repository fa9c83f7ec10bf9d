import type { KubeObject } from '../api/meta.ts';

/** Older ones first, and by name where two were made in the same second. */
export function byAge(a: KubeObject, b: KubeObject): number {
  const [left = '', right = ''] = [a.metadata?.creationTimestamp, b.metadata?.creationTimestamp];
  return left === right ? order(a.metadata!.name!, b.metadata!.name!) : order(left, right);
}

const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
