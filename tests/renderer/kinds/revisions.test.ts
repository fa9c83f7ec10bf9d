import { afterEach, describe, expect, it } from 'vitest';
import type { ControllerRevision, StatefulSet } from '../../../main/api/index.ts';
import { setRevisionsOf } from '../../../renderer/kinds/workload/revisions.ts';
import { mountScreen, settleScreen, type Screen } from '../support/mountScreen.ts';
import { makeDeployment, makePod, makeReplicaSet } from '../support/objects.ts';

const owner = (kind: string, uid: string) => [{ apiVersion: 'apps/v1', kind, name: 'db', uid, controller: true }];
const template = (image: string) => ({ $patch: 'replace', metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'db', image }] } });
const revision = (number: number, image: string, uid = 'uid-db', more: object = {}): ControllerRevision => ({
  apiVersion: 'apps/v1', kind: 'ControllerRevision', metadata: { name: `db-hash${number}`, namespace: 'default', uid: `r${number}-${uid}`, labels: { 'controller-revision-hash': `hash${number}` }, ownerReferences: owner('StatefulSet', uid), ...more },
  data: { spec: { template: template(image) } }, revision: number,
});
const set: StatefulSet = { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'db', namespace: 'default', uid: 'uid-db', generation: 3 }, spec: { replicas: 2, serviceName: 'db', selector: { matchLabels: { app: 'db' } }, template: template('db:2') } } as unknown as StatefulSet;
const pod = (name: string, label: string) => makePod(name, { metadata: { name, namespace: 'default', labels: { 'controller-revision-hash': label }, ownerReferences: owner('StatefulSet', 'uid-db') } });

describe('the revisions of a StatefulSet or DaemonSet', () => {
  it('are its own, the latest first, with what they run and how many pods are of each', () => {
    const revisions = [revision(1, 'db:1', 'uid-db', { annotations: { 'kubernetes.io/change-cause': 'first' } }), revision(10, 'db:3'), revision(2, 'db:2'), revision(3, 'other:1', 'uid-other')];
    // A StatefulSet's pods name the revision, a DaemonSet's its hash.
    const pods = [pod('db-0', 'db-hash10'), pod('db-1', 'db-hash2'), pod('db-2', 'hash2'), makePod('stranger', { metadata: { name: 'stranger', labels: { 'controller-revision-hash': 'hash2' } } })];
    expect(setRevisionsOf(set as never, revisions, pods).map(({ number, images, pods: count, current, changeCause }) => [number, images.join(), count, current, changeCause])).toEqual([
      [10, 'db:3', '1', true, ''],
      [2, 'db:2', '2', false, ''],
      [1, 'db:1', '0', false, 'first'],
    ]);
  });
});

describe('the history of a workload', () => {
  let screen: Screen;
  afterEach(() => {
    screen.wrapper.unmount();
    document.body.innerHTML = '';
  });
  const buttons = () => [...document.querySelectorAll('button')].filter((button) => button.textContent === 'Roll back');
  const heads = () => [...document.querySelectorAll('th')].map((head) => head.textContent);
  async function goBack() {
    buttons()[0]!.click();
    await settleScreen();
    const question = document.querySelector('[role="dialog"]')?.textContent;
    (document.querySelector('[data-confirm]') as HTMLElement).click();
    await settleScreen();
    return { question, patch: screen.bridge.api.requests.find(({ method }) => method === 'PATCH')! };
  }

  it.each([
    ['StatefulSet', 'statefulsets.apps'],
    ['DaemonSet', 'daemonsets.apps'],
  ])('leads a %s back to a revision as kubectl does: by the patch that the revision keeps', async (kind, resource) => {
    const mine = (each: ControllerRevision) => ({ ...each, metadata: { ...each.metadata, ownerReferences: owner(kind, 'uid-db') } });
    screen = await mountScreen(`/k/${resource}/default/db?tab=history`, ({ api }) => {
      for (const object of [{ ...set, kind }, mine(revision(1, 'db:1')), mine(revision(2, 'db:2')), pod('db-0', 'db-hash2')]) api.put(object as never);
    });
    expect(heads().slice(0, 4)).toEqual(['Revision', 'ControllerRevision', 'Images', 'Pods']);
    expect(buttons().map((button) => button.getAttribute('aria-label'))).toEqual(['Roll back: 1']);
    const { question, patch } = await goBack();
    expect(question).toContain('db:1');
    expect(patch.path).toContain(`/apis/apps/v1/namespaces/default/${resource.split('.')[0]}/db?`);
    expect(patch.contentType).toBe('application/strategic-merge-patch+json');
    expect(JSON.parse(patch.body!)).toEqual({ spec: { template: template('db:1') } });
    // The fake gives no new generation: nothing was changed, as far as the window can tell.
    expect(screen.text()).toContain('has the template of revision 1 already');
  });

  const deployment = makeDeployment('web', { annotations: { 'deployment.kubernetes.io/revision': '2' } });
  const sets = [makeReplicaSet(deployment, 1, 'busybox:1'), makeReplicaSet(deployment, 2, 'busybox:2')];

  it('leads a Deployment back by the template of the ReplicaSet that keeps it', async () => {
    screen = await mountScreen('/k/deployments.apps/default/web?tab=history', ({ api }) => {
      for (const object of [deployment, ...sets]) api.put(object as never);
    });
    expect(heads()).toEqual(['Revision', 'ReplicaSet', 'Images', 'Ready', 'Age', 'Roll back']);
    const { question, patch } = await goBack();
    expect(question).toContain('busybox:1');
    expect(JSON.parse(patch.body!)[0]).toMatchObject({ path: '/spec/template', value: { spec: { containers: [{ image: 'busybox:1' }] } } });
    expect(screen.text()).toContain('web is being rolled back to revision 1');
  });

  it('has a column of causes once somebody gives one', async () => {
    screen = await mountScreen('/k/deployments.apps/default/web?tab=history', ({ api }) => {
      for (const object of [deployment, makeReplicaSet(deployment, 1, 'busybox:1', { 'kubernetes.io/change-cause': 'back to one' }), sets[1]!]) api.put(object as never);
    });
    expect(heads()).toContain('Change cause');
    expect(document.querySelector('.page-body table')?.textContent).toContain('back to one');
  });

  it('says why a paused Deployment cannot go back', async () => {
    screen = await mountScreen('/k/deployments.apps/default/web?tab=history', ({ api }) => {
      for (const object of [{ ...deployment, spec: { ...deployment.spec!, paused: true } }, ...sets]) api.put(object as never);
    });
    expect(buttons().map((button) => button.disabled)).toEqual([true]);
    expect(screen.text()).toContain('A paused Deployment cannot be rolled back; resume it first.');
  });

  it('writes out what would make an image look like another, also where it asks', async () => {
    const sly = 'evil\u202elanigiro';
    screen = await mountScreen('/k/deployments.apps/default/web?tab=history', ({ api }) => {
      for (const object of [deployment, makeReplicaSet(deployment, 1, sly), sets[1]!]) api.put(object as never);
    });
    expect(document.querySelector('.page-body table')?.textContent).toContain('evil\\u202elanigiro');
    expect((await goBack()).question).toContain('evil\\u202elanigiro');
    expect(screen.text()).not.toContain('\u202e');
  });
});
