import { describe, expect, it } from 'vitest';
import type { ContainerStatus, Pod } from '../../../../main/api/index.ts';
import { podInitialized } from '../../../../main/kubelet/status/conditions.ts';

/** Behaviours of TestGeneratePodInitializedCondition (pkg/kubelet/status/generate_test.go). */
describe('whether a pod is initialized', () => {
  const pod: Pod = { spec: { initContainers: [{ name: 'prepare' }, { name: 'proxy', restartPolicy: 'Always' }], containers: [{ name: 'web' }] } };
  const status = (name: string, state: object, more: object = {}) => ({ name, state, ready: false, ...more }) as ContainerStatus;
  const prepared = status('prepare', { terminated: { exitCode: 0 } }, { ready: true });
  const waiting = { waiting: { reason: 'PodInitializing' } };

  it('is not before its last sidecar has started', () => {
    const condition = podInitialized(pod, [prepared, status('proxy', { running: {} }, { started: false }), status('web', waiting)], 'Pending');
    expect(condition).toEqual({ type: 'Initialized', status: 'False', reason: 'ContainersNotInitialized', message: 'containers with incomplete status: [proxy]' });
    expect(podInitialized(pod, [prepared, status('proxy', { running: {} }, { started: true }), status('web', waiting)], 'Pending').status).toBe('True');
  });

  it('stays so while a sidecar starts again beside containers that run, whether they have started by their probes or not', () => {
    expect(podInitialized(pod, [prepared, status('proxy', {}, { started: false }), status('web', { running: {} })], 'Running').status).toBe('True');
  });

  it('stays so when all of it begins anew', () => {
    const again = [status('prepare', waiting), status('proxy', waiting), status('web', waiting)];
    expect(podInitialized(pod, again, 'Pending').status).toBe('False');
    expect(podInitialized(pod, again, 'Pending', [{ type: 'Initialized', status: 'False' }]).status).toBe('False');
    expect(podInitialized(pod, again, 'Pending', [{ type: 'Initialized', status: 'True' }])).toEqual({ type: 'Initialized', status: 'True' });
  });
});
