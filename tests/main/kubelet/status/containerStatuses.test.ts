import { expect, it } from 'vitest';
import { containerStatuses, type StatusSources } from '../../../../main/kubelet/status/containerStatuses.ts';
import type { Container } from '../../../../main/runtime/index.ts';

const sources: StatusSources = {
  runtimeName: 'docker',
  failureOf: () => undefined,
  restartingAll: false,
  terminationMessageOf: () => undefined,
  actuatedOf: () => undefined,
  recursiveReadOnly: false,
  imageIdOf: () => 'sha256:1',
};

it('says of a container that could not be started that it began at the epoch', () => {
  const pod = { spec: { containers: [{ name: 'web' }] } };
  const container = { id: '1', name: 'web', image: 'web:1', attempt: 0, state: 'exited', exitCode: 128, reason: 'StartError', message: 'not there', finishedAt: 5000 } as Container;
  const [status] = containerStatuses(pod, { sandboxes: [], containers: [container] }, undefined, pod.spec.containers, sources, false);
  expect(status!.state).toEqual({
    terminated: { containerID: 'docker://1', exitCode: 128, reason: 'StartError', message: 'not there', startedAt: '1970-01-01T00:00:00Z', finishedAt: '1970-01-01T00:00:05Z' },
  });
});
