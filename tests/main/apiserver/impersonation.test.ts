import { describe, expect, test } from 'vitest';
import type { Authorizer, RequestInfo } from '../../../main/apiserver/index.ts';
import { impersonate, impersonationOf } from '../../../main/apiserver/impersonation.ts';

const admin = { name: 'admin', groups: ['system:masters'] };
const someone = { name: 'someone', groups: ['system:authenticated'] };
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
    expect(await impersonate(refuse, admin, impersonationOf(headers)!)).toEqual(expected);
  });

  test('each part is asked for', async () => {
    const asked: string[] = [];
    const record: Authorizer = {
      authorize(_user, info: RequestInfo) {
        asked.push([info.verb, info.group, info.resource, info.subresource, info.namespace, info.name].join(' '));
        return { allowed: true, reason: '' };
      },
    };
    await impersonate(record, someone, { user: 'system:serviceaccount:shop:web', groups: ['dev'], uid: '7', extra: [['k', 'v']] });
    expect(asked).toEqual([
      'impersonate  serviceaccounts  shop web',
      'impersonate  groups   dev',
      'impersonate authentication.k8s.io userextras k  v',
      'impersonate authentication.k8s.io uids   7',
    ]);
  });

  test('who may not is refused in words', async () => {
    await expect(impersonate(refuse, someone, { user: 'jane', groups: [], uid: '', extra: [] })).rejects.toThrow(
      'users "jane" is forbidden: User "someone" cannot impersonate resource "users" in API group "" at the cluster scope',
    );
  });

  test('groups without a user make no sense', async () => {
    await expect(impersonate(refuse, admin, impersonationOf(['Impersonate-Group', 'system:masters'])!)).rejects.toThrow('without impersonating a user');
  });
});
