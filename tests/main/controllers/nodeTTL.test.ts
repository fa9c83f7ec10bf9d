import { afterEach, beforeEach, expect, it } from 'vitest';
import { resources } from '../../../main/client/index.ts';
import { NodeTTLController } from '../../../main/controllers/nodeTTL.ts';
import { settle } from '../../support/fakeClock.ts';
import { makeNode } from '../../support/objects.ts';
import { Cluster } from './harness.ts';

let cluster: Cluster;
beforeEach(async () => {
  cluster = new Cluster();
  await cluster.start(NodeTTLController);
});
afterEach(() => cluster.stop());

const annotation = 'node.alpha.kubernetes.io/ttl';
const ttl = (name: string) => cluster.server.find(resources.nodes, '', name)!.metadata!.annotations?.[annotation];
const add = async (from: number, to: number) => {
  for (let i = from; i < to; i++) cluster.server.seed(resources.nodes, makeNode(`node-${i}`));
  await settle(40);
};
const touch = async (name: string) => {
  cluster.server.change(resources.nodes, '', name, (node) => (node.metadata!.labels = { ...node.metadata!.labels, touched: 'yes' }));
  await settle();
};

it('a node says how long kubelets may keep what they have read: the longer the larger the cluster, and not back at once', async () => {
  await add(0, 100);
  expect(ttl('node-99')).toBe('0');
  await add(100, 101);
  expect(ttl('node-100')).toBe('15');
  await touch('node-0');
  expect(ttl('node-0')).toBe('15');
  for (let i = 91; i < 101; i++) cluster.server.drop(resources.nodes, '', `node-${i}`);
  await settle();
  await touch('node-1');
  expect(ttl('node-1')).toBe('15');
  for (let i = 85; i < 91; i++) cluster.server.drop(resources.nodes, '', `node-${i}`);
  await settle();
  await touch('node-2');
  expect(ttl('node-2')).toBe('0');
});

it('what somebody else has written there is put right', async () => {
  await add(0, 1);
  cluster.server.change(resources.nodes, '', 'node-0', (node) => (node.metadata!.annotations = { [annotation]: 'long' }));
  await settle();
  expect(ttl('node-0')).toBe('0');
});
