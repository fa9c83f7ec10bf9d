import { expect, test } from 'vitest';
import { addressesOf, addressOf } from '../../../renderer/kinds/node/status.ts';

test('a node with addresses of both families shows them, its first choice first', () => {
  const addresses = [{ type: 'InternalIP', address: '10.244.0.2' }, { type: 'Hostname', address: 'node-1' }, { type: 'InternalIP', address: 'fd00:10:244::2' }];
  expect(addressesOf({ status: { addresses } }, 'InternalIP')).toEqual(['10.244.0.2', 'fd00:10:244::2']);
  expect(addressOf({ status: { addresses } }, 'InternalIP')).toBe('10.244.0.2');
  expect(addressOf({}, 'InternalIP')).toBe('');
});
