import { expect, it } from 'vitest';
import { describeRules, missingRules, ruleAllows, type RequestAttributes } from '../../../../main/apiserver/auth/rules.ts';
import type { PolicyRule } from '../../../../main/api/index.ts';

const rule = (verbs: string, apiGroups: string, resources: string, resourceNames?: string): PolicyRule => ({
  verbs: verbs.split(' '), apiGroups: apiGroups.split(' ').map((g) => (g === 'core' ? '' : g)), resources: resources.split(' '),
  ...(resourceNames ? { resourceNames: resourceNames.split(' ') } : {}),
});
const ask = (verb: string, resource: string, over: Partial<RequestAttributes> = {}): RequestAttributes => {
  const [name = '', subresource = ''] = resource.split('/');
  return { isResourceRequest: true, verb, group: '', resource: name, subresource, name: '', path: '', ...over };
};
const path = (text: string): RequestAttributes => ({ ...ask('get', ''), isResourceRequest: false, path: text });

it.each<[string, PolicyRule, RequestAttributes, boolean]>([
  ['the verb and resource', rule('get list', 'core', 'pods'), ask('list', 'pods'), true],
  ['another verb', rule('get', 'core', 'pods'), ask('delete', 'pods'), false],
  ['another group', rule('get', 'apps', 'pods'), ask('get', 'pods'), false],
  ['any verb', rule('*', 'core', 'pods'), ask('escalate', 'pods'), true],
  ['any resource', rule('get', '*', '*'), ask('get', 'pods/log'), true],
  ['a subresource that is not named', rule('get', 'core', 'pods'), ask('get', 'pods/log'), false],
  ['a named subresource', rule('get', 'core', 'pods/log'), ask('get', 'pods/log'), true],
  ['a subresource of anything', rule('update', '*', '*/scale'), ask('update', 'deployments/scale', { group: 'apps' }), true],
  ['a named object', rule('get', 'core', 'secrets', 'a b'), ask('get', 'secrets', { name: 'b' }), true],
  ['another object', rule('get', 'core', 'secrets', 'a'), ask('get', 'secrets', { name: 'c' }), false],
  ['all objects when one is named', rule('list', 'core', 'secrets', 'a'), ask('list', 'secrets'), false],
  ['a path', { verbs: ['get'], nonResourceURLs: ['/healthz'] }, path('/healthz'), true],
  ['a path below', { verbs: ['get'], nonResourceURLs: ['/healthz/*'] }, path('/healthz/etcd'), true],
  ['another path', { verbs: ['get'], nonResourceURLs: ['/healthz'] }, path('/metrics'), false],
])('a rule about %s', (_name, given, request, allowed) => {
  expect(ruleAllows(given, request)).toBe(allowed);
});

it('finds what somebody wants to give away and does not have', () => {
  const missing = missingRules([rule('get list', 'core', 'pods')], [rule('get list delete', 'core', 'pods secrets')]);
  expect(describeRules(missing)).toEqual([
    '{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}',
    '{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list" "delete"]}',
  ]);
  expect(missingRules([rule('*', '*', '*')], [rule('get', 'apps', 'deployments/scale', 'x')])).toEqual([]);
});
