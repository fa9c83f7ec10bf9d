import { afterEach, describe, expect, it } from 'vitest';
import { auditPolicy } from '../../../../main/apiserver/index.ts';
import { start, widgets, type Harness } from '../support/harness.ts';

const path = '/apis/test.skiff/v1/namespaces/shop/widgets';
const policy = (...rules: object[]) => auditPolicy({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', omitStages: ['RequestReceived'], omitManagedFields: true, rules });

interface Event {
  level: string;
  stage: string;
  verb: string;
  [field: string]: unknown;
}

describe('the audit log', () => {
  let harness: Harness;
  let events: Event[];

  async function serve(...rules: object[]): Promise<void> {
    events = [];
    harness = await start({ strategies: [widgets as never], audit: { policy: policy(...rules), sink: (line) => void events.push(JSON.parse(line) as Event) } });
  }
  afterEach(() => harness.close());
  const create = (name: string) => harness.local.request({ method: 'POST', path, body: { apiVersion: 'test.skiff/v1', kind: 'Widget', metadata: { name }, spec: { size: 1 } } });

  it('counts what it tells', async () => {
    await serve({ level: 'Metadata', verbs: ['create'] }, { level: 'None' });
    await create('counted');
    const { body } = await harness.local.request<string>({ method: 'GET', path: '/metrics' });
    for (const line of ['apiserver_audit_event_total 1', 'apiserver_audit_level_total{level="Metadata"} 1', 'apiserver_audit_level_total{level="None"} 1']) expect(body).toContain(`${line}\n`);
  });

  it('tells who asked for what, and how it ended', async () => {
    await serve({ level: 'Metadata' });
    await create('one');
    expect(events).toMatchObject([
      {
        kind: 'Event',
        apiVersion: 'audit.k8s.io/v1',
        level: 'Metadata',
        stage: 'ResponseComplete',
        requestURI: path,
        verb: 'create',
        user: { username: 'tester', groups: ['system:masters'] },
        userAgent: 'tester/v1',
        objectRef: { apiGroup: 'test.skiff', apiVersion: 'v1', namespace: 'shop', resource: 'widgets' },
        responseStatus: { code: 201 },
      },
    ]);
    expect(events[0]).not.toHaveProperty('requestObject');
    await create('one').catch(() => {});
    expect(events[1]).toMatchObject({ stage: 'ResponseComplete', responseStatus: { status: 'Failure', reason: 'AlreadyExists', code: 409 } });
  });

  it('shows what was sent and answered where the policy wants it, without who owns which field', async () => {
    await serve({ level: 'RequestResponse' });
    await create('one');
    expect(events[0]).toMatchObject({ requestObject: { kind: 'Widget', metadata: { name: 'one' } }, responseObject: { metadata: { name: 'one', namespace: 'shop' } } });
    expect(JSON.stringify(events)).not.toContain('managedFields');
    await harness.local.request({ method: 'PATCH', path: `${path}/one`, contentType: 'application/merge-patch+json', body: { spec: { size: 2 } } });
    expect(events[1]).toMatchObject({ verb: 'patch', requestObject: { spec: { size: 2 } } });
  });

  it('is silent about what the first rule that fits leaves out', async () => {
    await serve({ level: 'None', verbs: ['get', 'list', 'watch'] }, { level: 'None', users: ['system:nobody'] }, { level: 'Request', resources: [{ group: 'test.skiff', resources: ['widgets'] }] });
    await create('one');
    await harness.local.request({ method: 'GET', path: `${path}/one` });
    await harness.local.request({ method: 'GET', path: '/version' });
    expect(events.map(({ verb, level }) => [verb, level])).toEqual([['create', 'Request']]);
  });

  it('tells of a watch when it begins and when it ends', async () => {
    await serve({ level: 'Metadata' });
    const gone = new AbortController();
    harness.local.watch({ method: 'GET', path, signal: gone.signal }, { onEvent() {}, onEnd() {} });
    await new Promise((resolve) => setImmediate(resolve));
    gone.abort();
    expect(events.map(({ stage, verb }) => [verb, stage])).toEqual([['watch', 'ResponseStarted'], ['watch', 'ResponseComplete']]);
  });

  // The table of k8s.io/apiserver/pkg/audit/policy/checker_test.go.
  it.each<[string, object, boolean]>([
    ['everything', {}, true],
    ['the user', { users: ['tester'] }, true],
    ['another user', { users: ['somebody'] }, false],
    ['the group', { userGroups: ['system:masters'] }, true],
    ['the verb', { verbs: ['create'] }, true],
    ['another verb', { verbs: ['get'] }, false],
    ['the namespace', { namespaces: ['shop'] }, true],
    ['what has no namespace', { namespaces: [''] }, false],
    ['the group of the resource', { resources: [{ group: 'test.skiff' }] }, true],
    ['every group', { resources: [{ group: '*', resources: ['widgets'] }] }, true],
    ['the core group', { resources: [{ resources: ['widgets'] }] }, false],
    ['the resource with its parts', { resources: [{ group: 'test.skiff', resources: ['widgets/*'] }] }, true],
    ['a part only', { resources: [{ group: 'test.skiff', resources: ['widgets/status'] }] }, false],
    ['parts of any resource', { resources: [{ group: 'test.skiff', resources: ['*/status'] }] }, false],
    ['an object of another name', { resources: [{ group: 'test.skiff', resources: ['*'], resourceNames: ['other'] }] }, false],
    ['paths', { nonResourceURLs: ['*'] }, false],
  ])('a rule for %s is heeded or not', async (_, rule, told) => {
    await serve({ level: 'Metadata', ...rule }, { level: 'None' });
    await create('one');
    expect(events.length > 0).toBe(told);
  });

  it('takes no policy that makes no sense', async () => {
    await serve({ level: 'Metadata' });
    expect(() => auditPolicy({ kind: 'Policy' })).toThrow('the audit policy is no Policy of audit.k8s.io/v1');
    expect(() => policy({ level: 'Everything' })).toThrow('rules[0].level: Unsupported value: "Everything"');
    expect(() => policy({ level: 'Metadata', nonResourceURLs: ['x'] })).toThrow("rules[0].nonResourceURLs[0]: Invalid value: \"x\": non-resource URL rules must begin with a '/' character");
    expect(() => policy({ level: 'Metadata', nonResourceURLs: ['/a*b'] })).toThrow("wildcards '*' must be the final character of the rule");
    expect(() => policy({ level: 'Metadata', resources: [{ group: 'apps/v1' }] })).toThrow('rules[0].resources.group: Invalid value: "apps/v1"');
    expect(() => policy({ level: 'Metadata', resources: [{ group: '', resourceNames: ['x'] }] })).toThrow('using resourceNames requires at least one resource');
    expect(() => policy({ level: 'Metadata', nonResourceURLs: ['/x'], namespaces: ['a'] })).toThrow('rules cannot apply to both regular resources and non-resource URLs');
  });
});
