import { expect, it } from 'vitest';
import { Selection } from '../../../../main/apiserver/registry/selection.ts';
import { configMap } from '../../../../main/apiserver/registry/core/configMap.ts';
import type { Strategy } from '../../../../main/apiserver/registry/strategy.ts';
import type { KubeObject } from '../../../../main/api/meta.ts';
import type { Entry } from '../../../../main/store/index.ts';

const strategy = configMap as Strategy;
const entry = (labels: Record<string, string> | undefined, annotations: Record<string, string> = {}, parsed = false): Entry => {
  const object: KubeObject = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'a', labels, annotations } };
  return { key: 'a', value: JSON.stringify(object), createRevision: 1, modRevision: 1, cause: { who: '' }, ...(parsed ? { memo: object } : {}) };
};

const entries: [string, Entry][] = [true, false].flatMap((parsed): [string, Entry][] => [
  ['app=web', entry({ app: 'web' }, {}, parsed)],
  ['app=db', entry({ app: 'db', tier: 'back' }, {}, parsed)],
  ['app=', entry({ app: '' }, {}, parsed)],
  ['no labels', entry(undefined, {}, parsed)],
  ['annotated', entry({}, { app: 'web' }, parsed)],
]);

it.each([
  ['app=web', ['app=web']],
  ['app=', ['app=']],
  ['app', ['app=web', 'app=db', 'app=']],
  ['!app', ['no labels', 'annotated']],
  ['app!=web', ['app=db', 'app=', 'no labels', 'annotated']],
  ['app in (web,db)', ['app=web', 'app=db']],
  ['app notin (web)', ['app=db', 'app=', 'no labels', 'annotated']],
  ['app=db,tier', ['app=db']],
])('%s picks the same objects whether they are parsed already or not', (selector, expected) => {
  const selection = Selection.of(strategy, selector, undefined);
  const picked = entries.filter(([, candidate]) => selection.picks(candidate)).map(([name]) => name);
  expect(picked).toEqual([...expected, ...expected]);
});

it('what cannot match stays unparsed', () => {
  const [other] = [entry({ app: 'db' })];
  expect(Selection.of(strategy, 'app=web', undefined).picks(other)).toBe(false);
  expect(other.memo).toBeUndefined();
});
