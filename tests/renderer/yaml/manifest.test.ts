import { describe, expect, it } from 'vitest';
import { fieldSteps, parseManifest } from '../../../renderer/yaml/parse.ts';
import { inOrderOf, printManifest } from '../../../renderer/yaml/print.ts';

const read = (text: string) => parseManifest(text)[0]?.value;

describe('a manifest is read as kubectl reads it', () => {
  it.each([
    ['y', true], ['Y', true], ['yes', true], ['on', true], ['n', false], ['no', false], ['off', false],
    ['0777', 511], ['0o17', 15], ['0b11', 3], ['1_000', 1000],
    ['12:30:45', '12:30:45'], ['2024-01-02', '2024-01-02'], ['1e400', '1e400'], ['1e3', 1000], ['"yes"', 'yes'], ['', null],
  ])('a: %s', (text, value) => {
    expect(read(`a: ${text}`)).toEqual({ a: value });
  });

  it('takes the last of two equal keys, and says so, and follows merges', () => {
    const [document] = parseManifest('a: 1\nb: {c: 1, c: 2}\na: 2');
    expect(document!.value).toEqual({ a: 2, b: { c: 2 } });
    expect(document!.findings).toEqual([
      { from: 21, to: 22, severity: 'warning', message: 'key "a" already set in map' },
      { from: 15, to: 16, severity: 'warning', message: 'key "c" already set in map' },
    ]);
    expect(read('base: &b {x: 1}\nuse:\n  <<: *b\n  z: 2')).toMatchObject({ use: { x: 1, z: 2 } });
  });

  it('takes each document by itself, and one that is broken does not hide the others', () => {
    const documents = parseManifest('a: 1\n---\nb: [\n---\nc: 3\n');
    expect(documents.map(({ value }) => value)).toEqual([{ a: 1 }, undefined, { c: 3 }]);
    expect(documents[1]!.findings[0]!.severity).toBe('error');
  });

  it('refuses what is no text, in few words', () => {
    expect(parseManifest('a: \0').map(({ value, findings }) => [value, findings[0]!.message])).toEqual([[undefined, 'control characters are not allowed']]);
    expect(parseManifest(`a: 1\n${'x'.repeat(5000)}`)[0]!.findings[0]!.message.length).toBeLessThan(400);
  });

  it('refuses a document that is a bomb', () => {
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x,x]', ...'bcdefg'.split('').map((key, index) => `${key}: &${key} [${Array(10).fill(`*${'abcdefg'[index]}`).join()}]`)].join('\n');
    const [document] = parseManifest(bomb);
    expect(document!.value).toBeUndefined();
    expect(document!.findings[0]!.message).toMatch(/alias/i);
  });

  it('makes no prototype of a key', () => {
    const value = read('__proto__: {polluted: true}') as Record<string, unknown>;
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(Object.keys(value)).toEqual(['__proto__']);
  });
});

describe('a field is found where the server says it is', () => {
  const text = 'spec:\n  containers:\n    - name: a\n      image: one\n    - name: b\n  labels:\n    app.kubernetes.io/name: x\n';
  const [document] = parseManifest(text);
  const at = (field: string) => text.slice(document!.find(field).from).split('\n')[0]!;

  it.each([
    ['spec.containers[0].image', 'one'],
    ['spec.containers[1]', 'name: b'],
    ['spec.containers[1].image', 'name: b'],
    ['spec.labels[app.kubernetes.io/name]', 'x'],
    ['spec.replicas', 'spec:'],
  ])('%s', (field, start) => {
    expect(at(field).startsWith(start)).toBe(true);
  });

  it('takes a path apart', () => {
    expect(fieldSteps('spec.template.metadata.labels[a.b/c]')).toEqual(['spec', 'template', 'metadata', 'labels', 'a.b/c']);
  });
});

describe('a manifest is written so that kubectl reads the same back', () => {
  it('quotes what YAML 1.1 would take for something else', () => {
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: { a: 'yes', b: 'on', c: '0777', d: '1_000', e: '12:30', f: 'null', g: '~', h: 'line\nline\n', i: ' x' } };
    expect(read(printManifest(object))).toEqual(object);
    expect(printManifest(object)).toMatch(/a: "yes"/);
  });

  it('can follow the order of another, so that only what differs is seen to differ', () => {
    const text = printManifest(inOrderOf({ kind: 'Pod', metadata: { labels: { b: '1', a: '2', c: '3' } } }, { kind: 'Pod', metadata: { labels: { a: '2', b: '1' } } }));
    expect(text.match(/[abc](?=: )/g)).toEqual(['a', 'b', 'c']);
  });

  it('begins with what an object is and ends with its status', () => {
    const text = printManifest({ status: {}, spec: {}, metadata: { name: 'x' }, kind: 'Pod', apiVersion: 'v1' } as never);
    expect(text.match(/^\w+/gm)).toEqual(['apiVersion', 'kind', 'metadata', 'spec', 'status']);
  });
});
