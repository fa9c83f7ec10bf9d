import { expect, it } from 'vitest';
import type { KubeObject } from '../../../../main/api/meta.ts';
import { cloneJson } from '../../../../main/api/json.ts';
import { horizontalPodAutoscaler } from '../../../../main/apiserver/registry/autoscaling/horizontalPodAutoscaler.ts';
import { cronJob } from '../../../../main/apiserver/registry/batch/cronJob.ts';
import { certificateSigningRequest } from '../../../../main/apiserver/registry/certificates/certificateSigningRequest.ts';
import { endpointSlice } from '../../../../main/apiserver/registry/discovery/endpointSlice.ts';
import { ingress } from '../../../../main/apiserver/registry/networking/ingress.ts';
import { networkPolicy } from '../../../../main/apiserver/registry/networking/networkPolicy.ts';
import type { Strategy } from '../../../../main/apiserver/registry/strategy.ts';

const strategyOf = (strategy: unknown) => strategy as Strategy;
const backend = { service: { name: 's', port: { number: 80 } } };
const path = (text: string, host = '*.a.b') => ({ rules: [{ host, http: { paths: [{ path: text, pathType: 'Exact', backend }] } }] });
const usages = (...names: string[]) => ({ request: '', signerName: 'a.b/c', usages: names });
const job = { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } } };

// What was stored while less was asked of it may go on; what is new may not be like that.
it.each<[string, unknown, object, object, string]>([
  ['a range with bits behind its length', networkPolicy, { spec: { ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.1/8' } }] }] } }, { spec: { ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.1/8' } }] }, {}] } }, 'spec.ingress[0].from[0].ipBlock.cidr'],
  ['a secret that nothing can be called', ingress, { spec: { defaultBackend: backend, tls: [{ secretName: 'a b' }] } }, { spec: { defaultBackend: backend, tls: [{ secretName: 'b c' }] } }, 'spec.tls[0].secretName'],
  ['a relative path of a wildcard', ingress, { spec: path('a') }, { spec: path('b') }, 'spec.rules[0].http.paths[0].path'],
  ['an address with zeros in front', endpointSlice, { addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.01'] }] }, { addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.01'] }], ports: [{ port: 80 }] }, 'endpoints[0].addresses[0]'],
  ['a usage that there is not', certificateSigningRequest, { spec: usages('x') }, { spec: usages('x') }, 'spec.usages[0]'],
  ['a usage twice', certificateSigningRequest, { spec: usages('any', 'any') }, { spec: usages('any', 'any') }, 'spec.usages[1]'],
  ['a time zone in the schedule', cronJob, { spec: { schedule: 'TZ=UTC * * * * *', concurrencyPolicy: 'Allow', jobTemplate: { spec: job } } }, { spec: { schedule: 'TZ=UTC 1 * * * *', concurrencyPolicy: 'Allow', jobTemplate: { spec: job } } }, 'spec.schedule'],
  ['none as the least', horizontalPodAutoscaler, { spec: { scaleTargetRef: { kind: 'D', name: 'd' }, minReplicas: 0, maxReplicas: 1, metrics: [{ type: 'External', external: { metric: { name: 'm' }, target: { type: 'Value', value: '1' } } }] } }, { spec: { scaleTargetRef: { kind: 'D', name: 'd' }, minReplicas: 0, maxReplicas: 2, metrics: [{ type: 'External', external: { metric: { name: 'm' }, target: { type: 'Value', value: '1' } } }] } }, 'spec.minReplicas'],
])('keeps %s where it is, and refuses it elsewhere', async (_name, kind, old, changed, field) => {
  const strategy = strategyOf(kind);
  const made = (given: object) => {
    const object = { metadata: { name: 'x', namespace: 'n' }, ...cloneJson(given) } as KubeObject;
    strategy.defaults?.(object);
    return object;
  };
  expect(await strategy.validateUpdate({} as never, made(changed), made(old), {} as never)).toEqual([]);
  expect((await strategy.validate({} as never, made(changed), {} as never)).map((error) => error.field)).toContain(field);
});

it('judges all endpoints again once one of them changes', async () => {
  const slice = (...addresses: string[]) => ({ metadata: { name: 'x', namespace: 'n' }, addressType: 'IPv4', endpoints: addresses.map((address) => ({ addresses: [address] })) }) as KubeObject;
  const found = await strategyOf(endpointSlice).validateUpdate({} as never, slice('10.0.0.01', '10.0.0.2'), slice('10.0.0.01'), {} as never);
  expect(found.map(({ field }) => field)).toEqual(['endpoints[0].addresses[0]']);
});
