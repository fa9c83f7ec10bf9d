import { afterEach, beforeEach, expect, test } from 'vitest';
import { Client } from '../../../../main/client/index.ts';
import { VolumeSnapshotKinds } from '../../../../main/controllers/volumeSnapshot/snapshotKinds.ts';
import type { ControllerContext } from '../../../../main/controllers/controller.ts';
import { noLog } from '../../../../main/util/log.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { CustomServer } from '../../apiserver/apiextensions/definitions.ts';

let server: CustomServer;
beforeEach(async () => {
  server = await CustomServer.start();
  await install();
});
afterEach(() => server.close());

/** Waits for nothing but the server. */
const clock = Object.assign(new FakeClock(), { sleep: () => new Promise<void>((resolve) => setImmediate(resolve)) });
const install = () =>
  new VolumeSnapshotKinds({ client: new Client(server.harness.remote, { userAgent: 'test' }), clock, log: noLog } as unknown as ControllerContext).install(new AbortController().signal);
const group = '/apis/snapshot.storage.k8s.io/v1';
const body = (kind: string, spec: object) => ({ apiVersion: 'snapshot.storage.k8s.io/v1', kind, metadata: { name: 'x' }, spec });
const snapshots = `${group}/namespaces/default/volumesnapshots`;

test('there is a class of ours at first, and none again when a user has taken it away', async () => {
  const path = `${group}/volumesnapshotclasses/standard`;
  expect((await server.request('GET', path)).body).toMatchObject({ driver: 'volumes.skiff.dev', deletionPolicy: 'Delete' });
  await server.request('DELETE', path);
  await install();
  expect(await server.refusal(server.request('GET', path))).toMatchObject({ code: 404 });
});

test.each([
  ['nothing', {}, 'exactly one of volumeSnapshotContentName and persistentVolumeClaimName must be set'],
  ['two things', { persistentVolumeClaimName: 'a', volumeSnapshotContentName: 'b' }, 'exactly one of volumeSnapshotContentName and persistentVolumeClaimName must be set'],
])('a snapshot of %s is refused', async (_name, source, message) => {
  expect((await server.refusal(server.request('POST', snapshots, body('VolumeSnapshot', { source }))))?.message).toContain(message);
});

test('what a snapshot is taken of stays as it is', async () => {
  await server.request('POST', snapshots, body('VolumeSnapshot', { source: { persistentVolumeClaimName: 'a' } }));
  const { body: made } = await server.request<object>('GET', `${snapshots}/x`);
  const changed = { ...made, spec: { source: { persistentVolumeClaimName: 'b' } } };
  expect((await server.refusal(server.request('PUT', `${snapshots}/x`, changed)))?.message).toContain('persistentVolumeClaimName is immutable');
});
