import { describe, expect, it } from 'vitest';
import { cloneJson } from '../../../main/api/json.ts';
import type { KubeObject } from '../../../main/api/meta.ts';
import { SharedParts } from '../../../main/client/sharing.ts';

const template = (): Record<string, unknown> => ({
  containers: [{ name: 'main', image: 'nginx', ports: [{ containerPort: 80 }], resources: { requests: { cpu: '10m' } } }],
  tolerations: [{ key: 'a', operator: 'Exists' }, { key: 'b', operator: 'Exists' }],
});
type Part = Record<string, unknown>;
type AnyObject = KubeObject & { spec: Part };
const listOf = (object: AnyObject | undefined, name: string) => object!.spec[name] as Part[];
const pod = (name: string, spec: Record<string, unknown> = template(), owner?: string): AnyObject => ({
  apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default', ...(owner ? { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: owner }] } : {}) }, spec,
});

/** What a collection holds after these came to it in turn. */
function shareInTurn(...objects: AnyObject[]): AnyObject[] {
  const parts = new SharedParts<AnyObject>();
  return objects.map((object) => parts.share(cloneJson(object), undefined));
}

describe('objects of one collection', () => {
  it('hold together what is alike in them and stay what they are', () => {
    const given = [pod('a'), pod('b'), pod('c', { ...template(), nodeName: 'node-1' }), pod('d')];
    const [a, b, c, d] = shareInTurn(...given);
    expect([a, b, c, d]).toEqual(given);
    expect(b!.spec).toBe(a!.spec);
    expect(c!.spec).not.toBe(a!.spec);
    expect(c!.spec.containers).toBe(a!.spec.containers);
    expect(d!.spec.tolerations).toBe(a!.spec.tolerations);
  });

  it('share the members of a list up to its end, and the parts of one that differs', () => {
    const longer = template();
    (longer.tolerations as unknown[]).push({ key: 'c', operator: 'Exists' });
    const other = template();
    (other.containers as Record<string, unknown>[])[0]!.image = 'busybox';
    const given = [pod('a'), pod('b', longer), pod('c', other), pod('d'), pod('e', { ...template(), tolerations: [] })];
    const found = shareInTurn(...given);
    expect(found).toEqual(given);
    expect(listOf(found[1], 'tolerations')[1]).toBe(listOf(found[0], 'tolerations')[1]);
    expect(listOf(found[2], 'containers')[0]!.resources).toBe(listOf(found[0], 'containers')[0]!.resources);
  });

  it('take from an older state of the object before they take from others', () => {
    const parts = new SharedParts<AnyObject>();
    const old = parts.share(pod('a', { ...template(), extra: { a: '1' } }), undefined);
    parts.share(pod('b', { containers: [] }), undefined);
    const fresh = parts.share(pod('a', { ...template(), extra: { a: '1' }, nodeName: 'node-1' }), old);
    expect(fresh.spec.extra).toBe(old.spec.extra);
    expect(fresh.spec.containers).toBe(old.spec.containers);
  });

  it('take from the last of their controller, whoever came between', () => {
    const web = template();
    const job = { ...template(), restartPolicy: 'Never', volumes: [{ name: 'v' }] };
    const [a, , c] = shareInTurn(pod('web-1', web, 'web'), pod('job-1', job, 'job'), pod('web-2', web, 'web'));
    expect(c!.spec).toBe(a!.spec);
  });

  it('never change an object that was given', () => {
    const freeze = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return;
      Object.freeze(value);
      for (const member of Object.values(value)) freeze(member);
    };
    const parts = new SharedParts<AnyObject>();
    for (const object of [pod('a'), pod('b', { ...template(), tolerations: [{ key: 'b', operator: 'Exists' }] }), pod('c')]) {
      const copy = cloneJson(object);
      freeze(object);
      expect(parts.share(object, undefined)).toEqual(copy);
    }
  });

  it('tell members apart that are missing, null, empty or have names that every object has', () => {
    const values = ['{}', '{"a":null}', '{"a":{}}', '{"a":[]}', '{"a":[null]}', '{"a":[{}]}', '{"a":""}', '{"a":"","b":""}', '{"__proto__":{},"a":""}', '{"a":"","__proto__":{}}', '{"__proto__":{"x":1}}', '{"constructor":{}}', '{"toString":"","a":""}', '{"a":0}', '{"a":false}', '{"b":"","a":""}'];
    for (const model of values)
      for (const value of values) {
        const shared = shareInTurn(pod('a', JSON.parse(model)), pod('b', JSON.parse(value)));
        const [first, second] = [pod('a', JSON.parse(model)), pod('b', JSON.parse(value))];
        expect(JSON.stringify(shared.map(({ spec }) => sorted(spec)))).toBe(JSON.stringify([first, second].map(({ spec }) => sorted(spec))));
      }
  });
});

const sorted = (spec: Record<string, unknown>) => Object.keys(spec).sort().map((name) => [name, spec[name]]);
