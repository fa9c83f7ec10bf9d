import { Registry as Metrics } from 'prom-client';
import { expect, it } from 'vitest';
import { forbidden } from '../../../main/api/status.ts';
import { AdmissionMetrics } from '../../../main/apiserver/admission/metrics.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '../../../main/apiserver/admission/types.ts';
import { AdmissionChain } from '../../../main/apiserver/admissionChain.ts';
import { FakeClock } from '../../support/fakeClock.ts';

it('tells how long each plugin took, and which of them refused', async () => {
  const metrics = new Metrics();
  const clock = new FakeClock();
  const plugin = (name: string, part: Partial<AdmissionPlugin>): AdmissionPlugin => ({ name, handles: () => true, ...part });
  const slow = plugin('Slow', { admit: () => clock.advance(200) });
  const strict = plugin('Strict', {
    validate: () => {
      throw forbidden({ group: '', kind: 'pods' }, 'a', 'no');
    },
  });
  const chain = new AdmissionChain([slow, strict], clock, new AdmissionMetrics(metrics));
  const attributes = { operation: 'CREATE', resource: { group: '', version: 'v1', resource: 'pods' }, subresource: '', reinvocation: { begin: () => false } } as unknown as AdmissionAttributes;
  await chain.admit(attributes);
  await expect(chain.validate(attributes)).rejects.toMatchObject({ code: 403 });
  const text = await metrics.metrics();
  const name = 'apiserver_admission_controller_admission_duration_seconds';
  expect(text).toContain(`${name}_sum{name="Slow",type="admit",operation="CREATE",rejected="false"} 0.2\n`);
  expect(text).toContain(`${name}_count{name="Strict",type="validate",operation="CREATE",rejected="true"} 1\n`);
  expect(text).not.toContain(`${name}_count{name="Strict",type="admit"`);
});
