import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Node, Pod } from '../../../main/api/index.ts';
import { microTimestamp } from '../../../main/api/meta.ts';
import { resources } from '../../../main/client/index.ts';
import { DeploymentController } from '../../../main/controllers/deployment.ts';
import { NodeLifecycleController } from '../../../main/controllers/nodeLifecycle.ts';
import { PodGCController } from '../../../main/controllers/podGC.ts';
import { ReplicaSetController } from '../../../main/controllers/replicaSet.ts';
import { TaintEvictionController } from '../../../main/controllers/taintEviction.ts';
import { settle } from '../../support/fakeClock.ts';
import { makeDeployment, makeNode } from '../../support/objects.ts';
import { Cluster } from './harness.ts';

/* Many nodes of which some fall silent: all controllers that have a part in it, with a scheduler and kubelets that the test plays. */

const names = Array.from({ length: 50 }, (_, i) => `node-${i + 1}`);
const silent = new Set<string>();
const replicas = 300;
let cluster: Cluster;

const nodes = () => cluster.server.all(resources.nodes);
const readyOf = ({ status }: Node) => status!.conditions!.find(({ type }) => type === 'Ready')!.status;
const noExecute = () => nodes().filter(({ spec }) => spec?.taints?.some(({ effect }) => effect === 'NoExecute')).map(({ metadata }) => metadata!.name!);
const isGoing = ({ metadata }: Pod) => metadata!.deletionTimestamp !== undefined;
const isReady = ({ status }: Pod) => status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;
const isOnSilent = ({ spec }: Pod) => silent.has(spec?.nodeName ?? '');

/** What the scheduler and the kubelets that are heard do in a second. */
async function live(seconds: number): Promise<void> {
  for (let i = 0; i < seconds; i++) {
    const open = nodes().filter(({ spec }) => !spec?.taints?.length).map(({ metadata }) => metadata!.name!);
    for (const pod of cluster.pods()) {
      const { namespace, name } = pod.metadata!;
      if (isGoing(pod) && !isOnSilent(pod)) cluster.server.drop(resources.pods, namespace!, name!);
      else if (!pod.spec!.nodeName) cluster.ready(pod, open[cluster.server.revision % open.length]);
    }
    if (i % 10 === 0)
      for (const node of names.filter((name) => !silent.has(name)))
        cluster.server.change(resources.leases, 'kube-node-lease', node, ({ spec }) => (spec!.renewTime = microTimestamp(cluster.clock.now())));
    await settle();
    await cluster.clock.advance(1_000);
  }
}

beforeEach(async () => {
  cluster = new Cluster();
  silent.clear();
  for (const name of names) {
    cluster.server.seed(resources.nodes, makeNode(name));
    cluster.server.seed(resources.leases, { metadata: { name, namespace: 'kube-node-lease' }, spec: {} });
  }
  const tolerations = ['not-ready', 'unreachable'].map((what) => ({ key: `node.kubernetes.io/${what}`, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 }));
  const deployment = makeDeployment('web', replicas);
  cluster.server.seed(resources.deployments, { ...deployment, spec: { ...deployment.spec!, template: { ...deployment.spec!.template, spec: { ...deployment.spec!.template.spec!, tolerations } } } });
  await cluster.start(NodeLifecycleController, TaintEvictionController, PodGCController, DeploymentController, ReplicaSetController);
  await live(20);
  expect(cluster.pods().filter(isReady)).toHaveLength(replicas);
});
afterEach(() => cluster.stop());

it('ten nodes of fifty lose their pods one after the other, which are made elsewhere, and are as before when they are back', async () => {
  for (const name of names.slice(0, 10)) silent.add(name);
  const stranded = cluster.pods().filter(isOnSilent).length;
  expect(stranded).toBeGreaterThan(30);
  await live(40);
  expect(nodes().map(readyOf)).not.toContain('Unknown');
  await live(25);
  expect(nodes().filter((node) => readyOf(node) === 'Unknown').map(({ metadata }) => metadata!.name!).sort()).toEqual([...silent].sort());
  expect(cluster.pods().filter((pod) => isOnSilent(pod) && isReady(pod))).toEqual([]);
  // One node in ten seconds.
  const first = noExecute().length;
  expect(first).toBeLessThan(4);
  await live(30);
  expect(noExecute()).toHaveLength(first + 3);
  await live(100);
  expect(noExecute().sort()).toEqual([...silent].sort());
  expect(cluster.pods().filter(isOnSilent).every(isGoing)).toBe(true);
  expect(cluster.pods().filter(isOnSilent)).toHaveLength(stranded);
  expect(cluster.pods().filter((pod) => isReady(pod) && !isOnSilent(pod))).toHaveLength(replicas);

  const back = [...silent];
  silent.clear();
  for (const name of back)
    cluster.server.change(resources.nodes, '', name, ({ status }) => {
      for (const condition of status!.conditions!) Object.assign(condition, { status: condition.type === 'Ready' ? 'True' : 'False', lastHeartbeatTime: microTimestamp(cluster.clock.now()) });
    });
  await live(20);
  expect(nodes().flatMap(({ spec }) => spec?.taints ?? [])).toEqual([]);
  expect(cluster.pods()).toHaveLength(replicas);
  expect(cluster.pods().every(isReady)).toBe(true);
});

it('when most nodes of a zone that is not large are silent, no more of them lose their pods', async () => {
  for (const name of names.slice(0, 30)) silent.add(name);
  await live(70);
  const first = noExecute().length;
  await live(100);
  expect(noExecute()).toHaveLength(first);
  expect(first).toBeLessThan(4);
});
