import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConfigMap, HorizontalPodAutoscaler, MutatingWebhookConfiguration } from '../../../../main/api/index.ts';
import { TestCluster } from '../registry/testCluster.ts';
import { WebhookServer } from '../support/webhookServer.ts';

const configMaps = '/api/v1/namespaces/shop/configmaps';
const registrations = '/apis/admissionregistration.k8s.io/v1';

describe('admission webhooks', () => {
  let hooks: WebhookServer;
  let cluster: TestCluster;

  beforeAll(async () => {
    hooks = await WebhookServer.start();
  });
  afterAll(() => hooks.close());
  beforeEach(async () => {
    hooks.seen.length = 0;
    hooks.answers = {};
    cluster = await TestCluster.start();
    await cluster.ask('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels: { team: 'a' } } });
  });
  afterEach(() => cluster.close());

  function register(kind: 'Mutating' | 'Validating', name: string, ...webhooks: object[]) {
    return cluster.ask('POST', `${registrations}/${kind.toLowerCase()}webhookconfigurations`, {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: `${kind}WebhookConfiguration`,
      metadata: { name },
      webhooks: webhooks.map((hook, i) => ({
        name: `hook-${i}.example.com`,
        rules: [{ operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }],
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        ...hook,
      })),
    });
  }
  const to = (path: string) => ({ clientConfig: hooks.clientConfig(path) });
  const configMap = (name: string, data: Record<string, string> = {}, labels = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels }, data });

  it('are told what is asked, and refuse it in their own words', async () => {
    hooks.answers['/judge'] = ({ object }: { object: ConfigMap }) => (object.data?.bad ? { allowed: false, status: { message: 'it is bad', reason: 'Forbidden', code: 403 } } : {});
    await register('Validating', 'judges', to('/judge'));
    await cluster.ask('POST', configMaps, configMap('good'));
    expect(hooks.seen[0]!.request).toMatchObject({
      kind: { group: '', version: 'v1', kind: 'ConfigMap' },
      resource: { group: '', version: 'v1', resource: 'configmaps' },
      requestKind: { group: '', version: 'v1', kind: 'ConfigMap' },
      name: 'good',
      namespace: 'shop',
      operation: 'CREATE',
      userInfo: { username: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] },
      object: { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'good', namespace: 'shop' } },
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
    });
    expect(await cluster.refusal('POST', configMaps, configMap('evil', { bad: 'yes' }))).toBe('admission webhook "hook-0.example.com" denied the request: it is bad');
    expect(await cluster.refusal('GET', `${configMaps}/evil`)).toContain('not found');
    await register('Validating', 'gone', { clientConfig: { url: 'https://127.0.0.1:1/' }, failurePolicy: 'Ignore', name: 'gone.example.com' });
    await cluster.ask('POST', configMaps, configMap('unwatched'));
    const metrics = String(await cluster.ask('GET', '/metrics'));
    for (const line of [
      'apiserver_admission_webhook_request_total{name="hook-0.example.com",type="validating",operation="CREATE",code="200",rejected="false"} 2',
      'apiserver_admission_webhook_rejection_count{name="hook-0.example.com",type="validating",operation="CREATE",error_type="no_error",rejection_code="403"} 1',
      'apiserver_admission_webhook_fail_open_count{name="gone.example.com",type="validating"} 1',
      'apiserver_admission_webhook_request_total{name="gone.example.com",type="validating",operation="CREATE",code="400",rejected="false"} 1',
      'apiserver_admission_webhook_admission_duration_seconds_count{name="hook-0.example.com",type="validating",operation="CREATE",rejected="true"} 1',
    ])
      expect(metrics).toContain(`${line}\n`);
    hooks.answers['/judge'] = () => ({ allowed: false });
    expect(await cluster.refusal('DELETE', `${configMaps}/good`)).toBe('admission webhook "hook-0.example.com" denied the request without explanation');
    expect(hooks.seen.at(-1)!.request).toMatchObject({ operation: 'DELETE', object: null, oldObject: { metadata: { name: 'good' } }, options: { kind: 'DeleteOptions' } });
  });

  it('change what is written, and whoever ran before a change is asked again if it wishes', async () => {
    const adding = (key: string) => ({ object }: { object: ConfigMap }) => ({ patch: object.data?.[key] ? [] : [{ op: 'add', path: `/data/${key}`, value: Object.keys(object.data!).join('+') }] });
    hooks.answers = { '/first': ({ object }: { object: ConfigMap }) => ({ patch: [{ op: 'add', path: '/data/first', value: Object.keys(object.data!).join('+') }] }), '/second': adding('second') };
    await register('Mutating', 'a', { ...to('/first'), reinvocationPolicy: 'IfNeeded' });
    await register('Mutating', 'b', to('/second'));
    const made = await cluster.ask<ConfigMap>('POST', configMaps, configMap('mine', { own: '1' }));
    expect(hooks.seen.map(({ path }) => path)).toEqual(['/first', '/second', '/first']);
    expect(made.data).toEqual({ own: '1', first: 'own+first+second', second: 'own+first' });
  });

  it('must send patches that can be read: else it counts as no answer', async () => {
    const patches: [string, string][] = [
      ['***', 'failed to call webhook: illegal base64 data at input byte 0'],
      [btoa('{nope'), "received undecodable patch in webhook response: invalid character 'n' looking for beginning of object key string"],
      [btoa('{"a":1}'), 'received undecodable patch in webhook response: json: cannot unmarshal object into Go value of type jsonpatch.Patch'],
      [btoa('[1]'), 'received undecodable patch in webhook response: json: cannot unmarshal number into Go value of type jsonpatch.Operation'],
    ];
    const now = { rawPatch: '' };
    hooks.answers['/patch'] = () => now;
    await register('Mutating', 'patching', to('/patch'));
    for (const [rawPatch, why] of patches) {
      now.rawPatch = rawPatch;
      expect(await cluster.refusal('POST', configMaps, configMap('a'))).toBe(`Internal error occurred: failed calling webhook "hook-0.example.com": ${why}`);
    }
    const { webhooks, metadata } = await cluster.ask<MutatingWebhookConfiguration>('GET', `${registrations}/mutatingwebhookconfigurations/patching`);
    await cluster.ask('PUT', `${registrations}/mutatingwebhookconfigurations/patching`, { metadata, webhooks: [{ ...webhooks![0], failurePolicy: 'Ignore' }] });
    await cluster.ask('POST', configMaps, configMap('a'));
  });

  it('must send patches that can be carried out, and leave kind and namespace alone', async () => {
    const patches: [object, string][] = [
      [{ op: 'remove', path: '/data/x' }, "Internal error occurred: error in remove for path: '/data/x': Unable to remove nonexistent key: x: missing value"],
      [{ op: 'test', path: '/metadata/name', value: 'b' }, 'Internal error occurred: testing value /metadata/name failed: test failed'],
      [{ op: 'replace', path: '/spec/x/y', value: 1 }, 'Internal error occurred: replace operation does not apply: doc is missing path: /spec/x/y: missing value'],
      [{ op: 'add', path: '/spec/x/y', value: 1 }, 'Internal error occurred: add operation does not apply: doc is missing path: "/spec/x/y": missing value'],
      [{ op: 'turn', path: '/data' }, 'Internal error occurred: Unexpected kind: turn'],
      [{ op: 'replace', path: '/kind', value: 'Pod' }, 'Internal error occurred: converting (v1.Pod) to (v1.ConfigMap): unknown conversion'],
      [{ op: 'replace', path: '/metadata/namespace', value: 'other' }, 'the namespace of the provided object does not match the namespace sent on the request'],
    ];
    const operation = { now: {} };
    hooks.answers['/patch'] = () => ({ patch: [operation.now] });
    await register('Mutating', 'patching', to('/patch'));
    for (const [patch, refusal] of patches) {
      operation.now = patch;
      expect(await cluster.refusal('POST', configMaps, configMap('a', { k: 'v' }))).toBe(refusal);
    }
    operation.now = { op: 'remove', path: '/metadata/namespace' };
    expect((await cluster.ask<ConfigMap>('POST', configMaps, configMap('a'))).metadata!.namespace).toBe('shop');
    await expect(cluster.ask('GET', '/api/v1/namespaces/other/configmaps/a')).rejects.toMatchObject({ code: 404 });
  });

  it('are not asked where the authorities that sign for them cannot be read', async () => {
    await register('Mutating', 'unsigned', { clientConfig: { ...hooks.clientConfig('/'), caBundle: btoa('no certificate') } });
    expect(await cluster.refusal('POST', configMaps, configMap('a'))).toBe(
      'Internal error occurred: failed calling webhook "hook-0.example.com": could not get REST client: unable to load root certificates: unable to parse bytes as PEM block',
    );
    expect(hooks.seen).toEqual([]);
  });

  it('must answer with a review', async () => {
    hooks.answers['/judge'] = () => ({ kind: 'Pod' });
    await register('Validating', 'odd', to('/judge'));
    expect(await cluster.refusal('POST', configMaps, configMap('a'))).toBe(
      'Internal error occurred: failed calling webhook "hook-0.example.com": failed to call webhook: no kind "Pod" is registered for version "admission.k8s.io/v1" in scheme "pkg/util/webhook/client.go:71"',
    );
  });

  it('that cannot be reached stop the request, unless they may be ignored', async () => {
    await register('Validating', 'gone', to('/gone'));
    expect(await cluster.refusal('POST', configMaps, configMap('one'))).toBe(
      'Internal error occurred: failed calling webhook "hook-0.example.com": failed to call webhook: an error on the server ("no such path") has prevented the request from succeeding',
    );
    await cluster.ask('DELETE', `${registrations}/validatingwebhookconfigurations/gone`);
    await register('Validating', 'optional', { ...to('/gone'), failurePolicy: 'Ignore' });
    await register('Mutating', 'optional', { ...to('/gone'), failurePolicy: 'Ignore' });
    expect(await cluster.ask('POST', configMaps, configMap('one'))).toMatchObject({ metadata: { name: 'one' } });
    expect(hooks.seen).toHaveLength(3);
  });

  it('hear only of the namespaces, objects and operations that they name', async () => {
    hooks.answers['/judge'] = () => ({ allowed: false });
    const rules = [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], scope: 'Namespaced' }];
    await register('Validating', 'judges', { ...to('/judge'), rules, namespaceSelector: { matchLabels: { team: 'b' } } });
    await register('Validating', 'others', { ...to('/judge'), rules, objectSelector: { matchExpressions: [{ key: 'strict', operator: 'Exists' }] } });
    await cluster.ask('POST', configMaps, configMap('free'));
    await cluster.ask('PUT', `${configMaps}/free`, configMap('free', {}, { strict: 'yes' }));
    expect(hooks.seen).toEqual([]);
    expect(await cluster.refusal('POST', configMaps, configMap('bound', {}, { strict: 'yes' }))).toContain('denied the request');
    await cluster.client().request({ method: 'PATCH', path: '/api/v1/namespaces/shop', contentType: 'application/merge-patch+json', body: { metadata: { labels: { team: 'b' } } } });
    expect(await cluster.refusal('POST', configMaps, configMap('other'))).toContain('denied the request');
  });

  it('with side effects are not asked on a dry run', async () => {
    await register('Validating', 'careful', { ...to('/judge'), sideEffects: 'NoneOnDryRun' });
    hooks.answers['/judge'] = () => ({ warnings: ['mind the gap'] });
    const client = cluster.client();
    await client.request({ method: 'POST', path: configMaps, body: configMap('one'), query: { dryRun: 'All' } });
    expect(hooks.seen[0]!.request).toMatchObject({ dryRun: true, options: { dryRun: ['All'] } });
  });

  it('see the version of a kind that they speak of, whichever was asked for', async () => {
    hooks.answers['/change'] = () => ({ patch: [{ op: 'replace', path: '/spec/targetCPUUtilizationPercentage', value: 55 }] });
    const rules = [{ operations: ['CREATE'], apiGroups: ['autoscaling'], apiVersions: ['v1'], resources: ['horizontalpodautoscalers'] }];
    await register('Mutating', 'old', { ...to('/change'), rules });
    const made = await cluster.ask<HorizontalPodAutoscaler>('POST', '/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers', {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'web' },
      spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 40 } } }] },
    });
    expect(hooks.seen[0]!.request).toMatchObject({
      kind: { version: 'v1' },
      requestKind: { version: 'v2' },
      object: { apiVersion: 'autoscaling/v1', spec: { targetCPUUtilizationPercentage: 40 } },
    });
    expect(made).toMatchObject({ apiVersion: 'autoscaling/v2', spec: { metrics: [{ resource: { target: { averageUtilization: 55 } } }] } });
  });

  it('never judge what registers them', async () => {
    hooks.answers['/judge'] = () => ({ allowed: false });
    const everything = { ...to('/judge'), rules: [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] }] };
    await register('Validating', 'all', everything);
    await register('Mutating', 'all', everything);
    expect(await cluster.refusal('POST', configMaps, configMap('one'))).toContain('denied the request');
    await cluster.ask('DELETE', `${registrations}/validatingwebhookconfigurations/all`);
    await cluster.ask('DELETE', `${registrations}/mutatingwebhookconfigurations/all`);
    await cluster.ask('POST', configMaps, configMap('one'));
  });

  it('get what upstream gives them by default, and are refused in its words', async () => {
    const made = (await register('Mutating', 'plain', { ...to('/x') })) as MutatingWebhookConfiguration;
    expect(made.webhooks![0]).toMatchObject({ failurePolicy: 'Fail', matchPolicy: 'Equivalent', namespaceSelector: {}, objectSelector: {}, timeoutSeconds: 10, reinvocationPolicy: 'Never', rules: [{ scope: '*' }] });
    const bad = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'bad' },
      webhooks: [{ name: 'short', rules: [{ operations: ['*', 'CREATE'], apiGroups: ['*'], apiVersions: [''], resources: ['*', 'pods'] }], clientConfig: { url: 'http://me@x/#y' }, sideEffects: 'Some', admissionReviewVersions: ['v2'] }],
    };
    const refusal = await cluster.refusal('POST', `${registrations}/validatingwebhookconfigurations`, bad);
    for (const part of [
      'webhooks[0].name: Invalid value: "short": should be a domain with at least three segments separated by dots',
      `webhooks[0].rules[0].operations: Invalid value: ["*","CREATE"]: if '*' is present, must not specify other operations`,
      'webhooks[0].rules[0].apiVersions[0]: Required value',
      `webhooks[0].rules[0].resources: Invalid value: ["*","pods"]: if '*' is present, must not specify other resources without subresources`,
      'webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"',
      `webhooks[0].clientConfig.url: Invalid value: "http": 'https' is the only allowed URL scheme; desired format: https://host[/path]`,
      'webhooks[0].clientConfig.url: Invalid value: "me": user information is not permitted in the URL',
      'webhooks[0].admissionReviewVersions: Invalid value: ["v2"]: must include at least one of v1, v1beta1',
    ])
      expect(refusal).toContain(part);
  });
});
