import { expect, it } from 'vitest';
import { readStatus } from '../../../renderer/client/api.ts';

it('knows a Status by its kind, or by its outcome where a stream ends with one', () => {
  expect(readStatus('{"kind":"Status","status":"Failure","message":"no"}')?.message).toBe('no');
  expect(readStatus('{"metadata":{},"status":"Failure","message":"exec: \\"sh\\": executable file not found in $PATH"}')?.message).toContain('not found');
  expect(readStatus('{"kind":"Pod","status":{"phase":"Failed"}}')).toBeUndefined();
  expect(readStatus('null')).toBeUndefined();
  expect(readStatus('plain words')).toBeUndefined();
});
