import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cloneJson } from '../../../../main/api/json.ts';
import type { KubeObject } from '../../../../main/api/meta.ts';
import { schemaOf } from '../../../../main/api/schema.ts';
import { anySchema, patchSchemaOf, updateManagedFields, type PatchSchema } from '../../../../main/apiserver/patch/index.ts';

const podSchema = patchSchemaOf(schemaOf({ group: '', version: 'v1', kind: 'Pod' }));

function fieldsOf(object: object, manager: string, schema: PatchSchema, resetFields?: string[][]) {
  const copy = cloneJson(object) as KubeObject;
  updateManagedFields(undefined, copy, { manager, subresource: '', apiVersion: 'v1', now: 0, schema, ...(resetFields ? { resetFields } : {}) });
  return copy.metadata!.managedFields?.[0]?.fieldsV1;
}

let strangers = 0;
/** What somebody owns who has created nothing before. */
const fieldsOfFirst = (object: object, schema: PatchSchema) => fieldsOf(object, `stranger-${strangers++}`, schema);

const pod = (name: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: {
    containers: [{ name: 'main', image: `app:${name}`, env: [{ name: 'A', value: name }], ports: [{ containerPort: 80, protocol: 'TCP' }], resources: {} }],
    tolerations: [{ key: 'a', operator: 'Exists' }],
    ...more,
  },
});

/** Structures, lists with keys of one and two members, atomic ones, sets, members with zero values, and what no schema knows. */
const scalars = fc.constantFrom<unknown>('', '0', 'a', 'b', 0, 1, 80, true, false, null);
const names = fc.constantFrom('a', 'b', 'main', '');
const container = fc.record(
  { name: names, image: scalars, ports: fc.array(fc.record({ containerPort: fc.constantFrom(80, 81), protocol: fc.constantFrom('TCP', 'UDP') }, { requiredKeys: [] }), { maxLength: 3 }), resources: fc.constantFrom({}, { limits: { cpu: '1' } }) },
  { requiredKeys: [] },
);
const objects = fc.record(
  {
    kind: fc.constant('Pod'),
    metadata: fc.record({ name: names, labels: fc.dictionary(names, names, { maxKeys: 2 }), finalizers: fc.array(names, { maxLength: 3 }), extra: scalars }, { requiredKeys: [] }),
    spec: fc.record({ containers: fc.array(container, { maxLength: 3 }), tolerations: fc.array(fc.constant({}), { maxLength: 2 }), nodeName: scalars, unheard: fc.oneof(scalars, fc.dictionary(names, scalars), fc.array(scalars)) }, { requiredKeys: [] }),
    status: fc.constantFrom({}, { phase: 'Pending' }, { phase: '' }),
  },
  { requiredKeys: ['metadata'] },
);

const scalerSchema = patchSchemaOf(schemaOf({ group: 'autoscaling', version: 'v2', kind: 'HorizontalPodAutoscaler' }));
/** Of such there are members that Go writes always: what is zero is nobody's. */
const scalers = fc.record(
  {
    metadata: fc.record({ name: names }),
    spec: fc.record({ maxReplicas: fc.constantFrom(0, 1), minReplicas: fc.constantFrom(0, 1), scaleTargetRef: fc.record({ kind: names, name: names }, { requiredKeys: [] }) }, { requiredKeys: [] }),
    status: fc.record({ desiredReplicas: fc.constantFrom(0, 1), currentMetrics: fc.constantFrom(null, [], [{ type: 'Pods' }]) }, { requiredKeys: [] }),
  },
  { requiredKeys: ['metadata'] },
);

/** Its `at`th part, counted as they stand, becomes another, or goes. */
function changed(object: object, at: number, value: unknown): object {
  const copy = cloneJson(object) as KubeObject;
  const places: [Record<string, unknown>, string][] = [];
  const walk = (within: Record<string, unknown>) => {
    for (const name of Object.keys(within)) {
      places.push([within, name]);
      if (typeof within[name] === 'object' && within[name] !== null) walk(within[name] as Record<string, unknown>);
    }
  };
  walk(copy as Record<string, unknown>);
  const [within, name] = places[at % places.length]!;
  if (value === undefined && !Array.isArray(within) && name !== 'metadata') delete within[name];
  else if (name !== 'metadata') within[name] = value ?? null;
  return copy;
}

describe('the fields of many new objects', () => {
  it('are one set for all that have the same parts, whatever their names and values', () => {
    const first = fieldsOf(pod('a'), 'kubectl', podSchema);
    expect(first).toHaveProperty(['f:spec', 'f:containers', 'k:{"name":"main"}', 'f:image']);
    expect(fieldsOf(pod('b'), 'kubectl', podSchema)).toBe(first);
  });

  it('are found out anew for one with another part, another key or a value that is none', () => {
    const first = fieldsOf(pod('a'), 'kubectl', podSchema);
    for (const other of [pod('b', { hostNetwork: true }), pod('b', { containers: [{ name: 'other', image: 'x' }] }), pod('b', { containers: [{ name: '', image: 'x' }] })]) {
      const fields = fieldsOf(other, 'kubectl', podSchema);
      expect(fields).not.toEqual(first);
      expect(fields).toEqual(fieldsOfFirst(other, podSchema));
    }
  });

  it('are found out anew for one whose writer may not set the same parts', () => {
    expect(fieldsOf(pod('a'), 'kubectl', podSchema)).toHaveProperty(['f:spec']);
    expect(fieldsOf(pod('b'), 'kubectl', podSchema, [['spec']])).not.toHaveProperty(['f:spec']);
  });

  it('are those of the object alone, whatever its manager made before', () => {
    for (const [schema, made] of [[podSchema, objects], [anySchema, objects], [scalerSchema, scalers]] as const)
      fc.assert(
        fc.property<[object, number, unknown]>(made, fc.nat(30), fc.option(scalars, { nil: undefined }), (object, at, value) => {
          for (const next of [object, changed(object, at, value)]) expect(fieldsOf(next, 'busy', schema)).toEqual(fieldsOfFirst(next, schema));
        }),
        { numRuns: 1500 },
      );
  });
});
