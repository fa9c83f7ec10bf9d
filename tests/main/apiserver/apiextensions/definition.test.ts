import { describe, expect, it } from 'vitest';
import type { CustomResourceDefinition } from '../../../../main/api/index.ts';
import { settledStatus } from '../../../../main/apiserver/apiextensions/definition/conditions.ts';
import { customResourceDefinition as strategy } from '../../../../main/apiserver/apiextensions/definition/strategy.ts';
import { validateDefinition } from '../../../../main/apiserver/apiextensions/definition/validation.ts';
import type { JsonSchema } from '../../../../main/apiserver/apiextensions/schema/types.ts';
import { definitionOf } from './definitions.ts';

const status = { storedVersions: ['v1'], acceptedNames: { plural: '', kind: '' }, conditions: [] };
const faults = (definition: CustomResourceDefinition, old?: CustomResourceDefinition) => {
  const { names } = definition.spec;
  names.singular ??= names.kind?.toLowerCase();
  names.listKind ??= `${names.kind}List`;
  definition.status ??= status;
  return validateDefinition(definition, old).all.map(({ field, message }) => `${field}: ${message}`);
};
const schemaFaults = (schema: JsonSchema, more: object = {}) => faults(definitionOf([{ schema, ...more }]));
const root = 'spec.validation.openAPIV3Schema';
const spec = (schema: JsonSchema): JsonSchema => ({ type: 'object', properties: { spec: schema } });
const at = `${root}.properties[spec]`;

describe('a definition', () => {
  it('that is right has no faults', () => {
    expect(faults(definitionOf([{ schema: spec({ type: 'object', properties: { size: { type: 'integer' } } }) }]))).toEqual([]);
  });

  it('is named by plural and group, and has one version that is stored', () => {
    const definition = definitionOf([{}, { name: 'v2', storage: true }]);
    definition.metadata!.name = 'other';
    definition.spec.group = 'example';
    expect(faults(definition)).toEqual([
      'metadata.name: Invalid value: "other": must be spec.names.plural+"."+spec.group',
      'spec.group: Invalid value: "example": should be a domain with at least one dot',
      expect.stringContaining('must have exactly one version marked as storage version') as string,
      'status.storedVersions: Invalid value: ["v1"]: must have the storage version v2',
    ]);
  });

  it('may go on being what was not always refused, and may not become so', () => {
    const ofType = (type: string) => definitionOf([{ schema: spec({ type }) }]);
    expect(faults(ofType('bogus2'), ofType('bogus'))).toEqual([]);
    expect(faults(ofType('bogus2'), ofType('string'))).toEqual([expect.stringContaining(`${at}.type: Unsupported value: "bogus2"`) as string]);
    const withSets = (...names: string[]) => definitionOf([{ schema: { type: 'object', properties: Object.fromEntries(names.map((name): [string, JsonSchema] => [name, { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'object' } }])) } }]);
    expect(faults(withSets('a', 'b'), withSets('a'))).toEqual([]);
    expect(faults(withSets('a'), withSets())).not.toEqual([]);
    const without = () => {
      const definition = definitionOf([{}]);
      delete definition.spec.versions[0]!.schema;
      return definition;
    };
    expect(faults(without(), without())).toEqual([]);
    expect(faults(without(), definitionOf([{}]))).toEqual(['spec.versions[0].schema.openAPIV3Schema: Required value']);
  });

  it('has no defaults as long as it keeps fields that it does not know', () => {
    const keeping = (schema: JsonSchema) => {
      const definition = definitionOf([{ schema }]);
      definition.spec.preserveUnknownFields = true;
      return definition;
    };
    expect(faults(keeping(spec({ type: 'string', default: 'a' })), keeping(spec({ type: 'string' })))).toEqual(['spec.preserveUnknownFields: Invalid value: true: must be false in order to use defaults in the schema']);
  });

  it('calls webhooks with a bundle that is one, once it is established', () => {
    const calling = (caBundle: string) => {
      const definition = definitionOf([{}]);
      definition.spec.conversion = { strategy: 'Webhook', webhook: { clientConfig: { url: 'https://a.b/c', caBundle }, conversionReviewVersions: ['v1'] } };
      definition.status = { ...status, conditions: [{ type: 'Established', status: 'True' }] };
      return definition;
    };
    const fault = 'spec.conversion.webhookClientConfig.caBundle: Invalid value: "Cg==": unable to load root certificates: unable to parse bytes as PEM block';
    expect(faults(calling('Cg=='), definitionOf([{}]))).toEqual([]);
    const settled = definitionOf([{}]);
    settled.status = { ...status, conditions: [{ type: 'Established', status: 'True' }] };
    expect(faults(calling('Cg=='), settled)).toEqual([fault]);
    expect(faults(calling('Cg=='), calling('eA=='))).toEqual([]);
  });

  it('keeps scope, names and stored versions once it is established', () => {
    const old = definitionOf([{}]);
    old.status = { ...status, conditions: [{ type: 'Established', status: 'True' }] };
    const changed = definitionOf([{ name: 'v2' }], { scope: 'Cluster', kind: 'Gizmo' });
    changed.status = { ...status, storedVersions: ['v1', 'v2'] };
    expect(faults(changed, old)).toEqual([
      'spec.scope: Invalid value: "Cluster": field is immutable',
      'spec.names.kind: Invalid value: "Gizmo": field is immutable',
      expect.stringMatching(/^status\.storedVersions\[0\]: Invalid value: "v1": missing from spec\.versions; v1 was previously a storage version/) as string,
    ]);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['conversion by webhook', { conversion: { strategy: 'Webhook' } }, 'spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook'],
    ['an approval in a group of Kubernetes', { group: 'x.k8s.io' }, 'metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111'],
    ['a scope', { scope: 'Galaxy' }, 'spec.scope: Unsupported value: "Galaxy": supported values: "Cluster", "Namespaced"'],
  ])('must say %s rightly', (_what, more, fault) => {
    expect(faults(definitionOf([{}], more))).toContainEqual(expect.stringContaining(fault));
  });

  it('has columns and paths that can be read', () => {
    const subresources = { scale: { specReplicasPath: '.status.x', statusReplicasPath: 'x' } };
    expect(schemaFaults({ type: 'object' }, { additionalPrinterColumns: [{ name: '', type: 'x', jsonPath: 'y' }], subresources, selectableFields: [{ jsonPath: '.spec.x' }] })).toEqual([
      'spec.subresources.scale.specReplicasPath: Invalid value: ".status.x": should be a json path under .spec',
      'spec.subresources.scale.statusReplicasPath: Invalid value: "x": must be a simple json path starting with .',
      'spec.additionalPrinterColumns[0].name: Required value',
      'spec.additionalPrinterColumns[0].type: Invalid value: "x": must be one of boolean,date,integer,number,string',
      'spec.additionalPrinterColumns[0].JSONPath: Invalid value: "y": must be a simple json path starting with .',
      'spec.selectableFields[0].jsonPath: Invalid value: ".spec.x": is an invalid path: does not refer to a valid field',
    ]);
  });
});

it('shows versions without what they have in common, and knows paths into a common schema only', () => {
  const version = (name: string, schema: JsonSchema) => ({ name, storage: false, schema, selectableFields: [{ jsonPath: '.spec.a' }] });
  const one = spec({ type: 'string' });
  expect(faults(definitionOf([version('v1', one), version('v2', one)]))).toContain(
    'spec.versions: Invalid value: [{"Name":"v1","Served":true,"Storage":false,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null},' +
      '{"Name":"v2","Served":true,"Storage":false,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null}]: must have exactly one version marked as storage version',
  );
  expect(faults(definitionOf([version('v1', one), version('v2', spec({ type: 'integer' }))]))).toContain('spec.selectableFields: Invalid value: "": may only be set when validations.schema is included');
});

describe('a schema', () => {
  it.each<[string, JsonSchema, string[]]>([
    ['says the type of everything', spec({}), [`${at}.type: Required value: must not be empty for specified object fields`]],
    ['says what lists hold', spec({ type: 'array' }), [`${at}.items: Required value: must be specified`]],
    ['judges values only below junctors', spec({ type: 'string', anyOf: [{ type: 'string', description: 'x' }] }), [
      `${at}.anyOf[0].type: Forbidden: must be empty to be structural`,
      `${at}.anyOf[0].description: Forbidden: must be empty to be structural`,
    ]],
    ['has all that it judges', { type: 'object', anyOf: [{ required: ['a'], properties: { a: {} } }] }, [`${root}.properties[a]: Required value: because it is defined in ${root}.anyOf[0].properties[a]`]],
    ['leaves metadata alone', { type: 'object', properties: { metadata: { type: 'object', properties: { labels: { type: 'object' } } } } }, [
      `${root}.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified`,
    ]],
    ['has patterns that are some', spec({ type: 'string', pattern: '[' }), [expect.stringContaining(`${at}.pattern: Invalid value: "[": must be a valid regular expression, but isn't: error parsing regexp`) as unknown as string]],
    ['has defaults that fit', spec({ type: 'object', properties: { a: { type: 'integer', default: 'x' } } }), [
      `${at}.properties[a].default: Invalid value: "string":  in body must be of type integer: "string"`,
    ]],
    ['has no unknown fields in defaults', spec({ type: 'object', default: { b: 1 }, properties: { a: { type: 'integer' } } }), [`${at}.default: Invalid value: {"b":1}: must not have unknown fields`]],
    ['may have defaults in metadata of resources within', spec({ type: 'object', 'x-kubernetes-embedded-resource': true, properties: { apiVersion: { type: 'string' }, kind: { type: 'string', default: 'Pod' }, metadata: { type: 'object', default: { name: 'foo' }, properties: { labels: { type: 'object', default: { a: 'b' }, additionalProperties: { type: 'string' } } } } } }), []],
    ['has defaults in metadata that are metadata', spec({ type: 'object', 'x-kubernetes-embedded-resource': true, properties: { kind: { type: 'string', default: '%' }, metadata: { type: 'object', properties: { name: { type: 'string', default: 42 } } } } }), [
      expect.stringContaining(`${at}.properties[kind].default: Invalid value: "%": must result in valid metadata: kind: Invalid value: "%": may have mixed case`) as unknown as string,
      `${at}.properties[metadata].properties[name].default: Invalid value: 42: must result in valid metadata: metadata: Invalid value: {"name":42}: json: cannot unmarshal number into Go struct field ObjectMeta.name of type string`,
    ]],
    ['has defaults of resources whose metadata is metadata', spec({ type: 'object', properties: { in: { type: 'object', default: { apiVersion: 'v1', kind: 'Pod', metadata: { labels: 1 } }, 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true } } }), [
      `${at}.properties[in].default.metadata: Invalid value: {"labels":1}: json: cannot unmarshal number into Go struct field ObjectMeta.labels of type map[string]string`,
    ]],
    ['is judged as values alone where it has no structure', { 'x-kubernetes-preserve-unknown-fields': false }, [`${root}.x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined`]],
    ['names keys of list maps', spec({ type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['a', 'b'], items: { type: 'object', properties: { a: { type: 'string' } } } }), [
      `${at}.x-kubernetes-list-map-keys: Invalid value: ["a","b"]: entries must all be names of item properties`,
      `${at}.items.properties[a].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property`,
    ]],
    ['uses types of OpenAPI', spec({ type: 'text' }), [`${at}.type: Unsupported value: "text": supported values: "array", "boolean", "integer", "number", "object", "string"`]],
  ])('%s', (_what, schema, expected) => {
    expect(schemaFaults(schema)).toEqual(expected);
  });

  it.each<[string, JsonSchema, string]>([
    ['know their fields', spec({ type: 'object', 'x-kubernetes-validations': [{ rule: 'self.a > 1' }], properties: { b: { type: 'integer' } } }), "compilation failed: ERROR: <input>:1:5: undefined field 'a'"],
    ['are true or false', spec({ type: 'integer', 'x-kubernetes-validations': [{ rule: 'self + 1' }] }), 'cel expression must evaluate to a bool'],
    ['parse', spec({ type: 'integer', 'x-kubernetes-validations': [{ rule: 'self =' }] }), 'Syntax error'],
    ['cost little enough', spec({ type: 'array', items: { type: 'array', items: { type: 'string' } }, 'x-kubernetes-validations': [{ rule: 'self.all(x, x.all(y, y == "a"))' }] }), 'estimated rule cost exceeds budget by factor of more than 100x'],
    ['compare only what can be told apart', spec({ type: 'array', items: { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self == oldSelf' }] } }), `oldSelf cannot be used on the uncorrelatable portion of the schema within ${at}`],
    ['give messages that are text', spec({ type: 'integer', 'x-kubernetes-validations': [{ rule: 'self > 1', messageExpression: 'self' }] }), 'messageExpression must evaluate to a string'],
    ['point to fields', spec({ type: 'object', properties: { a: { type: 'integer' } }, 'x-kubernetes-validations': [{ rule: 'has(self.a)', fieldPath: '.b' }] }), 'must be a valid path'],
  ])('has rules that %s', (_what, schema, message) => {
    expect(schemaFaults(schema)).toContainEqual(expect.stringContaining(message));
  });
});

it('formats that nobody checks are warned of', () => {
  const formats: JsonSchema[] = [
    { type: 'integer', format: 'int32' },
    { type: 'string', format: 'date-time' },
    { type: 'string', format: 'int32' },
    { type: 'number', format: 'odd' },
  ];
  const properties = Object.fromEntries(formats.map((format, i) => [`f${i}`, format]));
  expect(strategy.warnings!(definitionOf([{ schema: spec({ type: 'object', properties }) }]), undefined)).toEqual([
    'unrecognized format "int32"',
    'unrecognized format "odd"',
  ]);
});

describe('names', () => {
  const named = (plural: string, kind: string, more: object = {}) => definitionOf([{}], { plural, kind, names: { plural, kind, singular: kind.toLowerCase(), listKind: `${kind}List`, ...more } });
  const conditions = (definition: CustomResourceDefinition) => Object.fromEntries((definition.status?.conditions ?? []).map(({ type, status: state, reason }) => [type, `${state} ${reason}`]));

  it('that are free are accepted, and the definition is established', () => {
    const settled = settledStatus(named('widgets', 'Widget'), [], 0);
    expect(settled.status?.acceptedNames).toEqual({ plural: 'widgets', kind: 'Widget', singular: 'widget', listKind: 'WidgetList' });
    expect(conditions(settled)).toEqual({ NamesAccepted: 'True NoConflicts', Established: 'True InitialNamesAccepted' });
    expect(settledStatus(settled, [], 1000)).toEqual(settled);
  });

  it('that others have are not', () => {
    const first = settledStatus(named('widgets', 'Widget', { shortNames: ['w'] }), [], 0);
    const second = settledStatus(named('wares', 'Ware', { shortNames: ['w'] }), [first], 0);
    expect(conditions(second)).toEqual({ NamesAccepted: 'False ShortNamesConflict', Established: 'False NotAccepted' });
    expect(second.status?.conditions?.[0]?.message).toBe('"w" is already in use');
    expect(conditions(settledStatus(second, [], 0))).toEqual({ NamesAccepted: 'True NoConflicts', Established: 'True InitialNamesAccepted' });
  });
});
