import { describe, expect, it } from 'vitest';
import { withNulls, withoutNulls } from '../../../main/api/nulls.ts';
import { schemaOf } from '../../../main/api/schema.ts';

const core = (kind: string) => schemaOf({ group: '', version: 'v1', kind });
const pod = core('Pod');
const role = schemaOf({ group: 'rbac.authorization.k8s.io', version: 'v1', kind: 'Role' });
const slice = schemaOf({ group: 'discovery.k8s.io', version: 'v1', kind: 'EndpointSlice' });
const csiNode = schemaOf({ group: 'storage.k8s.io', version: 'v1', kind: 'CSINode' });

describe('what Go writes as null', () => {
  it('is a time that is unset, in its place among the others', () => {
    const written = withNulls(pod, { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'a' }, status: { conditions: [{ type: 'Ready', status: 'True', reason: 'x' }] } }, true);
    expect(JSON.stringify(written.status.conditions)).toBe('[{"type":"Ready","status":"True","lastProbeTime":null,"lastTransitionTime":null,"reason":"x"}]');
    expect(JSON.stringify(withNulls(core('Event'), { kind: 'Event', apiVersion: 'v1', metadata: {}, reason: 'r', type: 'Normal' }, true))).toBe(
      '{"kind":"Event","apiVersion":"v1","metadata":{},"reason":"r","firstTimestamp":null,"lastTimestamp":null,"type":"Normal","eventTime":null}',
    );
  });

  it('is never a time that is left out, such as that of creation', () => {
    const object = { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'a' }, spec: { containers: [{ name: 'a', image: 'b' }] } };
    expect(withNulls(pod, object, true)).toBe(object);
  });

  it('is a pointer, and a list: an empty one too, once it comes out of the store', () => {
    const claim = { kind: 'PersistentVolumeClaim', apiVersion: 'v1', spec: { dataSource: { kind: 'PersistentVolumeClaim', name: 'a' } } };
    expect(withNulls(core('PersistentVolumeClaim'), claim, true)).toMatchObject({ spec: { dataSource: { apiGroup: null } } });
    expect(withNulls(slice, { addressType: 'IPv4' }, true)).toEqual({ addressType: 'IPv4', endpoints: null, ports: null });
    expect(withNulls(role, { rules: [] }, true)).toEqual({ rules: null });
    expect(withNulls(role, { rules: [] }, false)).toEqual({ rules: [] });
  });

  it('changes nothing of what it is given', () => {
    const condition = Object.freeze({ type: 'Ready', status: 'True' });
    const given = Object.freeze({ status: Object.freeze({ conditions: Object.freeze([condition]) }) });
    expect(withNulls(pod, given, true)).not.toEqual(given);
    expect(given.status.conditions[0]).toEqual({ type: 'Ready', status: 'True' });
  });

  it('is read as absence, and as an empty list where there has to be one', () => {
    expect(withoutNulls(pod, { status: { conditions: [{ type: 'Ready', lastProbeTime: null, status: 'True' }] } })).toEqual({ status: { conditions: [{ type: 'Ready', status: 'True' }] } });
    expect(withoutNulls(slice, { addressType: 'IPv4', endpoints: null, ports: null })).toEqual({ addressType: 'IPv4' });
    expect(withoutNulls(csiNode, { spec: { drivers: null } })).toEqual({ spec: { drivers: [] } });
  });
});
