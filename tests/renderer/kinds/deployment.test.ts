import { beforeEach, describe, expect, it } from 'vitest';
import type { Deployment } from '../../../main/api/index.ts';
import { core, startClient } from '../../../renderer/client/index.ts';
import { revisionsOf, rollBack, rolloutStatus, setPaused } from '../../../renderer/kinds/deployment/actions.ts';
import { restart } from '../../../renderer/kinds/workload/actions.ts';
import { deploymentStatus } from '../../../renderer/kinds/deployment/status.ts';
import { FakeBridge } from '../support/fakeBridge.ts';
import { makeDeployment, makeReplicaSet } from '../support/objects.ts';

let bridge: FakeBridge;
const stored = () => bridge.api.get<Deployment>('Deployment', 'default', 'web')!;

beforeEach(() => {
  bridge = new FakeBridge();
  startClient(bridge);
});

describe('rolling back', () => {
  const annotations = { 'deployment.kubernetes.io/revision': '2', 'kubernetes.io/change-cause': 'to two', mine: 'kept only by its revision' };

  it('puts the template and the annotations of the revision in the place of the present ones', async () => {
    const deployment = makeDeployment('web', { annotations });
    bridge.api.put(deployment);
    const sets = [makeReplicaSet(deployment, 1, 'busybox:1', { 'kubernetes.io/change-cause': 'to one' }), makeReplicaSet(deployment, 2, 'busybox:2')];
    const revisions = revisionsOf(deployment, sets);
    expect(revisions.map(({ number, current }) => [number, current])).toEqual([[2, true], [1, false]]);

    expect(await rollBack(stored(), revisions[1]!)).toBe(true);
    expect(stored().spec?.template).toEqual({ metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image: 'busybox:1' }] } });
    expect(stored().metadata?.annotations).toEqual({ 'deployment.kubernetes.io/revision': '2', 'kubernetes.io/change-cause': 'to one' });
    // The revision itself is somebody else's object.
    expect(sets[0]!.spec?.template?.metadata?.labels).toHaveProperty('pod-template-hash');
  });

  it('changes nothing where the deployment has that template already', async () => {
    const deployment = makeDeployment('web', { annotations });
    bridge.api.put(deployment);
    const [revision] = revisionsOf(deployment, [makeReplicaSet(deployment, 2, 'busybox:2')]);
    expect(await rollBack(deployment, revision!)).toBe(false);
    expect(bridge.api.requests).toEqual([]);
  });

  it('knows only the deployment’s own revisions', () => {
    const deployment = makeDeployment('web');
    expect(revisionsOf(deployment, [makeReplicaSet(makeDeployment('other'), 1, 'x')])).toEqual([]);
  });
});

describe('a restart', () => {
  it('is a new annotation of the template, as kubectl makes it', async () => {
    const deployment = makeDeployment('web');
    bridge.api.put(deployment);
    await restart(core.deployments, deployment);
    expect(stored().spec?.template.metadata?.annotations?.['kubectl.kubernetes.io/restartedAt']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(stored().spec?.template.spec?.containers).toHaveLength(1);
  });

  it('can wait: a deployment is paused and resumed', async () => {
    const deployment = makeDeployment('web');
    bridge.api.put(deployment);
    await setPaused(deployment, true);
    expect(deploymentStatus(stored()).text).toBe('Paused');
    await setPaused(deployment, false);
    expect(stored().spec?.paused).toBe(false);
  });
});

describe('how far a rollout has come', () => {
  it.each([
    ['rollout.observing', { observedGeneration: 0 }],
    ['rollout.updating', { observedGeneration: 1, updatedReplicas: 1 }],
    ['rollout.ending', { observedGeneration: 1, updatedReplicas: 3, replicas: 4 }],
    ['rollout.waiting', { observedGeneration: 1, updatedReplicas: 3, replicas: 3, availableReplicas: 2 }],
    ['rollout.done', { observedGeneration: 1, updatedReplicas: 3, replicas: 3, availableReplicas: 3 }],
    ['rollout.exceeded', { observedGeneration: 1, conditions: [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }] }],
  ])('%s', (key, status) => {
    expect(rolloutStatus(makeDeployment('web', { replicas: 3, status })).key).toBe(key);
  });
});
