import { expect, it } from 'vitest';
import { PolicyStatusController } from '../../../../main/apiserver/admission/policies/statusController.ts';
import type { ResourceTable } from '../../../../main/apiserver/registry/resources.ts';
import { createMemoryStore } from '../../../../main/store/index.ts';
import { noLog } from '../../../../main/util/log.ts';
import { FakeClock, settle } from '../../../support/fakeClock.ts';

const cause = { who: 'test' };
const key = '/registry/admissionregistration.k8s.io/validatingadmissionpolicies/p';
const policy = (generation: number, observedGeneration?: number) =>
  JSON.stringify({ apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicy', metadata: { name: 'p', uid: 'u', generation }, spec: {}, ...(observedGeneration ? { status: { observedGeneration } } : {}) });

it('says of each generation of a policy that it was looked at, and tries again what could not be written', async () => {
  const clock = new FakeClock();
  const store = createMemoryStore({ clock });
  const written: number[] = [];
  let away = true;
  const controller = new PolicyStatusController({
    store,
    clock,
    log: noLog,
    resources: { all: () => [] } as unknown as ResourceTable,
    async setStatus(_, { observedGeneration }) {
      if (away) throw new Error('the store is away');
      written.push(observedGeneration!);
      await store.put(key, () => policy(observedGeneration!, observedGeneration), { cause });
    },
  });
  await store.put(key, () => policy(1), { cause });
  await controller.start();
  await settle();
  away = false;
  await clock.advance(1_000);
  expect(written).toEqual([1]);
  await store.put(key, () => policy(2, 1), { cause });
  await settle();
  expect(written).toEqual([1, 2]);
  controller.close();
  await store.close();
});
