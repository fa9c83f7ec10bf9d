import { expect, it } from 'vitest';
import { insertAt, noFields, type FieldSetDraft } from '../../../../main/apiserver/patch/fieldSet.ts';

it('adds to a list without looking through what the list already has', () => {
  const list = new Proxy<FieldSetDraft>({ '.': noFields, 'v:"a"': noFields }, {
    ownKeys: () => {
      throw new Error('looked through the whole list');
    },
  });
  const set: FieldSetDraft = { 'f:finalizers': list };
  insertAt(set, ['f:finalizers', 'v:"b"'], noFields);
  expect(list['v:"b"']).toBe(noFields);
});

it('keeps a field as a member when something comes below it', () => {
  const set: FieldSetDraft = {};
  insertAt(set, ['f:a'], noFields);
  insertAt(set, ['f:a', 'f:b'], noFields);
  insertAt(set, ['f:c', 'f:d'], noFields);
  expect(set).toEqual({ 'f:a': { '.': {}, 'f:b': {} }, 'f:c': { 'f:d': {} } });
});
