import { describe, expect, it } from 'vitest';
import type { ContainerStatus, Pod } from '../../../main/api/index.ts';
import { ProbeManager } from '../../../main/kubelet/probes/probeManager.ts';
import { exitAnnotation } from '../../../main/runtime/simulated/index.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { Harness, seededRandom } from './harness.ts';

const http = { httpGet: { port: 'http', path: '/healthz' }, periodSeconds: 5 };
const container = (changes: object) => ({ name: 'web', image: 'web:1', ports: [{ name: 'http', containerPort: 8080 }], ...changes });

async function start() {
  const h = new Harness({ runtimeName: 'docker' });
  h.agent.answer = () => ({ result: 'failure', output: 'HTTP probe failed with statuscode: 500' });
  await h.start();
  return h;
}

describe('readiness', () => {
  it('comes when the probe succeeds and goes after three failures', async () => {
    const h = await start();
    await h.create('web', { containers: [container({ readinessProbe: http })] });
    await h.clock.advance(0);
    expect(h.condition('web', 'Ready')).toMatchObject({ status: 'False', reason: 'ContainersNotReady', message: 'containers with unready status: [web]' });
    expect(h.said('web')).toContain('Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 500');
    expect(h.agent.probes[0]).toMatchObject({ kind: 'http', scheme: 'http', host: '10.244.1.2', port: 8080, path: '/healthz', timeoutMs: 1000 });
    h.agent.answer = () => ({ result: 'success', output: '' });
    await h.clock.advance(5000);
    expect(h.condition('web', 'Ready')!.status).toBe('True');
    h.agent.answer = () => ({ result: 'failure', output: 'no' });
    await h.clock.advance(10_000);
    expect(h.condition('web', 'Ready')!.status).toBe('True');
    await h.clock.advance(5000);
    expect(h.condition('web', 'Ready')!.status).toBe('False');
    expect(h.pod('web').status!.containerStatuses![0]!.restartCount).toBe(0);
  });

  it('may take as long as a timer can', async () => {
    const h = await new Harness({ runtimeName: 'docker' }).start();
    await h.create('web', { containers: [{ name: 'web', image: 'web:1', readinessProbe: { tcpSocket: { port: 80 }, timeoutSeconds: 2 ** 31 - 1 } }] });
    await h.clock.advance(10_000);
    expect(h.agent.probes[0]).toMatchObject({ kind: 'tcp', timeoutMs: 2 ** 31 - 1 });
  });

  it('is told while the pod ends, however long that takes', async () => {
    const h = await start();
    h.agent.answer = () => ({ result: 'success', output: '' });
    await h.create('web', { terminationGracePeriodSeconds: 300, containers: [container({ readinessProbe: http, lifecycle: { preStop: { sleep: { seconds: 120 } } } })] });
    await h.clock.advance(5000);
    await h.delete('web', 300);
    expect(h.condition('web', 'Ready')!.status).toBe('True');
    h.agent.answer = () => ({ result: 'failure', output: 'shutting down' });
    await h.clock.advance(15_000);
    expect(h.condition('web', 'Ready')!.status).toBe('False');
    expect(h.pod('web').status!.containerStatuses![0]!.state!.running).toBeDefined();
    await h.clock.advance(120_000);
    expect(h.find('web')).toBeUndefined();
  });

  it('comes again when all containers were restarted, though none would have been by itself', async () => {
    const clock = new FakeClock();
    const rules = [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [42] } }];
    const containers = [{ name: 'web', image: 'web:1', restartPolicyRules: rules }, { ...container({ readinessProbe: http }), name: 'side' }];
    const pod: Pod = { metadata: { name: 'web', namespace: 'default', uid: 'u' }, spec: { restartPolicy: 'Never', containers } };
    const ended = (name: string, exitCode: number): ContainerStatus => ({ name, image: '', imageID: '', ready: false, restartCount: 0, containerID: `docker://${name}-0`, state: { terminated: { exitCode } } });
    let side = ended('side', 137);
    const statusOf = () => ({ phase: 'Running', containerStatuses: [ended('web', 42), side] });
    const manager = new ProbeManager({ clock, random: seededRandom(), prober: async () => ({ result: 'success', output: '' }), statusOf, onChange: () => {}, event: () => {} });
    manager.addPod(pod);
    await clock.advance(5000);
    side = { ...side, containerID: 'docker://side-1', restartCount: 1, started: true, state: { running: { startedAt: new Date(clock.now()).toISOString() } } };
    await clock.advance(5000);
    expect(manager.results.get('readiness', 'side-1')).toBe('success');
    manager.stop();
  });

  it('survives a new kubelet', async () => {
    const h = await start();
    h.agent.answer = () => ({ result: 'success', output: '' });
    await h.create('web', { containers: [container({ readinessProbe: http })] });
    await h.clock.advance(10_000);
    expect(h.condition('web', 'Ready')!.status).toBe('True');
    await h.restart();
    expect(h.condition('web', 'Ready')!.status).toBe('True');
  });

  it('waits for readiness gates as well', async () => {
    const h = await start();
    await h.create('web', { readinessGates: [{ conditionType: 'example.com/lb' }] });
    expect(h.condition('web', 'ContainersReady')!.status).toBe('True');
    expect(h.condition('web', 'Ready')).toMatchObject({
      status: 'False',
      reason: 'ReadinessGatesNotReady',
      message: 'corresponding condition of pod readiness gate "example.com/lb" does not exist.',
    });
  });
});

describe('liveness', () => {
  it('restarts a container that fails three times', async () => {
    const h = await start();
    await h.create('web', { containers: [container({ livenessProbe: http })] });
    await h.clock.advance(10_000);
    expect(h.pod('web').status!.containerStatuses![0]!.restartCount).toBe(1);
    expect(h.said('web')).toContain('Killing: Container web failed liveness probe, will be restarted');
  });

  it('goes on counting when the container is started again in between', async () => {
    const h = await start();
    await h.create('web', { containers: [container({ livenessProbe: http })] }, { annotations: { [exitAnnotation]: '1@7s' } });
    await h.clock.advance(6999);
    expect(h.said('web').filter((text) => text.startsWith('Killing'))).toEqual([]);
    // It ends by itself after two failures; the next one fails for the third time.
    await h.clock.advance(1000);
    expect(h.said('web')).toContain('Killing: Container web failed liveness probe, will be restarted');
  });

  it('that fails again and again lets the container wait ever longer', async () => {
    const h = await start();
    await h.create('web', { containers: [container({ livenessProbe: { ...http, periodSeconds: 1, failureThreshold: 1, initialDelaySeconds: 1 } })] });
    const status = () => h.pod('web').status!.containerStatuses![0]!;
    await h.clock.advance(3000);
    expect(status()).toMatchObject({ restartCount: 2, state: { waiting: { reason: 'CrashLoopBackOff', message: expect.stringContaining('back-off 10s') } } });
    await h.clock.advance(9000);
    expect(status().restartCount).toBe(2);
    await h.clock.advance(2000);
    expect(status()).toMatchObject({ restartCount: 3, state: { waiting: { message: expect.stringContaining('back-off 20s') } } });
    await h.clock.advance(180_000);
    expect(status()).toMatchObject({ restartCount: 6, state: { waiting: { message: expect.stringContaining('back-off 2m40s') } } });
  });

  it('counts the time that a probe takes into its period', async () => {
    const h = await start();
    h.agent.answer = async () => {
      await h.clock.sleep(4000);
      return { result: 'failure', output: 'context deadline exceeded' };
    };
    await h.create('web', { containers: [container({ livenessProbe: { ...http, timeoutSeconds: 4 } })] });
    await h.clock.advance(13_999);
    expect(h.agent.probes).toHaveLength(3);
    expect(h.pod('web').status!.containerStatuses![0]!.restartCount).toBe(0);
    await h.clock.advance(1);
    expect(h.pod('web').status!.containerStatuses![0]!.restartCount).toBe(1);
  });

  it('begins only when the initial delay is over', async () => {
    const h = await start();
    await h.create('web', { containers: [container({ livenessProbe: { ...http, initialDelaySeconds: 60 } })] });
    await h.clock.advance(59_000);
    expect(h.agent.probes).toEqual([]);
  });
});

describe('startup', () => {
  it('holds back the other probes until it has succeeded', async () => {
    const h = await start();
    await h.create('web', { containers: [container({ startupProbe: { ...http, failureThreshold: 100 }, livenessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 5 } })] });
    await h.clock.advance(60_000);
    expect(h.pod('web').status!.containerStatuses![0]).toMatchObject({ started: false, ready: false, restartCount: 0 });
    expect(h.agent.probes.some((probe) => probe.kind === 'tcp')).toBe(false);
    h.agent.answer = () => ({ result: 'success', output: '' });
    await h.clock.advance(10_000);
    expect(h.pod('web').status!.containerStatuses![0]).toMatchObject({ started: true, ready: true });
    expect(h.agent.probes.some((probe) => probe.kind === 'tcp')).toBe(true);
  });
});
