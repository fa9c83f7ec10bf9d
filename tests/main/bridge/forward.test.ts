import { expect, test } from 'vitest';
import { forwardRequest, portNumber } from '../../../main/bridge/index.ts';

const request = { resource: 'pods', namespace: 'default', name: 'web', port: 80 };

test('of what a window sends only what the contract names is kept', () => {
  expect(forwardRequest({ ...request, localPort: 8080, extra: true, __proto__: { pod: 'x' } })).toEqual({ ...request, localPort: 8080 });
  expect(forwardRequest({ ...request, localPort: null })).toEqual(request);
});

test('a request of another shape is refused', () => {
  for (const value of [undefined, null, 'pods', [], {}, { ...request, resource: 1 }, { ...request, namespace: {} }, { ...request, name: 'x'.repeat(254) }]) expect(() => forwardRequest(value)).toThrow('not a');
  for (const port of [0, -1, 65_536, 1.5, NaN, '80', null, undefined]) {
    expect(() => portNumber(port)).toThrow('not a port');
    expect(() => forwardRequest({ ...request, port })).toThrow('not a port');
  }
  expect(() => forwardRequest({ ...request, localPort: '80' })).toThrow('not a port');
});
