import { describe, expect, test } from 'vitest';
import type { Authorizer, RequestInfo } from '../../../main/apiserver/index.ts';
import { impersonate, impersonationOf } from '../../../main/apiserver/impersonation.ts';
import { Query } from '../../../main/apiserver/query.ts';
import { parseRequestInfo } from '../../../main/apiserver/requestInfo.ts';

const admin = { name: 'admin', groups: ['system:masters'] };
const someone = { name: 'someone', groups: ['system:authenticated'] };
const listing = parseRequestInfo('GET', '/api/v1/namespaces/shop/pods', Query.empty);
const refuse: Authorizer = { authorize: () => ({ allowed: false, reason: '' }) };

describe('impersonation', () => {
  test('most requests ask for none', () => {
    expect(impersonationOf(['Host', 'localhost', 'If-None-Match', 'x'])).toBeUndefined();
  });

  test('headers repeat, and keys of extra are escaped', () => {
    expect(
      impersonationOf(['Impersonate-User', 'jane', 'impersonate-group', 'a', 'Impersonate-Group', 'b', 'Impersonate-Extra-Acme.com%2Fproject', 'x', 'Impersonate-Uid', '7']),
    ).toEqual({ user: 'jane', groups: ['a', 'b'], uid: '7', extra: [['acme.com/project', 'x']] });
  });

  test.each([
    ['a user is one of the authenticated', ['Impersonate-User', 'jane'], { name: 'jane', groups: ['system:authenticated'] }],
    ['named groups are kept', ['Impersonate-User', 'jane', 'Impersonate-Group', 'dev'], { name: 'jane', groups: ['dev', 'system:authenticated'] }],
    [
      'a service account brings its groups',
      ['Impersonate-User', 'system:serviceaccount:shop:web'],
      { name: 'system:serviceaccount:shop:web', groups: ['system:serviceaccounts', 'system:serviceaccounts:shop', 'system:authenticated'] },
    ],
    ['nobody stays nobody', ['Impersonate-User', 'system:anonymous'], { name: 'system:anonymous', groups: ['system:unauthenticated'] }],
  ])('%s', async (_story, headers, expected) => {
    expect(await impersonate(refuse, admin, impersonationOf(headers)!, listing)).toEqual(expected);
  });

  test('each part is asked for', async () => {
    const asked: string[] = [];
    const record: Authorizer = {
      authorize(_user, info: RequestInfo) {
        asked.push([info.verb, info.group, info.resource, info.subresource, info.namespace, info.name].join(' '));
        return { allowed: true, reason: '' };
      },
    };
    await impersonate(record, someone, { user: 'system:serviceaccount:shop:web', groups: ['dev'], uid: '7', extra: [['k', 'v']] }, listing);
    expect(asked).toEqual([
      'impersonate  serviceaccounts  shop web',
      'impersonate authentication.k8s.io uids   7',
      'impersonate  groups   dev',
      'impersonate authentication.k8s.io userextras k  v',
    ]);
  });

  test('who may not is refused in words', async () => {
    await expect(impersonate(refuse, someone, { user: 'jane', groups: [], uid: '', extra: [] }, listing)).rejects.toThrow(
      'pods is forbidden: User "someone" cannot impersonate-on:user-info:list resource "pods" in API group "" in the namespace "shop"',
    );
  });

  describe('within bounds', () => {
    /** Allows what it is given: verb, resource and name. */
    const allow = (...granted: string[]): Authorizer => ({
      authorize: (_user, { verb, resource, name }) => ({ allowed: granted.includes([verb, resource, name].filter(Boolean).join(' ')), reason: '' }),
    });
    const as = (user: string) => ({ user, groups: [], uid: '', extra: [] });

    test('needs both: to be taken for the user, and to make this request as another', async () => {
      const both = ['impersonate:user-info users jane', 'impersonate-on:user-info:list pods'];
      expect(await impersonate(allow(...both), someone, as('jane'), listing)).toEqual({ name: 'jane', groups: ['system:authenticated'] });
      for (const one of both) await expect(impersonate(allow(one), someone, as('jane'), listing)).rejects.toThrow('is forbidden');
      await expect(impersonate(allow(...both), someone, as('system:serviceaccount:a:b'), listing)).rejects.toThrow('cannot impersonate-on:serviceaccount:list');
    });

    test('makes a node of the nodes, and one that a token is bound to by no name', async () => {
      const arbitrary = allow('impersonate:arbitrary-node nodes n1', 'impersonate-on:arbitrary-node:list pods');
      expect(await impersonate(arbitrary, someone, as('system:node:n1'), listing)).toEqual({ name: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] });
      const own = allow('impersonate:associated-node nodes *', 'impersonate-on:associated-node:list pods');
      const agent = { name: 'system:serviceaccount:kube-system:agent', groups: [], extra: { 'authentication.kubernetes.io/node-name': ['n1'] } };
      expect((await impersonate(own, agent, as('system:node:n1'), listing)).groups).toContain('system:nodes');
      await expect(impersonate(own, agent, as('system:node:n2'), listing)).rejects.toThrow('is forbidden');
    });

    test('makes nobody one of those who may do anything, and takes only keys with a domain', async () => {
      const anybody: Authorizer = { authorize: (_user, { verb }) => ({ allowed: verb !== 'impersonate', reason: '' }) };
      const jane = (more: object) => ({ ...as('jane'), ...more });
      expect((await impersonate(anybody, someone, jane({ groups: ['devs'], extra: [['example.com/scopes', 'a']] }), listing)).groups).toEqual(['devs', 'system:authenticated']);
      await expect(impersonate(anybody, someone, jane({ groups: ['system:masters'] }), listing)).rejects.toThrow(': impersonating the system:masters group is not allowed');
      await expect(impersonate(anybody, someone, jane({ groups: [''] }), listing)).rejects.toThrow(': impersonating the empty string group is not allowed');
      await expect(impersonate(anybody, someone, jane({ extra: [['scopes', 'a']] }), listing)).rejects.toThrow('impersonating an invalid key in extra is not allowed: extra.key: Invalid value: "scopes": must be a domain-prefixed path');
      // The verb of old has no such bounds.
      const old: Authorizer = { authorize: (_user, { verb }) => ({ allowed: verb === 'impersonate', reason: '' }) };
      expect((await impersonate(old, someone, jane({ groups: ['system:masters'] }), listing)).groups).toContain('system:masters');
    });

    test('is asked once for many groups', async () => {
      const star = allow('impersonate:user-info users jane', 'impersonate-on:user-info:list pods', 'impersonate:user-info groups *');
      const groups = ['a', 'b', 'c', 'd'];
      expect((await impersonate(star, someone, { ...as('jane'), groups }, listing)).groups).toEqual([...groups, 'system:authenticated']);
      await expect(impersonate(star, someone, { ...as('jane'), groups: ['a'] }, listing)).rejects.toThrow('is forbidden');
    });

    test('the verb of old is enough as ever', async () => {
      expect(await impersonate(allow('impersonate users jane'), someone, as('jane'), listing)).toEqual({ name: 'jane', groups: ['system:authenticated'] });
    });
  });

  test('groups without a user make no sense', async () => {
    await expect(impersonate(refuse, admin, impersonationOf(['Impersonate-Group', 'system:masters'])!, listing)).rejects.toThrow('without impersonating a user');
  });
});
