import { expect, it } from 'vitest';
import { zoneOf } from '../../../main/api/topology.ts';

const node = (prefix: string, zone: string, more = {}) => ({ metadata: { labels: { [`${prefix}/region`]: 'r', [`${prefix}/zone`]: zone, ...more } } });
const [old, current] = ['failure-domain.beta.kubernetes.io', 'topology.kubernetes.io'] as const;

it('nodes are in one zone by their labels of any age, of which the older count first', () => {
  expect(zoneOf(node(old, 'a'))).toBe(zoneOf(node(current, 'a')));
  expect(zoneOf(node(current, 'b', { [`${old}/zone`]: 'a' }))).toBe(zoneOf(node(current, 'a')));
  expect(zoneOf(node(current, 'a'))).not.toBe(zoneOf(node(current, 'b')));
  expect(zoneOf({ metadata: {} })).toBe(zoneOf({ metadata: { labels: { zone: 'a' } } }));
});
