import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootstrapCluster } from '../../../main/bootstrap/index.ts';
import { RequestFuzz } from '../../support/requestFuzz.ts';
import { TestCluster, type RawAnswer } from '../../main/apiserver/registry/testCluster.ts';

/*
 * What no client should send, to every path and method that the OpenAPI document names. SKIFF_FUZZ_ROUNDS and
 * SKIFF_FUZZ_SEED make it longer and other.
 */
const rounds = Number(process.env.SKIFF_FUZZ_ROUNDS ?? 2);
const seed = Number(process.env.SKIFF_FUZZ_SEED ?? 136);

let cluster: TestCluster;
let ask: Awaited<ReturnType<TestCluster['listen']>>;
beforeAll(async () => {
  cluster = await TestCluster.start();
  await bootstrapCluster(cluster.client());
  await cluster.ask('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
  ask = await cluster.listen();
});
afterAll(() => cluster.close());

/** 504 says that a revision lies in the future, which is a client's mistake as well. */
const fails = ({ code, text }: RawAnswer) => code >= 500 && !(code === 504 && text.includes('Too large resource version'));

describe('requests made up from the OpenAPI document', () => {
  it('are answered, with no failure of the server and no change by what it refuses', { timeout: 240_000 }, async () => {
    const document = JSON.parse((await ask({ method: 'GET', path: '/openapi/v2', headers: {} })).text) as ConstructorParameters<typeof RequestFuzz>[0];
    const fuzz = new RequestFuzz(document, seed);
    expect(fuzz.round).toBeGreaterThan(400);
    const codes = new Map<number, number>();
    for (let i = 0; i < rounds * fuzz.round; i++) {
      const request = fuzz.next();
      const before = cluster.store.revision;
      const answer = await ask(request);
      const story = `#${i} ${request.method} ${request.path} ${JSON.stringify(request.headers)} ${request.body?.toString('utf8').slice(0, 2000)}\n→ ${answer.code} ${answer.text.slice(0, 500)}`;
      expect(fails(answer), story).toBe(false);
      if (answer.code >= 400) expect(cluster.store.revision, story).toBe(before);
      codes.set(answer.code, (codes.get(answer.code) ?? 0) + 1);
    }
    // It has come through the door, and has been heard.
    for (const code of [200, 201, 400, 404, 422]) expect(codes.get(code), `answers of ${code}`).toBeGreaterThan(0);
    expect((await ask({ method: 'GET', path: '/readyz', headers: {} })).text).toBe('ok');
  });
});
