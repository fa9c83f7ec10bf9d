import { afterEach, describe, expect, it } from 'vitest';
import type { ControllerRevision, StatefulSet } from '../../../main/api/index.ts';
import { setRevisionsOf } from '../../../renderer/kinds/workload/revisions.ts';
import { mountScreen, settleScreen, type Screen } from '../support/mountScreen.ts';
import { makePod } from '../support/objects.ts';

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
      [10, 'db:3', 1, true, ''],
      [2, 'db:2', 2, false, ''],
      [1, 'db:1', 0, false, 'first'],
    ]);
  });
});

describe('the history of a StatefulSet', () => {
  let screen: Screen;
  afterEach(() => {
    screen.wrapper.unmount();
    document.body.innerHTML = '';
  });

  it('leads back to a revision as kubectl does: by the patch that the revision keeps', async () => {
    screen = await mountScreen('/k/statefulsets.apps/default/db?tab=history', ({ api }) => {
      for (const object of [set, revision(1, 'db:1'), revision(2, 'db:2'), pod('db-0', 'db-hash2')]) api.put(object as never);
    });
    const buttons = [...document.querySelectorAll('button')].filter((button) => button.textContent === 'Roll back');
    expect(buttons.map((button) => button.getAttribute('aria-label'))).toEqual(['Roll back: 1']);
    buttons[0]!.click();
    await settleScreen();
    expect(document.querySelector('[role="dialog"]')?.textContent).toContain('db:1');
    (document.querySelector('[data-confirm]') as HTMLElement).click();
    await settleScreen();
    const patch = screen.bridge.api.requests.find(({ method }) => method === 'PATCH')!;
    expect(patch.contentType).toBe('application/strategic-merge-patch+json');
    expect(JSON.parse(patch.body!)).toEqual({ spec: { template: template('db:1') } });
    // The fake gives no new generation: nothing was changed, as far as the window can tell.
    expect(screen.text()).toContain('has the template of revision 1 already');
  });
});
