import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConfigMap } from '../../../main/api/index.ts';
import { newControllerRef, type KubeObject } from '../../../main/api/meta.ts';
import { failure } from '../../../main/api/status.ts';
import { resources, type ResourceDef } from '../../../main/client/index.ts';
import { GarbageCollector } from '../../../main/controllers/garbageCollector.ts';
import { settle } from '../../support/fakeClock.ts';
import { Cluster } from './harness.ts';

let cluster: Cluster;
beforeEach(async () => {
  cluster = new Cluster();
  await cluster.start(GarbageCollector);
  await settle();
});
afterEach(() => cluster.stop());

const kind = { group: '', version: 'v1', kind: 'ConfigMap' };
const find = (name: string, namespace = 'default') => cluster.server.find(resources.configMaps, namespace, name);

/** ConfigMaps own ConfigMaps here: ownership knows no kinds. */
async function add(
  name: string,
  owners: ConfigMap[] = [],
  namespace = 'default',
  finalizers?: string[],
): Promise<ConfigMap> {
  const ownerReferences = owners.map((owner) => newControllerRef(owner, kind));
  const object = cluster.server.seed(resources.configMaps, {
    metadata: { name, namespace, ownerReferences, finalizers },
  });
  await settle();
  return object;
}

async function remove(name: string, propagationPolicy?: string): Promise<void> {
  await cluster.client.of(resources.configMaps).delete('default', name, { propagationPolicy });
  await settle(40);
}

describe('when an owner is deleted', () => {
  it('in the background, everything it owns goes after it, all generations', async () => {
    const owner = await add('owner');
    const child = await add('child', [owner]);
    await add('grandchild', [child]);
    await remove('owner', 'Background');
    expect([find('child'), find('grandchild')]).toEqual([undefined, undefined]);
  });

  it('in the foreground, it goes last', async () => {
    const owner = await add('owner');
    const child = await add('child', [owner]);
    await add('grandchild', [child], 'default', ['example.com/hold']);
    await remove('owner', 'Foreground');
    expect(find('owner')!.metadata!.finalizers).toEqual(['foregroundDeletion']);
    expect(find('child')!.metadata!.finalizers).toEqual(['foregroundDeletion']);
    expect(find('grandchild')!.metadata!.deletionTimestamp).toBeDefined();
    await cluster.client
      .of(resources.configMaps)
      .patch('default', 'grandchild', 'merge', { metadata: { finalizers: [] } });
    await settle(40);
    expect([find('owner'), find('child'), find('grandchild')]).toEqual([undefined, undefined, undefined]);
  });

  it('as an orphaning one, its dependents stay and belong to nobody', async () => {
    await add('child', [await add('owner')]);
    await remove('owner', 'Orphan');
    expect(find('owner')).toBeUndefined();
    expect(find('child')!.metadata!.ownerReferences).toEqual([]);
  });

  it('but another one stays, the dependent stays with that one', async () => {
    const [first, second] = [await add('first'), await add('second')];
    await add('child', [first, second]);
    await remove('first', 'Background');
    expect(find('child')!.metadata!.ownerReferences!.map((ref) => ref.name)).toEqual(['second']);
  });
});

it('what names an owner that never was is deleted', async () => {
  await add('child', [{ metadata: { name: 'nobody', uid: 'no-such-uid' } }]);
  expect(find('child')).toBeUndefined();
});

it('what names an owner of the same name that has been made anew is deleted', async () => {
  const owner = await add('owner');
  await add('child', [{ metadata: { name: 'owner', uid: 'uid-of-before' } }]);
  expect(find('child')).toBeUndefined();
  expect(find('owner')!.metadata!.uid).toBe(owner.metadata!.uid);
});

it('an owner in another namespace is no owner', async () => {
  const owner = await add('owner', [], 'elsewhere');
  await add('child', [owner]);
  expect(find('child')).toBeUndefined();
  expect(cluster.events('child', 'OwnerRefInvalidNamespace')).toEqual([
    `ownerRef [v1/ConfigMap, namespace: default, name: owner, uid: ${owner.metadata!.uid}] does not exist in namespace "default"`,
  ]);
});

it('what its owner still has is left alone', async () => {
  await add('child', [await add('owner')]);
  await cluster.clock.advance(120_000);
  expect(find('child')).toBeDefined();
});

describe('dependents that do not agree on what their owner is called', () => {
  const reference = (name: string, uid: string) => [{ apiVersion: 'v1', kind: 'Secret', name, uid }];
  const seed = (name: string, ownerReferences: object[], namespace = 'default') =>
    cluster.server.seed(resources.configMaps, { metadata: { name, namespace, ownerReferences } } as ConfigMap);

  it.each([
    ['before the owner was seen, the liar first', true, ['liar', 'child']],
    ['before the owner was seen, the liar last', true, ['child', 'liar']],
    ['after the owner was seen', false, ['liar', 'child']],
  ])('only the one that errs goes, and the other goes with its owner: %s', async (_, unseen, order) => {
    if (unseen) cluster.server.pause(resources.secrets);
    const { uid } = cluster.server.seed(resources.secrets, { metadata: { name: 'owner', namespace: 'default' } }).metadata!;
    await settle();
    for (const who of order) {
      seed(who, reference(who === 'liar' ? 'somebody' : 'owner', uid!));
      await settle(40);
    }
    await cluster.clock.advance(2_000);
    cluster.server.resume();
    await settle(40);
    expect([find('liar'), find('child') !== undefined]).toEqual([undefined, true]);
    await cluster.client.of(resources.secrets).delete('default', 'owner');
    await settle(40);
    expect(find('child')).toBeUndefined();
  });

  it('an owner that is nowhere is looked for by the word of each', async () => {
    seed('one', reference('this', 'nobody'));
    seed('two', reference('that', 'nobody'), 'elsewhere');
    await settle(40);
    await cluster.clock.advance(5_000);
    await settle(40);
    expect([find('one'), find('two', 'elsewhere')]).toEqual([undefined, undefined]);
  });
});

it('an object of the whole cluster with an owner in a namespace stays, and is not asked about for ever', async () => {
  const owner = await add('owner');
  cluster.server.seed(resources.nodes, { metadata: { name: 'node', ownerReferences: [newControllerRef(owner, kind)] } });
  await remove('owner', 'Background');
  const asked = cluster.server.requests.length;
  await cluster.clock.advance(20_000);
  expect(cluster.server.requests.slice(asked).filter(({ path }) => path.includes('/nodes/node'))).toEqual([]);
  expect(cluster.server.find(resources.nodes, '', 'node')).toBeDefined();
});

it('a kind that cannot be listed holds up the collection of all others no longer than half a minute', async () => {
  const broken = new Cluster();
  broken.server.customKinds.push({ group: 'example.com', version: 'v1', resource: 'widgets', kind: 'Widget', namespaced: true });
  broken.server.intercept = ({ path }) => {
    if (path === '/apis/example.com/v1/widgets') throw failure(500, 'InternalError', 'conversion webhook failed');
  };
  await broken.start(GarbageCollector);
  const gone = { metadata: { name: 'gone', uid: 'never-was' } };
  broken.server.seed(resources.configMaps, { metadata: { name: 'child', namespace: 'default', ownerReferences: [newControllerRef(gone, kind)] } });
  const child = () => broken.server.find(resources.configMaps, 'default', 'child');
  await broken.clock.advance(29_000);
  expect(child()).toBeDefined();
  await broken.clock.advance(2_000);
  await settle(40);
  expect(child()).toBeUndefined();
  await broken.stop();
});

describe('a custom kind', () => {
  const widgets: ResourceDef = { group: 'example.com', version: 'v1', resource: 'widgets', kind: 'Widget', namespaced: true };
  const asked = (since: number, version = 'v1') => cluster.server.requests.slice(since).filter(({ path }) => path === `/apis/example.com/${version}/widgets`);
  const owned = async (by: string) => {
    const { uid } = cluster.server.seed(widgets, { metadata: { name: by, namespace: 'default' } }).metadata!;
    cluster.server.seed(resources.configMaps, { metadata: { name: `of-${by}`, namespace: 'default', ownerReferences: [{ apiVersion: 'example.com/v1', kind: 'Widget', name: by, uid: uid! }] } });
    await settle(40);
  };

  beforeEach(async () => {
    cluster.server.customKinds.push(widgets);
    await cluster.clock.advance(31_000);
    await owned('w');
  });

  it('whose definition is deleted takes along what its objects owned, and is asked for no more', async () => {
    cluster.server.withdraw(widgets);
    await cluster.clock.advance(61_000);
    expect(find('of-w')).toBeUndefined();
    const before = cluster.server.requests.length;
    await cluster.clock.advance(300_000);
    expect(asked(before)).toEqual([]);
  });

  it('that comes back is followed again', async () => {
    cluster.server.withdraw(widgets);
    await cluster.clock.advance(61_000);
    cluster.server.customKinds.push(widgets);
    await cluster.clock.advance(31_000);
    await owned('again');
    await cluster.client.of(widgets).delete('default', 'again');
    await settle(40);
    expect(find('of-again')).toBeUndefined();
  });

  it('of a group that cannot be asked stays followed', async () => {
    cluster.server.intercept = ({ path }) => {
      if (path === '/apis/example.com/v1') throw new Error('the API server is away');
    };
    await cluster.clock.advance(61_000);
    await cluster.client.of(widgets).delete('default', 'w');
    await settle(40);
    expect(find('of-w')).toBeUndefined();
  });

  it('that is served in another version is followed in that one alone', async () => {
    cluster.server.customKinds.splice(0, 1, { ...widgets, version: 'v2' });
    await cluster.clock.advance(31_000);
    const before = cluster.server.requests.length;
    cluster.server.expireWatches();
    await cluster.clock.advance(61_000);
    expect(asked(before)).toEqual([]);
    expect(asked(before, 'v2')).not.toEqual([]);
    expect(find('of-w')).toBeDefined();
  });
});

it('what rightly names an owner that an object of the whole cluster names too, not seen yet, stays with it and goes with it', async () => {
  cluster.server.pause(resources.secrets);
  const owner = cluster.server.seed(resources.secrets, { metadata: { name: 'owner', namespace: 'default' } });
  const ownerReferences = [newControllerRef(owner, { ...kind, kind: 'Secret' })];
  cluster.server.seed(resources.nodes, { metadata: { name: 'node', ownerReferences } });
  cluster.server.seed(resources.configMaps, { metadata: { name: 'child', namespace: 'default', ownerReferences } });
  await cluster.clock.advance(5_000);
  cluster.server.resume();
  await settle(40);
  expect(find('child')).toBeDefined();
  await cluster.client.of(resources.secrets).delete('default', 'owner');
  await settle(40);
  expect([find('child'), cluster.server.find(resources.nodes, '', 'node') !== undefined]).toEqual([undefined, true]);
});

describe('what changes between being looked at and being deleted', () => {
  async function orphanThat(change: (child: ConfigMap) => void): Promise<number> {
    const owner = await add('owner');
    await add('child', [owner]);
    let changes = 0;
    let deletions = 0;
    cluster.server.intercept = ({ method, path }) => {
      if (method !== 'DELETE' || !path.endsWith('/child')) return;
      deletions++;
      if (changes++ < 5) cluster.server.change(resources.configMaps, 'default', 'child', change);
    };
    await remove('owner', 'Background');
    return deletions;
  }

  it('goes at once if it still belongs to the same', async () => {
    expect(await orphanThat((child) => void (child.data = { round: `${child.data?.round ?? ''}+` }))).toBe(2);
    expect(find('child')).toBeUndefined();
  });

  it('stays if it belongs to another by then', async () => {
    const heir = await add('heir');
    await orphanThat((child) => void (child.metadata!.ownerReferences = [newControllerRef(heir, kind)]));
    await cluster.clock.advance(60_000);
    expect(find('child')!.metadata!.ownerReferences!.map(({ name }) => name)).toEqual(['heir']);
  });
});

describe('when a kind is not served any more in the version of before', () => {
  const widgets: ResourceDef<KubeObject> = { group: 'shop.example', version: 'v1beta1', resource: 'widgets', kind: 'Widget', namespaced: true };
  const notServed = () => failure(404, 'NotFound', 'the server could not find the requested resource', {});
  const at = (version: string) => `/apis/shop.example/${version}/`;
  const child = (name: string, owner: KubeObject, version: string) => add(name, []).then(() =>
    cluster.server.change(resources.configMaps, 'default', name, (object) => {
      object.metadata!.ownerReferences = [{ ...newControllerRef(owner, { ...kind, kind: 'Widget' }), apiVersion: `shop.example/${version}` }];
    }));

  beforeEach(async () => {
    cluster.server.customKinds.push(widgets);
    cluster.server.intercept = ({ path }) => {
      if (path.startsWith('/apis/shop.example/') && !cluster.server.customKinds.some(({ version }) => `${path}/`.startsWith(at(version)))) throw notServed();
    };
    await cluster.clock.advance(31_000);
  });

  it('what belongs to its objects stays, and those are followed in the new one', async () => {
    const owner = cluster.server.seed(widgets, { apiVersion: 'shop.example/v1beta1', kind: 'Widget', metadata: { name: 'owner', namespace: 'default' } });
    await child('old', owner, 'v1beta1');
    await cluster.clock.advance(31_000);
    cluster.server.customKinds.splice(0, 1, { ...widgets, version: 'v1' });
    cluster.server.change(widgets, 'default', 'owner', (object) => void (object.apiVersion = 'shop.example/v1'));
    cluster.server.endWatches(notServed());
    await cluster.clock.advance(120_000);
    await child('new', owner, 'v1');
    await cluster.clock.advance(31_000);
    expect([find('old') !== undefined, find('new') !== undefined]).toEqual([true, true]);
    cluster.server.drop(widgets, 'default', 'owner');
    await settle(40);
    expect([find('old') !== undefined, find('new') !== undefined]).toEqual([true, false]);
  });
});
