import { expect, it } from 'vitest';
import type { ValidatingAdmissionPolicy } from '../../../../main/api/index.ts';
import { expressionWarnings } from '../../../../main/apiserver/admission/policies/typeChecking.ts';
import type { ResourceTable } from '../../../../main/apiserver/registry/resources.ts';

/* Mirrors k8s.io/apiserver/pkg/admission/plugin/policy/validating/typechecking_test.go. */

const widget = { type: 'object', properties: { metadata: { type: 'object' }, spec: { type: 'object', properties: { size: { type: 'integer' } } } } };
const registry = (group: string, resource: string, kind: string, v3?: object) => ({ definition: { group, version: 'v1', resource, kind }, strategy: v3 ? { openApi: { v3 } } : {} });
const kinds = [registry('apps', 'deployments', 'Deployment'), registry('', 'configmaps', 'ConfigMap'), registry('example.com', 'widgets', 'Widget', widget)];
const resources = {
  all: () => kinds,
  find: (group: string, version: string, resource: string) => kinds.find(({ definition: d }) => d.group === group && d.version === version && d.resource === resource),
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
