import { describe, expect, test } from 'vitest';
import { answerFields, isPreflight, preflightAnswer } from '../../../main/gateway/proxy/cors.ts';
import type { CorsRules } from '../../../main/gateway/model.ts';

const rules = (over: Partial<CorsRules> = {}): CorsRules => ({ origins: ['https://a.test', 'https://*.b.test'], methods: ['GET', 'PUT'], headers: ['x-one'], expose: ['x-out'], credentials: false, maxAgeSeconds: 60, ...over });
const question = (origin: string, over: object = {}) => ({ method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'x-asked', ...over } });

describe('a page of another origin', () => {
  test.each([
    ['https://a.test', true],
    ['https://www.b.test', true],
    ['https://deep.www.b.test', true],
    ['https://b.test', false],
    ['http://a.test', false],
    ['https://a.test.evil', false],
  ])('%s may ask: %s', (origin, may) => {
    expect(answerFields(rules(), origin)['access-control-allow-origin']).toBe(may ? origin : undefined);
    expect('access-control-max-age' in preflightAnswer(rules(), question(origin))).toBe(may);
  });

  test('is told what it may send and read', () => {
    expect(preflightAnswer(rules({ credentials: true }), question('https://a.test'))).toEqual({
      'access-control-allow-origin': 'https://a.test',
      vary: 'Origin',
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': 'x-out',
      'access-control-allow-methods': 'GET, PUT',
      'access-control-allow-headers': 'x-one',
      'access-control-max-age': '60',
    });
  });

  test('is given what it asks for where everything is allowed', () => {
    const answer = preflightAnswer(rules({ origins: ['*'], methods: ['*'], headers: ['*'] }), question('https://any.test'));
    expect(answer).toMatchObject({ 'access-control-allow-origin': '*', 'access-control-allow-methods': 'PUT', 'access-control-allow-headers': 'x-asked' });
  });
});

test('only a browser asks before it asks', () => {
  expect(isPreflight(question('https://a.test'))).toBe(true);
  expect(isPreflight({ method: 'GET', headers: question('https://a.test').headers })).toBe(false);
  expect(isPreflight({ method: 'OPTIONS', headers: { origin: 'https://a.test' } })).toBe(false);
});
