import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Pod, PodSpec } from '../../../../main/api/index.ts';
import { TestCluster } from './testCluster.ts';

let cluster: TestCluster;
beforeEach(async () => {
  cluster = await TestCluster.start();
  await cluster.ask('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } });
  await cluster.ask('POST', '/api/v1/namespaces/shop/serviceaccounts', { metadata: { name: 'default' } });
});
afterEach(() => cluster.close());

const rules = (action: string) => [{ action, exitCodes: { operator: 'In', values: [42] } }];

/** A pod whose container `one` has ended with 1 begins again. */
async function beginAgain(spec: Partial<PodSpec>): Promise<Pod> {
  const statusOf = (state: object) => ({ phase: 'Running', qosClass: 'BestEffort', containerStatuses: [{ name: 'one', image: 'x', imageID: '', ready: false, restartCount: 0, state }] });
  const put = (pod: Pod, state: object) => cluster.ask<Pod>('PUT', '/api/v1/namespaces/shop/pods/web/status', { ...pod, status: statusOf(state) });
  const pod = await cluster.ask<Pod>('POST', '/api/v1/namespaces/shop/pods', { metadata: { name: 'web' }, spec: { restartPolicy: 'Never', containers: [{ name: 'one', image: 'x' }], ...spec } });
  return put(await put(pod, { terminated: { exitCode: 1 } }), { waiting: {} });
}

it('a container that ended for good does not run again', async () => {
  await expect(beginAgain({})).rejects.toThrow('status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state');
});

it('a container begins again whose own policy says so', async () => {
  expect((await beginAgain({ containers: [{ name: 'one', image: 'x', restartPolicy: 'OnFailure' }] })).status!.containerStatuses![0]!.state).toEqual({ waiting: {} });
});

it('any container begins again where another can make all begin anew', async () => {
  const containers = [{ name: 'one', image: 'x' }, { name: 'two', image: 'x', restartPolicy: 'Never', restartPolicyRules: rules('RestartAllContainers') }];
  expect((await beginAgain({ containers })).status!.containerStatuses![0]!.state).toEqual({ waiting: {} });
});

it('a negative grace period is one second', async () => {
  const pod = await cluster.ask<Pod>('POST', '/api/v1/namespaces/shop/pods', { metadata: { name: 'web' }, spec: { terminationGracePeriodSeconds: -5, containers: [{ name: 'one', image: 'x' }] } });
  expect(pod.spec!.terminationGracePeriodSeconds).toBe(1);
  const updated = await cluster.ask<Pod>('PUT', '/api/v1/namespaces/shop/pods/web', { ...pod, spec: { ...pod.spec, terminationGracePeriodSeconds: -1 } });
  expect(updated.spec!.terminationGracePeriodSeconds).toBe(1);
});

it('the one address and the first of several are the same, and where they differ the one counts', async () => {
  await cluster.ask('POST', '/api/v1/namespaces/shop/pods', { metadata: { name: 'web' }, spec: { containers: [{ name: 'one', image: 'x' }] } });
  const put = async (status: object) => {
    const pod = await cluster.ask<Pod>('GET', '/api/v1/namespaces/shop/pods/web');
    const { podIP, podIPs } = (await cluster.ask<Pod>('PUT', '/api/v1/namespaces/shop/pods/web/status', { ...pod, status: { phase: 'Running', qosClass: 'BestEffort', ...status } })).status!;
    return { podIP, podIPs };
  };
  expect(await put({ podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }] })).toEqual({ podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }] });
  expect(await put({ podIP: '10.0.0.2' })).toEqual({ podIP: '10.0.0.2', podIPs: [{ ip: '10.0.0.2' }] });
  expect(await put({ podIP: '10.0.0.3', podIPs: [{ ip: '10.0.0.4' }, { ip: 'fd00::1' }] })).toEqual({ podIP: '10.0.0.3', podIPs: [{ ip: '10.0.0.3' }] });
  expect(await put({})).toEqual({ podIP: undefined, podIPs: undefined });
});
