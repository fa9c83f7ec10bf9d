import { afterEach, describe, expect, it } from 'vitest';
import type { Event, Pod } from '../../../main/api/index.ts';
import { lifeOf } from '../../../renderer/kinds/pod/life.ts';
import { mountScreen, type Screen } from '../support/mountScreen.ts';
import { containerStatus, makeDeployment, makePod, makeReplicaSet } from '../support/objects.ts';

const at = (second: number) => `2026-01-01T00:00:${String(second).padStart(2, '0')}Z`;
const deployment = { ...makeDeployment('web'), metadata: { ...makeDeployment('web').metadata, creationTimestamp: at(0), managedFields: [{ manager: 'kubectl-create', operation: 'Update', time: at(0) }] } };
const set = { ...makeReplicaSet(deployment, 1, 'busybox'), metadata: { ...makeReplicaSet(deployment, 1, 'busybox').metadata, creationTimestamp: at(0) } };
const condition = (type: string, second: number) => ({ type, status: 'True', lastTransitionTime: at(second) });
const pod: Pod = makePod('web-1-x', {
  metadata: { name: 'web-1-x', namespace: 'default', uid: 'p', creationTimestamp: at(0), ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-1', uid: 'uid-web-1', controller: true }] },
  spec: { nodeName: 'node-1', schedulerName: 'default-scheduler' },
  status: { phase: 'Running', conditions: [condition('Ready', 5), condition('PodScheduled', 0), condition('PodReadyToStartContainers', 1)], containerStatuses: [containerStatus({ ready: true, state: { running: { startedAt: at(4) } } })] },
});
const pulled = { reason: 'Pulled', message: 'Successfully pulled image', lastTimestamp: at(3), metadata: {}, involvedObject: {} } as Event;

describe('how a pod came to be', () => {
  it('is told from the first cause to the last effect, also where all is within one second', () => {
    expect(lifeOf(pod, [deployment, set], [pulled]).map(({ key, who, values }) => [key, who, values.name ?? values.node ?? ''])).toEqual([
      ['made', 'kubectl-create', 'web'],
      ['owned', 'Deployment controller', 'web-1'],
      ['owned', 'ReplicaSet controller', 'web-1-x'],
      ['scheduled', 'default-scheduler', 'node-1'],
      ['sandbox', 'Kubelet · node-1', ''],
      ['pulled', 'Kubelet · node-1', ''],
      ['started', 'Kubelet · node-1', 'main'],
      ['ready', 'Kubelet · node-1', ''],
    ]);
  });

  it('goes on to its end', () => {
    const ended = { ...pod, metadata: { ...pod.metadata, deletionTimestamp: at(9) }, status: { ...pod.status!, conditions: [], containerStatuses: [containerStatus({ state: { terminated: { exitCode: 143, startedAt: at(4), finishedAt: at(8) } } })] } };
    expect(lifeOf(ended, [], []).map(({ key }) => key)).toEqual(['made', 'started', 'ended', 'deleting']);
  });

  describe('on its page', () => {
    let screen: Screen;
    afterEach(() => {
      screen.wrapper.unmount();
      document.body.innerHTML = '';
    });

    it('names its owners, up to the one that somebody wrote', async () => {
      screen = await mountScreen('/k/pods/default/web-1-x', ({ api }) => {
        api.put(deployment as never);
        api.put(set as never);
        api.put(pod as never);
      });
      expect(screen.text()).toContain('made ReplicaSet web-1, as the Deployment wants it');
      expect(screen.text()).toContain('chose the node node-1');
    });
  });
});
