import { describe, expect, it } from 'vitest';
import { runtimeError } from '../../../main/runtime/docker/errors.ts';

const answer = (statusCode: number, message: string, json?: unknown) => Object.assign(new Error(message), { statusCode, json });

describe('a failed call to the engine', () => {
  it.each([
    ['in the words of its answer', answer(500, '(HTTP code 500) server error - no space left ', { message: 'no space left' }), 'other', 'no space left'],
    ['without what its client says of a status', answer(500, '(HTTP code 500) server error - Get "https://r.example/v2/": no such host '), 'other', 'Get "https://r.example/v2/": no such host'],
    ['whatever the client takes the status for', answer(404, '(HTTP code 404) no such container - No such image: app:1 '), 'imageNotFound', 'No such image: app:1'],
    ['as a conflict, if Podman only says what is wrong', answer(500, '', { message: 'can only create exec sessions on running containers: container state improper' }), 'conflict', 'can only create exec sessions on running containers: container state improper'],
    ['with a status that the client knows nothing of', answer(418, '(HTTP code 418) unexpected - a teapot '), 'other', 'a teapot'],
  ])('is told %s', (_, failure, code, message) => {
    expect(runtimeError(failure)).toMatchObject({ code, message });
  });

  it('is one of an engine that is away when there was no answer', () => {
    expect(runtimeError(Object.assign(new Error('connect ENOENT /var/run/docker.sock'), { code: 'ENOENT' })).code).toBe('unavailable');
    expect(runtimeError(new Error('socket hang up')).code).toBe('unavailable');
  });
});
