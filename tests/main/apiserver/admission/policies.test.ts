import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConfigMap, Deployment } from '../../../../main/api/index.ts';
import { TestCluster } from '../registry/testCluster.ts';

const group = 'admissionregistration.k8s.io';
const configMaps = '/api/v1/namespaces/shop/configmaps';
const configMap = (name: string, data: Record<string, string> = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data });
const deployment = (replicas: number, labels: Record<string, string> = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', labels },
  spec: { replicas, selector: { matchLabels: { a: 'b' } }, template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } } },
});
const about = (resource: string, apiGroup = '') => ({ resourceRules: [{ operations: ['CREATE', 'UPDATE'], apiGroups: [apiGroup], apiVersions: ['v1'], resources: [resource] }] });

describe('admission policies', () => {
  let cluster: TestCluster;

  beforeEach(async () => {
    cluster = await TestCluster.start();
    await cluster.ask('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels: { tier: 'gold' } } });
  });
  afterEach(() => cluster.close());

  const policy = (kind: 'Validating' | 'Mutating', name: string, spec: object) =>
    cluster.ask('POST', `/apis/${group}/v1/${kind.toLowerCase()}admissionpolicies`, {
      apiVersion: `${group}/v1`,
      kind: `${kind}AdmissionPolicy`,
      metadata: { name },
      spec: { matchConstraints: about('configmaps'), ...(kind === 'Mutating' ? { reinvocationPolicy: 'Never' } : {}), ...spec },
    });
  const bind = (kind: 'Validating' | 'Mutating', name: string, spec: object = {}) =>
    cluster.ask('POST', `/apis/${group}/v1/${kind.toLowerCase()}admissionpolicybindings`, {
      apiVersion: `${group}/v1`,
      kind: `${kind}AdmissionPolicyBinding`,
      metadata: { name: `${name}-bound` },
      spec: { policyName: name, ...(kind === 'Validating' ? { validationActions: ['Deny'] } : {}), ...spec },
    });

  it('deny what their expressions do not agree with, once they are bound', async () => {
    await policy('Validating', 'small', {
      variables: [{ name: 'keys', expression: 'has(object.data) ? size(object.data) : 0' }],
      validations: [
        { expression: 'variables.keys <= 2', messageExpression: '"too many keys: " + string(variables.keys)' },
        { expression: "object.metadata.name != 'evil'", message: 'no evil', reason: 'Forbidden' },
        { expression: "namespaceObject.metadata.labels.tier == 'gold' && request.operation == 'CREATE'" },
      ],
    });
    await cluster.ask('POST', configMaps, configMap('unbound', { a: '', b: '', c: '' }));
    await bind('Validating', 'small');
    await cluster.ask('POST', configMaps, configMap('good', { a: '' }));
    expect(await cluster.refusal('POST', configMaps, configMap('big', { a: '', b: '', c: '' }))).toBe(
      'configmaps "big" is forbidden: ValidatingAdmissionPolicy \'small\' with binding \'small-bound\' denied request: too many keys: 3',
    );
    await expect(cluster.ask('POST', configMaps, configMap('evil'))).rejects.toMatchObject({ code: 403, reason: 'Forbidden' });
    expect(await cluster.refusal('PUT', `${configMaps}/good`, configMap('good', { b: '' }))).toContain("failed expression: namespaceObject.metadata.labels.tier == 'gold' && request.operation == 'CREATE'");
  });

  it('see the same objects under the group and version that they are written for, and no reviews of rights', async () => {
    await policy('Validating', 'core-events', {
      matchConstraints: { resourceRules: [{ operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['events'] }] },
      validations: [{ expression: 'object.involvedObject.name != "p"', messageExpression: '"seen as " + request.kind.group + "/" + request.kind.version + ", asked for " + request.requestKind.group' }],
    });
    await bind('Validating', 'core-events');
    const event = { metadata: { name: 'e', namespace: 'shop' }, eventTime: '2026-01-01T00:00:00.000000Z', reportingController: 'a.b/c', reportingInstance: 'i', action: 'a', reason: 'R', type: 'Normal', regarding: { kind: 'Pod', namespace: 'shop', name: 'p' } };
    expect(await cluster.refusal('POST', '/apis/events.k8s.io/v1/namespaces/shop/events', event)).toContain('denied request: seen as /v1, asked for events.k8s.io');
    await policy('Validating', 'nothing', { matchConstraints: { resourceRules: [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] }] }, validations: [{ expression: 'false' }] });
    await bind('Validating', 'nothing');
    const review = { spec: { resourceAttributes: { verb: 'get', resource: 'pods' } } };
    expect(await cluster.ask('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', review)).toMatchObject({ status: { allowed: true } });
    expect(await cluster.refusal('POST', configMaps, configMap('any'))).toContain('denied request');
    await cluster.ask('DELETE', `/apis/${group}/v1/validatingadmissionpolicybindings/nothing-bound`);
  });

  it('fail as their failurePolicy says when an expression cannot be evaluated', async () => {
    const validations = [{ expression: "object.data.missing == 'x'" }];
    await policy('Validating', 'strict', { validations });
    await policy('Validating', 'lax', { validations, failurePolicy: 'Ignore' });
    await bind('Validating', 'lax');
    await cluster.ask('POST', configMaps, configMap('one', { a: '' }));
    await bind('Validating', 'strict');
    expect(await cluster.refusal('POST', configMaps, configMap('two', { a: '' }))).toContain("expression 'object.data.missing == 'x'' resulted in error: no such key: missing");
  });

  it('only warn, if that is what their binding wants', async () => {
    await policy('Validating', 'mild', { validations: [{ expression: 'false', message: 'I would not' }], matchConditions: [{ name: 'not-free', expression: "object.metadata.name != 'free'" }] });
    await bind('Validating', 'mild', { validationActions: ['Warn', 'Audit'] });
    expect(await cluster.warnings('POST', configMaps, configMap('one'))).toEqual(["Validation failed for ValidatingAdmissionPolicy 'mild' with binding 'mild-bound': I would not"]);
    expect(await cluster.warnings('POST', configMaps, configMap('free'))).toEqual([]);
  });

  it('take their parameters from objects', async () => {
    await policy('Validating', 'limited', { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' }, matchConstraints: about('deployments', 'apps'), validations: [{ expression: 'object.spec.replicas <= int(params.data.max)' }] });
    await bind('Validating', 'limited', { paramRef: { name: 'limits', namespace: 'shop', parameterNotFoundAction: 'Deny' } });
    const deployments = '/apis/apps/v1/namespaces/shop/deployments';
    expect(await cluster.refusal('POST', deployments, deployment(1))).toContain('no params found for policy binding with `Deny` parameterNotFoundAction');
    await cluster.ask('POST', configMaps, configMap('limits', { max: '2' }));
    expect(await cluster.refusal('POST', deployments, deployment(3))).toContain('failed expression: object.spec.replicas <= int(params.data.max)');
    await cluster.ask('POST', deployments, deployment(2));
  });

  it('change what is written, by an applied configuration and by a JSON patch', async () => {
    await policy('Mutating', 'scaled', {
      matchConstraints: about('deployments', 'apps'),
      mutations: [
        { patchType: 'ApplyConfiguration', applyConfiguration: { expression: 'Object{spec: Object.spec{replicas: object.spec.replicas + 1, template: Object.spec.template{spec: Object.spec.template.spec{containers: [Object.spec.template.spec.containers{name: "extra", image: "j"}]}}}}' } },
        { patchType: 'JSONPatch', jsonPatch: { expression: '[JSONPatch{op: "test", path: "/metadata/labels/" + jsonpatch.escapeKey("a/b"), value: "c"}, JSONPatch{op: "add", path: "/metadata/labels/done", value: "yes"}]' } },
      ],
    });
    await bind('Mutating', 'scaled');
    const made = await cluster.ask<Deployment>('POST', '/apis/apps/v1/namespaces/shop/deployments', deployment(1, { 'a/b': 'c' }));
    expect(made.spec!.replicas).toBe(2);
    expect(made.spec!.template.spec!.containers.map(({ name, terminationMessagePath }) => [name, terminationMessagePath])).toEqual([['c', '/dev/termination-log'], ['extra', '/dev/termination-log']]);
    expect(made.metadata!.labels).toEqual({ 'a/b': 'c', done: 'yes' });
  });

  it('change nothing by a patch whose test fails, and say why another cannot be carried out', async () => {
    const patching = (name: string, operations: string) =>
      policy('Mutating', name, { matchConditions: [{ name: 'mine', expression: `object.metadata.name == '${name}'` }], mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: `[${operations}]` } }] });
    await patching('tested', 'JSONPatch{op: "test", path: "/data/k", value: "w"}, JSONPatch{op: "add", path: "/data/l", value: "1"}');
    await bind('Mutating', 'tested');
    await patching('missing', 'JSONPatch{op: "remove", path: "/data/nope"}');
    await bind('Mutating', 'missing');
    expect((await cluster.ask<ConfigMap>('POST', configMaps, configMap('tested', { k: 'v' }))).data).toEqual({ k: 'v' });
    expect(await cluster.refusal('POST', configMaps, configMap('missing', { k: 'v' }))).toContain(
      "denied request: JSON Patch: error in remove for path: '/data/nope': Unable to remove nonexistent key: nope: missing value",
    );
  });

  it('are refused with the compiler\'s words when an expression is none', async () => {
    expect(await cluster.refusal('POST', `/apis/${group}/v1/validatingadmissionpolicies`, {
      apiVersion: `${group}/v1`,
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name: 'bad' },
      spec: { matchConstraints: about('pods'), validations: [{ expression: 'object.spec.', reason: 'Whim' }, { expression: '1 + 1' }], variables: [{ name: 'in', expression: 'params.x' }] },
    })).toMatch(/spec\.variables\[0\]\.name: Invalid value: "in": must be a valid CEL identifier.*undeclared reference to 'params'.*compilation failed: ERROR.*spec\.validations\[0\]\.reason: Unsupported value: "Whim".*must evaluate to bool but got int/s);
  });

  it('leave requests alone that their conditions do not speak of', async () => {
    await policy('Mutating', 'marked', { matchConditions: [{ name: 'mine', expression: "request.userInfo.username == 'jane'" }], mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression: 'Object{data: {"by": "jane"}}' } }] });
    await bind('Mutating', 'marked');
    expect((await cluster.ask<ConfigMap>('POST', configMaps, configMap('one'))).data?.by).toBeUndefined();
    expect((await cluster.ask<ConfigMap>('POST', configMaps, configMap('two'), { name: 'jane', groups: ['system:masters'] })).data?.by).toBe('jane');
  });
});
