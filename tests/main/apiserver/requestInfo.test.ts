import { describe, expect, it } from 'vitest';
import { parseRequestInfo } from '../../../main/apiserver/requestInfo.ts';
import { Query } from '../../../main/apiserver/query.ts';

/** Cases of k8s.io/apiserver/pkg/endpoints/request/requestinfo_test.go. */
const cases: [method: string, url: string, verb: string, group: string, namespace: string, resource: string, subresource: string, name: string][] = [
  ['GET', '/api/v1/namespaces', 'list', '', '', 'namespaces', '', ''],
  ['GET', '/api/v1/namespaces/other', 'get', '', 'other', 'namespaces', '', 'other'],
  ['PUT', '/api/v1/namespaces/other/finalize', 'update', '', 'other', 'namespaces', 'finalize', 'other'],
  ['GET', '/api/v1/namespaces/other/pods', 'list', '', 'other', 'pods', '', ''],
  ['GET', '/api/v1/namespaces/other/pods/foo', 'get', '', 'other', 'pods', '', 'foo'],
  ['HEAD', '/api/v1/namespaces/other/pods/foo', 'get', '', 'other', 'pods', '', 'foo'],
  ['GET', '/api/v1/pods', 'list', '', '', 'pods', '', ''],
  ['GET', '/api/v1/pods?watch=1', 'watch', '', '', 'pods', '', ''],
  ['GET', '/api/v1/pods?watch=false', 'list', '', '', 'pods', '', ''],
  ['GET', '/api/v1/pods?fieldSelector=metadata.name%3Dfoo', 'list', '', '', 'pods', '', 'foo'],
  ['GET', '/api/v1/watch/namespaces/other/pods', 'watch', '', 'other', 'pods', '', ''],
  ['GET', '/api/v1/namespaces/other/pods/foo/log', 'get', '', 'other', 'pods', 'log', 'foo'],
  ['POST', '/api/v1/namespaces/other/pods', 'create', '', 'other', 'pods', '', ''],
  ['PATCH', '/apis/apps/v1/namespaces/other/deployments/web', 'patch', 'apps', 'other', 'deployments', '', 'web'],
  ['DELETE', '/apis/apps/v1/namespaces/other/deployments', 'deletecollection', 'apps', 'other', 'deployments', '', ''],
  ['DELETE', '/api/v1/nodes/n1', 'delete', '', '', 'nodes', '', 'n1'],
];

describe('the request info of', () => {
  it.each(cases)('%s %s', (method, url, verb, group, namespace, resource, subresource, name) => {
    const [path = '', query = ''] = url.split('?');
    expect(parseRequestInfo(method, path, Query.parse(query))).toMatchObject({ isResourceRequest: true, verb, group, namespace, resource, subresource, name });
  });

  it.each(['/', '/api', '/apis/apps', '/apis/apps/v1', '/version', '/openapi/v3/apis/apps/v1'])('%s is that of no resource', (path) => {
    expect(parseRequestInfo('GET', path, Query.empty)).toMatchObject({ isResourceRequest: false, verb: 'get', path });
  });

  it('is decoded before it is parted', () => {
    expect(parseRequestInfo('GET', '/api/v1/namespaces/a/configmaps/x%2Fy', Query.empty)).toMatchObject({ name: 'x', subresource: 'y' });
    expect(parseRequestInfo('GET', '/api/v1/namespaces/a/configmaps/x%3Ay', Query.empty).name).toBe('x:y');
  });
});

describe('a query', () => {
  it('keeps every value of a name', () => {
    expect(Query.parse('command=ls&command=-l&tty').all('command')).toEqual(['ls', '-l']);
  });

  it('reads flags as Go does', () => {
    const query = Query.parse('a&b=1&c=false&d=0&e=yes');
    expect(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => query.flag(name))).toEqual([true, true, false, false, true, undefined]);
  });

  it('leaves out what is badly escaped', () => {
    expect(Query.parse('a=%zz&b=x+y').get('a')).toBeUndefined();
    expect(Query.parse('a=%zz&b=x+y').get('b')).toBe('x y');
  });
});
