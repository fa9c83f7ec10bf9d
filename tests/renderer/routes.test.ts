import { describe, expect, it } from 'vitest';
import { core } from '../../renderer/client/index.ts';
import { routeOfPath } from '../../renderer/routes.ts';
import { topicsOf } from '../../renderer/kinds/topics.ts';
import { ageOf, humanDuration } from '../../renderer/composables/age.ts';

describe('where the shell sends the window', () => {
  it.each([
    ['/api/v1/namespaces/default/pods/web-1', { name: 'object', params: { resource: 'pods', namespace: 'default', name: 'web-1' } }],
    ['/apis/apps/v1/namespaces/shop/deployments/web', { name: 'object', params: { resource: 'deployments.apps', namespace: 'shop', name: 'web' } }],
    ['/api/v1/nodes/node-1', { name: 'object', params: { resource: 'nodes', namespace: '-', name: 'node-1' } }],
    ['/api/v1/namespaces/shop', { name: 'object', params: { resource: 'namespaces', namespace: '-', name: 'shop' } }],
    ['/api/v1/pods', { name: 'list', params: { resource: 'pods' } }],
    ['/k/pods/default/web', '/k/pods/default/web'],
    ['https://evil.example', undefined],
  ])('%s', (path, route) => {
    expect(routeOfPath(path)).toEqual(route);
  });
});

describe('topics', () => {
  it('hold each kind once, what a CustomResourceDefinition added by itself, and nothing empty', () => {
    const boats = { ...core.pods, group: 'example.com', resource: 'boats', kind: 'Boat' };
    const unlisted = { ...core.pods, resource: 'bindings', verbs: ['create'] };
    const flowschemas = { ...core.pods, group: 'flowcontrol.apiserver.k8s.io', resource: 'flowschemas', kind: 'FlowSchema' };
    const topics = topicsOf([core.nodes, core.pods, boats, unlisted, flowschemas]);
    expect(topics.map(({ id, resources }) => [id, resources.map(({ resource }) => resource)])).toEqual([
      ['workloads', ['pods']],
      ['cluster', ['nodes', 'flowschemas']],
      ['custom', ['boats']],
    ]);
  });
});

describe('an age', () => {
  const [s, m, h, d] = [1_000, 60_000, 3_600_000, 86_400_000] as const;
  it.each([
    [-5 * s, '<invalid>'], [-1 * s, '0s'], [0, '0s'], [119 * s, '119s'], [2 * m, '2m'], [9 * m + 5 * s, '9m5s'], [179 * m, '179m'],
    [3 * h, '3h'], [7 * h + 30 * m, '7h30m'], [47 * h, '47h'], [2 * d, '2d'], [7 * d + 3 * h, '7d3h'], [100 * d, '100d'], [730 * d, '2y'], [800 * d, '2y70d'], [3650 * d, '10y'],
  ])('%d ms is %s, as kubectl prints it', (ms, text) => {
    expect(humanDuration(ms)).toBe(text);
  });

  it('of nothing is nothing', () => {
    expect(ageOf(undefined, 0)).toBe('');
  });
});
