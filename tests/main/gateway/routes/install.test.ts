import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CustomResourceDefinition } from '../../../../main/api/index.ts';
import { Client } from '../../../../main/client/index.ts';
import { bundleAnnotation, bundleVersion, definitions, ownerAnnotation } from '../../../../main/gateway/routes/definitions.ts';
import { installKinds } from '../../../../main/gateway/routes/install.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { CustomServer, definitions as path } from '../../apiserver/apiextensions/definitions.ts';

let server: CustomServer;
beforeEach(async () => {
  server = await CustomServer.start();
});
afterEach(() => server.close());

/** Waits for nothing but the server. */
const clock = Object.assign(new FakeClock(), { sleep: () => new Promise<void>((resolve) => setImmediate(resolve)) });
const install = () => installKinds(new Client(server.harness.remote, { userAgent: 'test' }), clock, new AbortController().signal);
const get = async (plural: string) => (await server.request<CustomResourceDefinition>('GET', `${path}/${plural}.gateway.networking.k8s.io`)).body;
const group = '/apis/gateway.networking.k8s.io';

test('the kinds are taken by the API server, with the class that is served here; a second time changes nothing', async () => {
  await install();
  const { body: first } = await server.request('GET', `${group}/v1/gatewayclasses/skiff`);
  const before = await get('gateways');
  await install();
  expect((await get('gateways')).metadata!.resourceVersion).toBe(before.metadata!.resourceVersion);
  expect(first).toMatchObject({ spec: { controllerName: 'skiff.dev/gateway' } });
  for (const { spec } of definitions) {
    const { body } = await server.request<{ resources: { kind: string }[] }>('GET', `${group}/v1`);
    expect(body.resources.map(({ kind }) => kind)).toContain(spec.names.kind);
  }
});

test('an HTTPRoute has the defaults of the release, and a wrong one is refused', async () => {
  await install();
  const write = (spec: object) => server.request<{ spec: object }>('POST', `${group}/v1/namespaces/default/httproutes`, { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata: { generateName: 'web-' }, spec });
  const { body } = await write({ parentRefs: [{ name: 'edge' }], rules: [{ backendRefs: [{ name: 'web', port: 80 }] }] });
  expect(body.spec).toEqual({
    parentRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'edge' }],
    rules: [{ matches: [{ path: { type: 'PathPrefix', value: '/' } }], backendRefs: [{ group: '', kind: 'Service', name: 'web', port: 80, weight: 1 }] }],
  });
  const refused = async (rule: object) => (await server.refusal(write({ rules: [rule] })))?.details?.causes?.map(({ field }) => field);
  expect(await refused({ backendRefs: [{ name: 'web' }] })).toEqual(['spec.rules[0].backendRefs[0]']);
  expect(await refused({ matches: [{ path: { value: 'x' } }] })).toEqual(['spec.rules[0].matches[0].path']);
  expect(await refused({ filters: [{ type: 'URLRewrite' }] })).toEqual(['spec.rules[0].filters[0]']);
});

test("a user's own definitions stay; those that an earlier release of ours wrote are made newer", async () => {
  const [, gateway, httpRoute, grpcRoute] = definitions;
  const dated = (definition: CustomResourceDefinition, bundle: string, ours?: string): CustomResourceDefinition => {
    const { [ownerAnnotation]: _, ...annotations } = definition.metadata!.annotations!;
    return { ...definition, metadata: { ...definition.metadata, annotations: { ...annotations, [bundleAnnotation]: bundle, ...(ours ? { [ownerAnnotation]: ours } : {}) } } };
  };
  await server.request('POST', path, dated(gateway!, 'v9.0.0'));
  // Ours at first, then a user's over it.
  await server.request('POST', path, dated(httpRoute!, 'v9.0.0', bundleVersion));
  await server.request('POST', path, dated(grpcRoute!, 'v1.4.0', 'v1.4.0'));
  await install();
  const bundle = async (plural: string) => (await get(plural)).metadata!.annotations![bundleAnnotation];
  expect(await bundle('gateways')).toBe('v9.0.0');
  expect(await bundle('httproutes')).toBe('v9.0.0');
  expect(await bundle('grpcroutes')).toBe(bundleVersion);
});
