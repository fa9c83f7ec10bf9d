import { describe, expect, it } from 'vitest';
import { inGoOrder } from '../../../main/api/order.ts';
import { schemaOf } from '../../../main/api/schema.ts';

const pod = schemaOf({ group: '', version: 'v1', kind: 'Pod' })!;

describe('the order in which Go writes an object', () => {
  it('is that of its type for structures, and that of the names for maps', () => {
    const labels = { b: '1', a: '2' };
    const object = { status: {}, spec: { nodeSelector: labels, containers: [{ image: 'x', name: 'a' }], restartPolicy: 'Always' }, metadata: { labels } };
    expect(JSON.stringify(inGoOrder(pod, object))).toBe(
      '{"metadata":{"labels":{"a":"2","b":"1"}},"spec":{"containers":[{"name":"a","image":"x"}],"restartPolicy":"Always","nodeSelector":{"a":"2","b":"1"}},"status":{}}',
    );
    expect(Object.keys(labels)).toEqual(['b', 'a']);
  });

  it('begins with the kind', () => {
    const status = schemaOf({ group: '', version: 'v1', kind: 'Status' })!;
    expect(JSON.stringify(inGoOrder(status, { apiVersion: 'v1', code: 404, kind: 'Status', metadata: {} }))).toBe('{"kind":"Status","apiVersion":"v1","metadata":{},"code":404}');
  });

  it('takes no copy of what is in order', () => {
    const object = { metadata: { name: 'a', labels: { a: '1', b: '2' } }, spec: { containers: [{ name: 'a', image: 'x' }] } };
    expect(inGoOrder(pod, object)).toBe(object);
  });

  it('keeps what the structure does not have behind the rest, whatever its name', () => {
    const odd = JSON.parse('{"spec":{"restartPolicy":"Never","zzz":1,"__proto__":2,"containers":[]}}') as Record<string, unknown>;
    expect(JSON.stringify(inGoOrder(pod, odd))).toBe('{"spec":{"containers":[],"restartPolicy":"Never","zzz":1,"__proto__":2}}');
  });

  it('is not looked for in what comes from an object that has it', () => {
    const spec = { restartPolicy: 'Never', containers: [] };
    expect(inGoOrder(pod, { spec, status: {} }, { spec })).toEqual({ spec, status: {} });
    expect(JSON.stringify(inGoOrder(pod, { spec, status: {} }, { spec }))).toContain('{"restartPolicy":"Never","containers":[]}');
    expect(JSON.stringify(inGoOrder(pod, { spec: { ...spec } }, { spec }))).toBe('{"spec":{"containers":[],"restartPolicy":"Never"}}');
  });

  it('is by name everywhere in a kind that is not built in, whatever the names', () => {
    const odd = JSON.parse('{"spec":{"z":1,"__proto__":{"y":1,"x":2},"a":[{"d":1,"c":2}]}}') as Record<string, unknown>;
    expect(JSON.stringify(inGoOrder(undefined, odd))).toBe('{"spec":{"__proto__":{"x":2,"y":1},"a":[{"c":2,"d":1}],"z":1}}');
  });
});
