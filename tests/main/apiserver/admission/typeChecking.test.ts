import { expect, it } from 'vitest';
import type { ValidatingAdmissionPolicy } from '../../../../main/api/index.ts';
import { expressionWarnings } from '../../../../main/apiserver/admission/policies/typeChecking.ts';
import type { ResourceTable } from '../../../../main/apiserver/registry/resources.ts';

/* Mirrors k8s.io/apiserver/pkg/admission/plugin/policy/validating/typechecking_test.go. */

const widget = { type: 'object', properties: { metadata: { type: 'object' }, spec: { type: 'object', properties: { size: { type: 'integer' } } } } };
const registry = (group: string, resource: string, kind: string, v3?: object) => ({ definition: { group, version: 'v1', resource, kind }, strategy: v3 ? { openApi: { v3 } } : {} });
const kinds = [registry('apiextensions.k8s.io', 'customresourcedefinitions', 'CustomResourceDefinition'), registry('apps', 'deployments', 'Deployment'), registry('', 'configmaps', 'ConfigMap'), registry('example.com', 'widgets', 'Widget', widget)];
const resources = {
  all: () => kinds,
} as unknown as ResourceTable;

const warningsOf = (expression: string, group: string, resource: string, more: Partial<ValidatingAdmissionPolicy['spec']> = {}) =>
  expressionWarnings({ spec: { ...more, matchConstraints: { resourceRules: [{ apiGroups: [group], apiVersions: ['v1'], operations: ['*'], resources: [resource] }] }, validations: [{ expression }] } }, resources).map(({ warning }) => warning);

it('says of which kind an expression is wrong, and where', () => {
  expect(warningsOf('object.data.size() > 1', '', 'configmaps')).toEqual([]);
  expect(warningsOf('object.foo > 1', '', 'configmaps')).toEqual(["/v1, Kind=ConfigMap: ERROR: <input>:1:7: undefined field 'foo'\n | object.foo > 1\n | ......^\n"]);
  expect(warningsOf('has(object.spec.foo)', 'apps', 'deployments')).toEqual(["apps/v1, Kind=Deployment: ERROR: <input>:1:4: undefined field 'foo'\n | has(object.spec.foo)\n | ...^\n"]);
});

it('knows the metadata of kinds that users define, which their definitions leave out', () => {
  expect(warningsOf('object.metadata.labels.exists(key, key == "a") && object.metadata.creationTimestamp > timestamp("2020-01-01T00:00:00Z")', 'example.com', 'widgets')).toEqual([]);
  expect(warningsOf('object.metadata.labels["a"] == 1', 'example.com', 'widgets')).toEqual([expect.stringContaining("example.com/v1, Kind=Widget: ERROR: <input>:1:29: found no matching overload for '_==_' applied to '(string, int)'")]);
  expect(warningsOf('object.spec.size == "a"', 'example.com', 'widgets')).toEqual([expect.stringContaining("'(int, string)'")]);
});

it('leaves alone what may be of any kind', () => {
  for (const group of ['*', 'apps']) expect(warningsOf('object.foo > 1', group, '*')).toEqual([]);
});

it('sees nothing of what OpenAPI gives no one type, and of types inside themselves no members', () => {
  const undefinedField = (expression: string, group: string, resource: string) => warningsOf(expression, group, resource).map((warning) => /undefined field '(\w+)'/.exec(warning)?.[1]);
  const containers = 'object.spec.template.spec.containers';
  expect(undefinedField(`${containers}.all(c, c.resources.limits['cpu'] == '1')`, 'apps', 'deployments')).toEqual(['limits']);
  expect(undefinedField('object.metadata.managedFields[0].fieldsV1.x == 1', 'apps', 'deployments')).toEqual(['x']);
  expect(undefinedField('object.spec.strategy.rollingUpdate.maxSurge == 1', 'apps', 'deployments')).toEqual([]);
  const schema = 'object.spec.versions[0].schema.openAPIV3Schema';
  expect(undefinedField(`${schema}.properties['a'].type == 'string'`, 'apiextensions.k8s.io', 'customresourcedefinitions')).toEqual(['type']);
  expect(undefinedField(`${schema}.default == 1`, 'apiextensions.k8s.io', 'customresourcedefinitions')).toEqual(['default']);
  expect(undefinedField(`${schema}.type == 'object'`, 'apiextensions.k8s.io', 'customresourcedefinitions')).toEqual([]);
});

it('looks at no rule after one that names ten kinds', () => {
  const many = Array.from({ length: 12 }, (_, i) => registry('many.com', `k${String(i).padStart(2, '0')}`, `K${String(i).padStart(2, '0')}`, widget));
  kinds.push(...many);
  const rule = (group: string, names: string[]) => ({ apiGroups: [group], apiVersions: ['v1'], operations: ['*'], resources: names });
  const checked = (...resourceRules: object[]) =>
    expressionWarnings({ spec: { matchConstraints: { resourceRules }, validations: [{ expression: 'object.foo == 1' }] } } as ValidatingAdmissionPolicy, resources).flatMap(({ warning }) => [...warning.matchAll(/Kind=(\w+)/g)].map(([, kind]) => kind));
  const names = many.map(({ definition }) => definition.resource);
  expect(checked(rule('', ['configmaps']), rule('many.com', names), rule('apps', ['deployments']))).toEqual(['ConfigMap', ...many.slice(0, 10).map(({ definition }) => definition.kind)]);
  expect(checked(rule('many.com', names.slice(0, 6)), rule('many.com', names.slice(6)))).toHaveLength(12);
});
