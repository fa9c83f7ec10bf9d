import { describe, expect, it } from 'vitest';
import { applyJsonPatch, applyMergePatch } from '../../../../main/apiserver/patch/index.ts';
import { StatusError } from '../../../../main/api/status.ts';

function refusal(act: () => unknown): { code: number; message: string } {
  try {
    act();
  } catch (error) {
    if (error instanceof StatusError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('it was not refused');
}

describe('a JSON patch', () => {
  const doc = { metadata: { labels: { 'a/b': '1', 'c~d': '2' } }, list: ['a', 'b', 'c'], n: null };

  it.each([
    ['adds a member', [{ op: 'add', path: '/spec', value: { x: 1 } }], { ...doc, spec: { x: 1 } }],
    ['adds null', [{ op: 'add', path: '/x', value: null }], { ...doc, x: null }],
    ['inserts into a list', [{ op: 'add', path: '/list/1', value: 'x' }], { ...doc, list: ['a', 'x', 'b', 'c'] }],
    ['appends to a list', [{ op: 'add', path: '/list/-', value: 'x' }], { ...doc, list: ['a', 'b', 'c', 'x'] }],
    ['counts negative indexes from the end', [{ op: 'remove', path: '/list/-1' }], { ...doc, list: ['a', 'b'] }],
    ['reads ~1 and ~0', [{ op: 'replace', path: '/metadata/labels/a~1b', value: 'x' }, { op: 'remove', path: '/metadata/labels/c~0d' }], { ...doc, metadata: { labels: { 'a/b': 'x' } } }],
    ['moves', [{ op: 'move', from: '/list/0', path: '/first' }], { ...doc, list: ['b', 'c'], first: 'a' }],
    ['copies', [{ op: 'copy', from: '/list', path: '/copy' }, { op: 'remove', path: '/copy/0' }], { ...doc, copy: ['b', 'c'] }],
    ['tests and goes on', [{ op: 'test', path: '/list', value: ['a', 'b', 'c'] }, { op: 'remove', path: '/list' }], { metadata: doc.metadata, n: null }],
    ['tests a missing member against null', [{ op: 'test', path: '/missing', value: null }], doc],
    ['replaces the whole', [{ op: 'replace', path: '', value: { a: 1 } }], { a: 1 }],
    ['sets __proto__ as a plain member', [{ op: 'add', path: '/__proto__', value: { polluted: true } }], JSON.parse(JSON.stringify(doc).replace(/}$/, ',"__proto__":{"polluted":true}}'))],
  ])('%s', (_, patch, expected) => {
    const before = JSON.stringify(doc);
    const result = applyJsonPatch(doc, patch);
    expect(JSON.stringify(result)).toBe(JSON.stringify(expected));
    expect(JSON.stringify(doc)).toBe(before);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it.each([
    ['a failed test', [{ op: 'test', path: '/list/0', value: 'z' }]],
    ['a missing parent', [{ op: 'add', path: '/a/b/c', value: 1 }]],
    ['a missing member', [{ op: 'remove', path: '/nothing' }]],
    ['an index out of range', [{ op: 'add', path: '/list/9', value: 1 }]],
    ['an index that is none', [{ op: 'add', path: '/list/x', value: 1 }]],
    ['an unknown operation', [{ op: 'frob', path: '/list' }]],
    ['an inherited member', [{ op: 'remove', path: '/toString' }]],
    ['no operation', [null]],
    ['moving from nowhere', [{ op: 'move', from: '/nothing', path: '/x' }]],
  ])('is refused for %s', (_, patch) => {
    expect(refusal(() => applyJsonPatch(doc, patch))).toEqual({ code: 422, message: 'the server rejected our request due to an error in our request' });
  });

  it('adds what it replaces and is not there, as its own', () => {
    expect(applyJsonPatch({}, [{ op: 'replace', path: '/toString', value: 1 }])).toEqual({ toString: 1 });
  });

  it('is refused when it is no list of operations', () => {
    expect(refusal(() => applyJsonPatch(doc, { op: 'add' }))).toEqual({ code: 400, message: 'error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp' });
    expect(refusal(() => applyJsonPatch(doc, ['x']))).toEqual({ code: 400, message: 'error decoding patch: json: cannot unmarshal string into Go value of type handlers.jsonPatchOp' });
  });

  it('cannot grow beyond what a request may hold by copying', () => {
    const doubling = [{ op: 'add', path: '/data', value: { a: 'x' } }, ...Array.from({ length: 40 }, (_, i) => ({ op: 'copy', from: '/data', path: `/data/x${i}` }))];
    expect(refusal(() => applyJsonPatch({}, doubling)).code).toBe(422);
    expect(Object.keys((applyJsonPatch({}, doubling.slice(0, 10)) as { data: object }).data)).toHaveLength(10);
  });

  it('cannot nest without end by moving things into each other', () => {
    const nesting = Array.from({ length: 3000 }, (_, i) => [{ op: 'add', path: `/${i % 2}`, value: {} }, { op: 'move', from: `/${1 - (i % 2)}`, path: `/${i % 2}/x` }]).flat();
    expect(refusal(() => applyJsonPatch({ 1: {} }, nesting)).code).toBe(422);
    expect(applyJsonPatch({ 1: {} }, nesting.slice(0, 6))).toEqual({ 0: { x: { x: { x: {} } } } });
  });

  it('is refused beyond 10,000 operations', () => {
    const patch = Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/list/0', value: 'a' }));
    expect(refusal(() => applyJsonPatch(doc, patch))).toEqual({
      code: 413,
      message: 'Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001',
    });
  });
});

describe('a merge patch', () => {
  // The examples of RFC 7386, appendix A, whose documents are objects.
  it.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('%j + %j', (doc, patch, expected) => {
    expect(applyMergePatch<object>(doc, patch)).toEqual(expected);
  });

  it('shares nothing with its arguments', () => {
    const doc = { a: { b: [1] } };
    const patch = { c: { d: [2] } };
    const result = applyMergePatch<{ a: { b: number[] }; c?: { d: number[] } }>(doc, patch);
    result.a.b.push(9);
    result.c!.d.push(9);
    expect([doc, patch]).toEqual([{ a: { b: [1] } }, { c: { d: [2] } }]);
  });

  it('takes __proto__ for a name', () => {
    const result = applyMergePatch<object>({}, JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'));
    expect(Object.hasOwn(result, '__proto__')).toBe(true);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('is refused when it is no object', () => {
    expect(refusal(() => applyMergePatch({}, [1]))).toEqual({ code: 400, message: 'error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}' });
  });
});
