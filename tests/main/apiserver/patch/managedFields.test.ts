import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cloneJson } from '../../../../main/api/json.ts';
import type { KubeObject } from '../../../../main/api/meta.ts';
import type { Deployment, ManagedFieldsEntry, Service } from '../../../../main/api/index.ts';
import { schemaOf } from '../../../../main/api/schema.ts';
import { StatusError } from '../../../../main/api/status.ts';
import { anySchema, patchSchemaOf, serverSideApply, updateManagedFields, type ApplyWrite, type FieldWrite } from '../../../../main/apiserver/patch/index.ts';
import { difference, intersection, isEmptySet, sameSet, union, type FieldSet } from '../../../../main/apiserver/patch/fieldSet.ts';

const deploymentSchema = patchSchemaOf(schemaOf({ group: 'apps', version: 'v1', kind: 'Deployment' }));
const serviceSchema = patchSchemaOf(schemaOf({ group: '', version: 'v1', kind: 'Service' }));

const start = Date.parse('2026-01-01T00:00:00Z');

function write(manager: string, more: Partial<ApplyWrite> = {}): ApplyWrite {
  return { manager, subresource: '', apiVersion: 'apps/v1', kind: 'Deployment', now: start, schema: deploymentSchema, resetFields: [['status']], force: false, ...more };
}

function deployment(more: Partial<Deployment> = {}): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default', labels: { app: 'web' } },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: 'web' } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'main', image: 'app:1', resources: {}, ports: [{ containerPort: 80, protocol: 'TCP' }] }], securityContext: {} },
      },
    },
    ...more,
  } as Deployment;
}

/** What a client that creates it leaves in the store. */
function created(manager = 'kubectl-create', object: KubeObject = deployment(), how: FieldWrite = write(manager)): Deployment {
  const copy = cloneJson(object);
  updateManagedFields(undefined, copy, how);
  copy.metadata!.uid = 'u-1';
  return copy as Deployment;
}

function updated(live: Deployment, change: (object: Deployment) => void, how: FieldWrite): Deployment {
  const copy = cloneJson(live);
  change(copy);
  updateManagedFields(live, copy, how);
  return copy;
}

const apply = (live: KubeObject | undefined, applied: object, how: ApplyWrite) =>
  serverSideApply(live, { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, ...applied } as KubeObject, how) as Deployment;

const owners = (object: KubeObject) =>
  (object.metadata!.managedFields ?? []).map((entry: ManagedFieldsEntry) => `${entry.manager}/${entry.operation}${entry.subresource ? `/${entry.subresource}` : ''}`);
const fieldsOf = (object: KubeObject, manager: string) => object.metadata!.managedFields!.find((entry) => entry.manager === manager)?.fieldsV1;

function refusal(act: () => unknown): StatusError {
  try {
    act();
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('who owns the fields after a create', () => {
  it('is its creator, field by field, as a real cluster says it', () => {
    const entries = created().metadata!.managedFields!;
    expect(entries).toEqual([
      {
        manager: 'kubectl-create',
        operation: 'Update',
        apiVersion: 'apps/v1',
        time: '2026-01-01T00:00:00Z',
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
          'f:spec': {
            'f:replicas': {},
            'f:selector': {},
            'f:strategy': { 'f:rollingUpdate': { '.': {}, 'f:maxSurge': {}, 'f:maxUnavailable': {} }, 'f:type': {} },
            'f:template': {
              'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
              'f:spec': {
                'f:containers': {
                  'k:{"name":"main"}': {
                    '.': {},
                    'f:image': {},
                    'f:name': {},
                    'f:ports': { '.': {}, 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {}, 'f:protocol': {} } },
                    'f:resources': {},
                  },
                },
                'f:securityContext': {},
              },
            },
          },
        },
      },
    ]);
    expect(JSON.stringify(entries[0]!.fieldsV1).indexOf('"."')).toBeLessThan(JSON.stringify(entries[0]!.fieldsV1).indexOf('"f:app"'));
  });

  it('does not reach into what the write cannot change', () => {
    const object = created('tool', deployment({ status: { replicas: 3 } }));
    expect(JSON.stringify(object.metadata!.managedFields)).not.toContain('f:status');
  });

  it('keeps atomic lists and maps whole', () => {
    const service: Service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 's' }, spec: { selector: { a: 'b' }, clusterIPs: ['10.0.0.1'], ports: [{ port: 80, targetPort: 80, protocol: 'TCP' }] } };
    updateManagedFields(undefined, service, write('x', { apiVersion: 'v1', schema: serviceSchema }));
    const set = fieldsOf(service, 'x') as unknown as { 'f:spec': FieldSet };
    expect(set['f:spec']['f:selector']).toEqual({});
    expect(set['f:spec']['f:clusterIPs']).toEqual({});
    expect(Object.keys(set['f:spec']['f:ports']!)).toEqual(['.', 'k:{"port":80,"protocol":"TCP"}']);
  });

  it('takes objects without a schema apart by their maps', () => {
    const object = { apiVersion: 'x/v1', kind: 'X', metadata: { name: 'x' }, spec: { a: { b: 1 }, list: [1, 2], n: null } };
    updateManagedFields(undefined, object as KubeObject, write('x', { schema: anySchema }));
    expect(fieldsOf(object as KubeObject, 'x')).toEqual({ 'f:spec': { '.': {}, 'f:a': { '.': {}, 'f:b': {} }, 'f:list': {}, 'f:n': {} } });
  });

  it('is nobody unknown: a writer without a name is called so', () => {
    expect(owners(created(''))).toEqual(['unknown/Update']);
  });
});

describe('who owns the fields after an update', () => {
  it('gives a changed field to who changed it, and leaves the others their entry as it is', () => {
    const live = created();
    const next = updated(live, (d) => (d.spec!.replicas = 5), write('kubectl-scale', { now: start + 5000 }));
    expect(owners(next)).toEqual(['kubectl-create/Update', 'kubectl-scale/Update']);
    expect(fieldsOf(next, 'kubectl-scale')).toEqual({ 'f:spec': { 'f:replicas': {} } });
    expect(JSON.stringify(fieldsOf(next, 'kubectl-create'))).not.toContain('f:replicas');
    const again = updated(next, (d) => (d.metadata!.annotations = { x: 'y' }), write('kubectl-scale', { now: start + 9000 }));
    expect(fieldsOf(again, 'kubectl-scale')).toEqual({ 'f:metadata': { 'f:annotations': { '.': {}, 'f:x': {} } }, 'f:spec': { 'f:replicas': {} } });
    expect(again.metadata!.managedFields![0]).toEqual(next.metadata!.managedFields![0]);
  });

  it('that changes nothing changes no owner and no time', () => {
    const live = created();
    const next = updated(live, () => undefined, write('other', { now: start + 5000 }));
    expect(next.metadata!.managedFields).toEqual(live.metadata!.managedFields);
  });

  it('forgets the owner of what was removed', () => {
    const next = updated(created(), (d) => delete d.metadata!.labels, write('other'));
    expect(JSON.stringify(next.metadata!.managedFields)).not.toContain('f:app":{}}}},"f:spec":{"f:replicas');
    expect(fieldsOf(next, 'kubectl-create')).not.toHaveProperty('f:metadata');
  });

  it('keeps the status writer apart', () => {
    const next = updated(created(), (d) => (d.status = { replicas: 1, observedGeneration: 1 }), write('kube-controller-manager', { subresource: 'status', resetFields: [['spec']] }));
    expect(owners(next)).toEqual(['kube-controller-manager/Update/status', 'kubectl-create/Update'].sort());
    expect(fieldsOf(next, 'kube-controller-manager')).toEqual({ 'f:status': { 'f:observedGeneration': {}, 'f:replicas': {} } });
  });

  it.each([
    ['an empty list', []],
    ['one empty entry', [{}]],
  ])('forgets all owners for %s, but who writes a change', (_, managedFields) => {
    const live = created();
    const next = updated(live, (d) => (d.metadata!.managedFields = managedFields as ManagedFieldsEntry[]), write('reset'));
    expect(next.metadata!.managedFields).toBeUndefined();
    const later = updated(next, (d) => (d.spec!.replicas = 7), write('later'));
    expect(later.metadata!.managedFields).toBeUndefined();
  });

  it('takes the owners from the stored object when the request has none, or nonsense', () => {
    const live = created();
    for (const managedFields of [undefined, [{ manager: 'x', operation: 'Update', apiVersion: '' } as ManagedFieldsEntry]]) {
      const next = updated(live, (d) => (d.metadata!.managedFields = managedFields), write('other'));
      expect(owners(next)).toEqual(['kubectl-create/Update']);
    }
  });

  it('keeps no more than ten updaters: the oldest become ancient-changes', () => {
    let object = created('m00');
    for (let i = 1; i <= 14; i++)
      object = updated(object, (d) => (d.metadata!.annotations = { ...d.metadata!.annotations, [`k${i}`]: 'v' }), write(`m${String(i).padStart(2, '0')}`, { now: start + i * 1000 }));
    expect(owners(object)).toEqual(['ancient-changes/Update', ...[6, 7, 8, 9, 10, 11, 12, 13, 14].map((i) => `m${String(i).padStart(2, '0')}/Update`)]);
    expect(fieldsOf(object, 'ancient-changes')).toHaveProperty('f:metadata.f:annotations.f:k5');
  });
});

describe('server-side apply', () => {
  const config = (image: string) => ({ spec: { template: { spec: { containers: [{ name: 'main', image }] } } } });

  it('creates, and its applier owns what it said', () => {
    const object = apply(undefined, { spec: { replicas: 2 } }, write('me'));
    expect(object.spec).toEqual({ replicas: 2 });
    expect(object.metadata!.managedFields).toEqual([
      { manager: 'me', operation: 'Apply', apiVersion: 'apps/v1', time: '2026-01-01T00:00:00Z', fieldsType: 'FieldsV1', fieldsV1: { 'f:spec': { 'f:replicas': {} } } },
    ]);
  });

  it('merges list items by their keys and leaves the rest alone', () => {
    const object = apply(created(), { spec: { template: { spec: { containers: [{ name: 'side', image: 's:1' }, { name: 'main', env: [{ name: 'A', value: '1' }] }] } } } }, write('me'));
    expect(object.spec!.template.spec!.containers).toEqual([
      { name: 'side', image: 's:1' },
      { name: 'main', image: 'app:1', resources: {}, ports: [{ containerPort: 80, protocol: 'TCP' }], env: [{ name: 'A', value: '1' }] },
    ]);
  });

  it('shares a field with who set it to the same value', () => {
    const object = apply(created(), config('app:1'), write('me'));
    expect(JSON.stringify(fieldsOf(object, 'me'))).toContain('f:image');
    expect(JSON.stringify(fieldsOf(object, 'kubectl-create'))).toContain('f:image');
  });

  it('conflicts with another owner of a field that it would change', () => {
    const error = refusal(() => apply(created(), config('app:2'), write('me')));
    expect(error.status).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'Apply failed with 1 conflict: conflict with "kubectl-create" using apps/v1: .spec.template.spec.containers[name="main"].image',
      reason: 'Conflict',
      details: {
        causes: [{ reason: 'FieldManagerConflict', message: 'conflict with "kubectl-create" using apps/v1', field: '.spec.template.spec.containers[name="main"].image' }],
      },
      code: 409,
    });
  });

  it('lists all conflicts by their managers', () => {
    const live = updated(apply(created(), { metadata: { name: 'web', labels: { team: 'a' } } }, write('team')), (d) => (d.status = { replicas: 1 }), write('ctl', { subresource: 'status', resetFields: [] }));
    const error = refusal(() => apply(live, { metadata: { name: 'web', labels: { team: 'b' } }, spec: { replicas: 9 }, status: { replicas: 4 } }, write('me', { resetFields: [] })));
    expect(error.message).toBe(
      'Apply failed with 3 conflicts: conflicts with "ctl" with subresource "status" using apps/v1:\n- .status.replicas\n' +
        'conflicts with "kubectl-create" using apps/v1:\n- .spec.replicas\nconflicts with "team":\n- .metadata.labels.team',
    );
  });

  it('takes the field by force, and its owner loses it', () => {
    const object = apply(created(), config('app:2'), write('me', { force: true }));
    expect(object.spec!.template.spec!.containers[0]!.image).toBe('app:2');
    expect(JSON.stringify(fieldsOf(object, 'kubectl-create'))).not.toContain('f:image');
  });

  it('removes what its applier no longer applies, unless somebody else owns it', () => {
    const first = apply(undefined, { metadata: { name: 'web', labels: { a: '1', b: '2' } }, spec: { replicas: 2, template: { spec: { containers: [{ name: 'x', image: 'x' }, { name: 'y', image: 'y' }] } } } }, write('me'));
    first.metadata!.uid = 'u';
    const shared = apply(first, { metadata: { name: 'web', labels: { b: '2' } } }, write('you'));
    const second = apply(shared, { metadata: { name: 'web', labels: { a: '1' } }, spec: { template: { spec: { containers: [{ name: 'y', image: 'y' }] } } } }, write('me', { now: start + 1000 }));
    expect(second.metadata!.labels).toEqual({ a: '1', b: '2' });
    expect(second.spec).toEqual({ template: { spec: { containers: [{ name: 'y', image: 'y' }] } } });
    expect(fieldsOf(second, 'me')).toEqual({ 'f:metadata': { 'f:labels': { 'f:a': {} } }, 'f:spec': { 'f:template': { 'f:spec': { 'f:containers': { 'k:{"name":"y"}': { '.': {}, 'f:image': {}, 'f:name': {} } } } } } });
  });

  it('applied again, changes nothing: not even the time', () => {
    const first = apply(created(), config('app:1'), write('me', { now: start + 1000 }));
    const again = apply(first, config('app:1'), write('me', { now: start + 9000 }));
    expect(again).toEqual(first);
  });

  it('does not own what it cannot change', () => {
    const object = apply(created(), { spec: { replicas: 1 }, status: { replicas: 9 } }, write('me'));
    expect(JSON.stringify(fieldsOf(object, 'me'))).not.toContain('f:status');
  });

  it('gives what nobody was recorded to own to before-first-apply', () => {
    const live = deployment();
    live.metadata!.uid = 'u';
    const object = apply(live, config('app:1'), write('me'));
    expect(owners(object)).toEqual(['me/Apply', 'before-first-apply/Update']);
  });

  it('takes over from kubectl apply without a conflict, and keeps its record in step', () => {
    const lastApplied = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, ...config('app:1') };
    const object = deployment();
    object.metadata!.annotations = { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(lastApplied) };
    const live = created('kubectl-client-side-apply', object);
    const next = apply(live, { metadata: { name: 'web', annotations: {} }, ...config('app:2') }, write('kubectl'));
    expect(next.spec!.template.spec!.containers[0]!.image).toBe('app:2');
    expect(next.metadata!.annotations!['kubectl.kubernetes.io/last-applied-configuration']).toBe(
      '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"annotations":{},"name":"web"},"spec":{"template":{"spec":{"containers":[{"image":"app:2","name":"main"}]}}}}\n',
    );
    expect(refusal(() => apply(live, { spec: { replicas: 9 } }, write('kubectl'))).code).toBe(409);
    expect(refusal(() => apply(live, config('app:2'), write('someone-else'))).code).toBe(409);
  });

  it.each([
    ['a field that there is not', { spec: { frob: 1 } }, 400, 'failed to create typed patch object (/web; apps/v1, Kind=Deployment): .spec.frob: field not declared in schema'],
    ['a number that is a text', { spec: { replicas: 'x' } }, 400, 'failed to create typed patch object (/web; apps/v1, Kind=Deployment): .spec.replicas: expected numeric (int or float), got string'],
    [
      'an item that stands there twice',
      { spec: { template: { spec: { containers: [{ name: 'a' }, { name: 'a' }] } } } },
      400,
      'failed to create typed patch object (/web; apps/v1, Kind=Deployment): .spec.template.spec.containers: duplicate entries for key [name="a"]',
    ],
    ['managedFields', { metadata: { name: 'web', managedFields: [] } }, 400, 'metadata.managedFields must be nil'],
    ['another kind', { kind: 'Pod' }, 400, 'invalid object type: apps/v1, Kind=Pod'],
  ])('is refused for %s', (_, applied, code, message) => {
    const error = refusal(() => apply(created(), applied, write('me')));
    expect({ code: error.code, message: error.message }).toEqual({ code, message });
  });
});

describe('sets of fields', () => {
  const element = fc.constantFrom('f:a', 'f:b', 'v:1', 'k:{"n":"x"}');
  const path = fc.array(element, { minLength: 1, maxLength: 4 });
  const paths = fc.array(path, { maxLength: 12 });
  const text = (p: readonly string[]) => p.join('/');

  function setOf(list: readonly (readonly string[])[]): FieldSet {
    return list.reduce<FieldSet>((set, p) => union(set, p.reduceRight<FieldSet>((below, e) => ({ [e]: below }), {})), {});
  }

  function membersOf(set: FieldSet, prefix: string[] = []): string[] {
    return Object.keys(set)
      .filter((e) => e !== '.')
      .flatMap((e) => {
        const node = set[e]!;
        const here = isEmptySet(node) || node['.'] !== undefined ? [text([...prefix, e])] : [];
        return [...here, ...membersOf(node, [...prefix, e])];
      });
  }

  it('are unions, intersections and differences of their paths', () => {
    fc.assert(
      fc.property(paths, paths, (left, right) => {
        const a = new Set(left.map(text));
        const b = new Set(right.map(text));
        const [setA, setB] = [setOf(left), setOf(right)];
        expect(new Set(membersOf(setA))).toEqual(a);
        expect(new Set(membersOf(union(setA, setB)))).toEqual(new Set([...a, ...b]));
        expect(new Set(membersOf(intersection(setA, setB)))).toEqual(new Set([...a].filter((p) => b.has(p))));
        expect(new Set(membersOf(difference(setA, setB)))).toEqual(new Set([...a].filter((p) => !b.has(p))));
        expect(sameSet(union(setA, setB), union(setB, setA))).toBe(true);
      }),
    );
  });
});
