import { afterEach, describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../main/api/meta.ts';
import { exposed } from '../../../renderer/kinds/deployment/expose.ts';
import { useSettings } from '../../../renderer/stores/settings.ts';
import { mountScreen, settleScreen, type Screen } from '../support/mountScreen.ts';
import { containerStatus, makeDeployment, makePod, makeReplicaSet } from '../support/objects.ts';

let screen: Screen;
afterEach(() => {
  screen?.wrapper.unmount();
  document.body.innerHTML = '';
});

const ports = [{ containerPort: 8080 }, { containerPort: 53, protocol: 'UDP' }];
const deployment = makeDeployment('web', { spec: { selector: { matchLabels: { app: 'web', tier: 'a' } }, template: { metadata: { labels: { app: 'web', tier: 'a' } }, spec: { containers: [{ name: 'main', image: 'busybox', ports }] } } } });
const owned = (kind: string, name: string, uid: string) => ({ ownerReferences: [{ apiVersion: 'apps/v1', kind, name, uid, controller: true }] });

async function choose(title: string) {
  (document.querySelector('[aria-label="More"]') as HTMLElement).click();
  await settleScreen();
  ([...document.querySelectorAll('.v-overlay .v-list-item')].find((item) => item.textContent?.includes(title)) as HTMLElement).click();
  await settleScreen();
}
const value = (path: string) => document.querySelector<HTMLInputElement>(`input[data-path="${path}"], [data-path="${path}"] input`)?.value;

describe('a Deployment', () => {
  it('is exposed by the form of a Service that has its name, its labels and its ports already', async () => {
    screen = await mountScreen('/k/deployments.apps/default/web', ({ api }) => void api.put(deployment as KubeObject));
    await choose('Expose by a Service');
    expect(screen.router.currentRoute.value.path).toBe('/create/Service');
    expect(value('metadata.name')).toBe('web');
    document.querySelector('form')!.dispatchEvent(new SubmitEvent('submit', { cancelable: true, bubbles: true }));
    await settleScreen();
    expect(screen.bridge.api.get('Service', 'default', 'web')).toMatchObject({
      spec: { type: 'ClusterIP', selector: { app: 'web', tier: 'a' }, ports: [{ name: 'port-1', port: 8080, targetPort: 8080 }, { name: 'port-2', port: 53, targetPort: 53, protocol: 'UDP' }] },
    });
  });

  it('that chooses its pods by more than labels is not', async () => {
    const chosen = makeDeployment('web', { spec: { selector: { matchLabels: { app: 'web' }, matchExpressions: [{ key: 'a', operator: 'Exists' }] } } });
    screen = await mountScreen('/k/deployments.apps/default/web', ({ api }) => void api.put(chosen as KubeObject));
    (document.querySelector('[aria-label="More"]') as HTMLElement).click();
    await settleScreen();
    expect(screen.text()).not.toContain('Expose by a Service');
  });

  it('says on its own page why its pods are not well, once for all that fail alike', async () => {
    const set = makeReplicaSet(deployment, 1, 'busybox');
    const failing = { phase: 'Pending', containerStatuses: [containerStatus({ state: { waiting: { reason: 'ImagePullBackOff', message: 'manifest unknown' } } })] };
    screen = await mountScreen('/k/deployments.apps/default/web', ({ api }) => {
      api.put(deployment as KubeObject);
      api.put(set as KubeObject);
      for (const name of ['web-1-a', 'web-1-b']) api.put(makePod(name, { status: failing, metadata: { name, namespace: 'default', labels: { app: 'web', tier: 'a' }, ...owned('ReplicaSet', 'web-1', 'uid-web-1') } }));
    });
    expect([...document.querySelectorAll('.reason')].map((row) => row.textContent)).toEqual([expect.stringMatching(/The image cannot be pulled.*manifest unknown/)]);
  });

  it('is a step away from its pod, where what is wrong is mended', async () => {
    const set = makeReplicaSet(deployment, 1, 'busybox');
    screen = await mountScreen('/k/pods/default/web-1-a', ({ api }) => {
      api.put(deployment as KubeObject);
      api.put(set as KubeObject);
      api.put(makePod('web-1-a', { metadata: { name: 'web-1-a', namespace: 'default', ...owned('ReplicaSet', 'web-1', 'uid-web-1') } }));
    });
    const steps = [...document.querySelectorAll('ol li')].filter((step) => step.querySelector('a'));
    expect(steps.map((step) => [step.querySelector('a')!.getAttribute('href'), step.lastElementChild!.textContent])).toEqual([
      [expect.stringContaining('/k/deployments.apps/default/web'), 'wrote Deployment web'],
      [expect.stringContaining('/k/replicasets.apps/default/web-1'), 'made ReplicaSet web-1, as the Deployment wants it'],
    ]);
  });
});

it('an address asks a Service for nothing that is no port and no label', () => {
  expect(exposed({ name: 'web', selector: ['app', '=x', 'app=web'], port: ['80/TCP', '80/HTTP', 'x'] })).toEqual({ name: 'web', namespace: undefined, selector: { app: 'web' }, ports: [{ port: 80, targetPort: 80 }] });
  expect(exposed({})).toEqual({ name: undefined, namespace: undefined });
});

describe('a namespace', () => {
  it('may be entered from its page', async () => {
    screen = await mountScreen('/k/namespaces/-/learn', ({ api }) => void api.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'learn' }, status: { phase: 'Active' } } as KubeObject));
    await choose('Show only this namespace');
    expect(useSettings().namespace).toBe('learn');
    expect(screen.text()).toContain('Lists show the namespace learn now');
    expect(document.querySelector('.page-head')!.textContent).not.toContain('Show only this namespace');
  });
});

describe('a claim that waits for its first pod', () => {
  const claim = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data', namespace: 'default' }, spec: { storageClassName: 'late' }, status: { phase: 'Pending' } };
  const storageClass = (volumeBindingMode: string) => ({ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name: 'late' }, provisioner: 'p', volumeBindingMode });

  it.each([['WaitForFirstConsumer', true], ['Immediate', false]])('says that this is as it should be: %s, %s', async (mode, said) => {
    screen = await mountScreen('/k/persistentvolumeclaims/default/data', ({ api }) => {
      api.put(claim as KubeObject);
      api.put(storageClass(mode) as KubeObject);
    });
    expect(screen.text().includes('It waits for its first pod')).toBe(said);
  });
});
