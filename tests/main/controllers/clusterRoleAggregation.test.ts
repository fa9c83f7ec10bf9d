import 'reflect-metadata';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ClusterRole } from '../../../main/api/index.ts';
import { Client, InformerFactory, resources, type Transport } from '../../../main/client/index.ts';
import { ClusterRoleAggregationController } from '../../../main/controllers/clusterRoleAggregation.ts';
import { noLog } from '../../../main/util/log.ts';
import { systemRandom } from '../../../main/util/random.ts';
import { settle } from '../../support/fakeClock.ts';
import { TestCluster } from '../apiserver/registry/testCluster.ts';

const rule = (resource: string) => ({ verbs: ['get'], apiGroups: [''], resources: [resource] });
const made = (): ClusterRole => ({ metadata: { name: 'all' }, aggregationRule: { clusterRoleSelectors: [{ matchLabels: { part: 'yes' } }, { matchLabels: { part: 'also' } }] } });
const part = (name: string, label: string, ...of: string[]): ClusterRole => ({ metadata: { name, labels: { part: label } }, rules: of.map(rule) });

describe('a role that is made of others', () => {
  let cluster: TestCluster;
  let informers: InformerFactory;
  let controller: ClusterRoleAggregationController;
  /** Called before the controller writes. */
  let writing: () => Promise<void>;
  let writes: number;

  beforeEach(async () => {
    writing = () => Promise.resolve();
    writes = 0;
    cluster = await TestCluster.start();
    const { transport } = cluster.client();
    const listening: Transport = {
      watch: (request, handlers) => transport.watch(request, handlers),
      request: async (request) => {
        if (request.method === 'PATCH') {
          writes++;
          await writing();
        }
        return (await transport.request(request)) as never;
      },
    };
    const client = new Client(listening, { userAgent: 'test' });
    informers = new InformerFactory(client, cluster.clock, noLog);
    controller = new ClusterRoleAggregationController({ client, informers, clock: cluster.clock, random: systemRandom, log: noLog });
    informers.start();
    await informers.synced();
    controller.start();
  });
  afterEach(async () => {
    informers.stop();
    await controller.stop();
    await cluster.close();
  });

  const roles = () => cluster.client().of(resources.clusterRoles);
  const rules = async () => (await roles().get('', 'all')).rules;
  async function given(...all: ClusterRole[]): Promise<void> {
    for (const role of all) await roles().create(role);
    await settle(50);
  }

  it('says what they allow, by selector and name, each rule once, and is not written again', async () => {
    await given(part('z', 'yes', 'secrets', 'pods'), part('a', 'yes', 'pods'), part('b', 'also', 'pods', 'nodes'), part('c', 'no', 'events'), made());
    expect(await rules()).toEqual([rule('pods'), rule('secrets'), rule('nodes')]);
    expect(writes).toBe(1);
  });

  it('loses what they allow no more, and what somebody wrote into it by hand', async () => {
    await given(part('a', 'yes', 'pods'), { ...made(), rules: [rule('everything')] });
    expect(await rules()).toEqual([rule('pods')]);
    await roles().delete('', 'a');
    await settle(50);
    expect((await rules()) ?? []).toEqual([]);
  });

  it('is applied under the name of its controller, so that whoever applies the role owns the rest of it', async () => {
    await given(part('a', 'yes', 'pods'));
    const applied = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', ...made() };
    await roles().patch('', 'all', 'apply', applied, { fieldManager: 'user' });
    await settle(50);
    const managers = (await roles().get('', 'all')).metadata!.managedFields!.map(({ manager, operation, fieldsV1 }) => [manager, operation, Object.keys(fieldsV1!)]);
    expect(managers).toEqual([
      ['clusterrole-aggregation-controller', 'Apply', ['f:rules']],
      ['user', 'Apply', ['f:aggregationRule']],
    ]);
    await expect(roles().patch('', 'all', 'apply', applied, { fieldManager: 'user' })).resolves.toMatchObject({ rules: [rule('pods')] });
  });

  it('is not made again when it goes meanwhile', async () => {
    await given(part('a', 'yes', 'pods'));
    writing = () => roles().delete('', 'all');
    await given(made());
    await settle(50);
    expect(writes).toBeGreaterThan(0);
    await expect(roles().get('', 'all')).rejects.toMatchObject({ code: 404 });
  });
});
