import { expect, test } from 'vitest';
import { assignAddresses, loopbackAddresses } from '../../../main/gateway/addresses.ts';

const all = ['127.0.0.1', '127.0.1.1', '127.0.1.2'];
const nothing = new Set<string>();

test('who wants the same port gets another address, who does not shares the first', () => {
  expect(assignAddresses([{ ports: [80] }, { ports: [80, 443] }, { ports: [8080] }, { ports: [443] }], all, nothing)).toEqual(['127.0.0.1', '127.0.1.1', '127.0.0.1', '127.0.0.1']);
});

test('who is somewhere stays there, whoever is older', () => {
  expect(assignAddresses([{ ports: [80] }, { ports: [80], before: '127.0.0.1' }], all, nothing)).toEqual(['127.0.1.1', '127.0.0.1']);
});

test('a demanded address is given, and others keep out of its way', () => {
  expect(assignAddresses([{ ports: [80] }, { ports: [80], fixed: '127.0.0.1' }, { ports: [80], fixed: '127.9.9.9' }], all, nothing)).toEqual(['127.0.1.1', '127.0.0.1', '127.9.9.9']);
});

test('a port that another program has is not waited for while there is another address', () => {
  expect(assignAddresses([{ ports: [80], before: '127.0.0.1' }], all, new Set(['127.0.0.1:80', '127.0.1.1:80']))).toEqual(['127.0.1.2']);
});

test('where there is one address only all share it', () => {
  expect(assignAddresses([{ ports: [80] }, { ports: [80] }], loopbackAddresses('darwin'), nothing)).toEqual(['127.0.0.1', '127.0.0.1']);
});
