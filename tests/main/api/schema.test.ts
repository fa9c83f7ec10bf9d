import { describe, expect, it } from 'vitest';
import { normalizeObject } from '../../../main/api/normalize.ts';
import { loadDescriptions, schemaById, schemaIds, schemaOf, schemaOfObject } from '../../../main/api/schema.ts';

const field = (id: string, name: string) => schemaById(id)!.fields.get(name)!;

describe('the schema of the API', () => {
  it('finds kinds, their lists and the kinds that every group has', () => {
    expect(schemaOf({ group: 'apps', version: 'v1', kind: 'Deployment' })!.definition).toBe('io.k8s.api.apps.v1.Deployment');
    expect(schemaOfObject({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleList' })!.id).toBe('rbac/v1.RoleList');
    expect(schemaOf({ group: 'apps', version: 'v1', kind: 'DeleteOptions' })!.id).toBe('meta/v1.DeleteOptions');
    expect(schemaOf({ group: 'apps', version: 'v1', kind: 'Pod' })).toBeUndefined();
    expect(schemaOfObject({ kind: 'Pod' })).toBeUndefined();
    expect(schemaById('core/v1.toString')).toBeUndefined();
  });

  it('knows how lists and maps are merged', () => {
    expect(field('core/v1.PodSpec', 'containers')).toMatchObject({
      required: true,
      patchStrategy: ['merge'],
      patchMergeKey: 'name',
      listType: 'map',
      listMapKeys: ['name'],
    });
    expect(field('core/v1.PodSpec', 'volumes').patchStrategy).toEqual(['merge', 'retainKeys']);
    expect(field('meta/v1.ObjectMeta', 'finalizers')).toMatchObject({ listType: 'set', patchStrategy: ['merge'] });
    expect(field('core/v1.ContainerPort', 'protocol')).toMatchObject({ default: 'TCP', type: { enum: ['SCTP', 'TCP', 'UDP'] } });
    expect(field('core/v1.PodSpec', 'nodeSelector').mapType).toBe('atomic');
    expect(schemaById('meta/v1.LabelSelector')!.atomic).toBe(true);
    expect(field('apiregistration/v1.APIServiceStatus', 'conditions').listMapKeys).toEqual(['type']);
  });

  it('takes embedded structures apart, as JSON does', () => {
    const volume = schemaById('core/v1.Volume')!;
    expect(volume.fields.has('emptyDir')).toBe(true);
    expect(volume.own).toHaveLength(2);
  });

  it('can be followed from every kind to its last member', () => {
    for (const id of schemaIds())
      for (const member of schemaById(id)!.fields.values()) {
        let { type } = member;
        while (type.kind === 'list' || type.kind === 'map') type = type.element;
        if (type.kind === 'object') expect(type.schema.fields, `${id}.${member.name}`).toBeDefined();
      }
  });

  it('has texts for its types and members', async () => {
    const [text, members] = (await loadDescriptions())['core/v1.Container']!;
    expect(text).toBe('A single application container that you want to run within a pod.');
    expect(members['args']).toContain('"$$(VAR_NAME)" will produce the string literal');
  });
});

describe('an object that Go has read and written', () => {
  it('says zero where Go does', () => {
    const event = normalizeObject(schemaOf({ group: '', version: 'v1', kind: 'Event' })!, { metadata: { name: 'e' }, involvedObject: {} });
    expect(event).toEqual({ metadata: { name: 'e' }, involvedObject: {}, source: {}, reportingComponent: '', reportingInstance: '' });
    const replicaSet = normalizeObject(schemaOf({ group: 'apps', version: 'v1', kind: 'ReplicaSet' })!, {});
    expect(replicaSet).toMatchObject({ spec: {}, status: { replicas: 0 } });
  });

  it('does not change what it was given', () => {
    const given = Object.freeze({ metadata: Object.freeze({ labels: Object.freeze({}) }) });
    expect(normalizeObject(schemaOf({ group: '', version: 'v1', kind: 'ConfigMap' })!, given)).toEqual({ metadata: {} });
  });
});
