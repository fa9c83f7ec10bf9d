import { flushPromises } from '@vue/test-utils';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { CronJob, Ingress, Job, NetworkPolicy, PersistentVolumeClaim, PodDisruptionBudget, ResourceQuota, Service, StatefulSet } from '../../../main/api/index.ts';
import type { KubeObject } from '../../../main/api/meta.ts';
import { creatableKinds } from '../../../renderer/kinds/creatable.ts';
import { mountScreen, settleScreen, type Screen } from '../support/mountScreen.ts';
import { makePod } from '../support/objects.ts';

// The text side has tests of its own; what it would show is read from the requests.
vi.mock('../../../renderer/components/yaml/editor.ts', () => ({
  makeEditor: () => ({ setOriginal() {}, fold() {}, setServerFindings() {}, setText() {}, setReadonly() {}, setDark() {}, text: () => '', destroy() {}, focus() {}, reveal() {} }),
}));

let screen: Screen;
afterEach(() => {
  screen.wrapper.unmount();
  document.body.innerHTML = '';
});

const input = (path: string) => document.querySelector<HTMLInputElement>(['input:not([type=hidden])', 'textarea:not([aria-hidden])'].flatMap((kind) => [`[data-path="${path}"] ${kind}`, `${kind}[data-path="${path}"]`]).join())!;
async function type(path: string, text: string, at = input(path)) {
  at.dispatchEvent(new Event('focus'));
  at.value = text;
  at.dispatchEvent(new Event('input', { bubbles: true }));
  await flushPromises();
}
async function click(selector: string) {
  document.querySelector<HTMLElement>(selector)!.click();
  await settleScreen();
}
const create = () => click('[data-test="create"]');
const made = <T extends KubeObject>(kind: string, name: string, namespace: string | undefined = 'default') => screen.bridge.api.get<T>(kind, namespace, name);

describe('every kind that can be created', () => {
  it.each(creatableKinds())('has a form that begins with a manifest of its own: %s', async (kind) => {
    screen = await mountScreen(`/create/${kind}`);
    expect(document.querySelector('h1')?.textContent).toBe(`Create ${kind}`);
    expect(input('metadata.name')).toBeTruthy();
  });
});

describe('the form of a Service', () => {
  it('says how many pods would answer, and makes it', async () => {
    screen = await mountScreen('/create/Service', ({ api }) => {
      for (const name of ['one', 'two']) api.put(makePod(name, { app: 'web' }));
    });
    const said = () => document.querySelector('[data-test="selected"]')!.textContent;
    expect(said()).toBe('');
    await type('metadata.name', 'web');
    const value = [...document.querySelectorAll<HTMLInputElement>('[data-path="spec.selector"] input')][1]!;
    await type('', 'nobody', value);
    expect(said()).toContain('No pod has these labels');
    await type('', 'web', value);
    expect(said()).toBe('2 pods have these labels at the moment.');
    await create();
    expect(made<Service>('Service', 'web')?.spec).toEqual({ type: 'ClusterIP', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 80 }] });
  });
});

describe('the form of a PersistentVolumeClaim', () => {
  it('asks for the default class by saying nothing, and for none by an empty name', async () => {
    screen = await mountScreen('/create/PersistentVolumeClaim', ({ api }) => api.put({ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name: 'standard', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } } }));
    expect(document.querySelector('[data-path="spec.storageClassName"]')?.textContent).toContain('the default: standard');
    await type('metadata.name', 'data');
    await type('spec.resources.requests.storage', '5Gi');
    await create();
    expect(made<PersistentVolumeClaim>('PersistentVolumeClaim', 'data')?.spec).toEqual({ accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '5Gi' } } });
  });
});

describe('the form of a workload', () => {
  it('of a StatefulSet gives each pod a claim, and lets the selector follow the name', async () => {
    screen = await mountScreen('/create/StatefulSet');
    await type('metadata.name', 'db');
    await type('image', 'postgres');
    await click('[data-add="spec.volumeClaimTemplates"]');
    await create();
    expect(made<StatefulSet>('StatefulSet', 'db')?.spec).toMatchObject({
      selector: { matchLabels: { app: 'db' } },
      template: { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'app', image: 'postgres' }] } },
      volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } }],
    });
  });

  it('of a Job and of a CronJob fills the spec of its own place', async () => {
    screen = await mountScreen('/create/Job');
    await type('metadata.name', 'once');
    await type('image', 'busybox');
    await type('spec.completions', '3');
    await create();
    expect(made<Job>('Job', 'once')?.spec).toEqual({ completions: 3, template: { spec: { restartPolicy: 'Never', containers: [{ name: 'app', image: 'busybox' }] } } });
    screen.wrapper.unmount();
    screen = await mountScreen('/create/CronJob');
    await type('metadata.name', 'often');
    await type('image', 'busybox');
    await type('spec.jobTemplate.spec.backoffLimit', '2');
    await create();
    expect(made<CronJob>('CronJob', 'often')?.spec).toEqual({
      schedule: '*/5 * * * *',
      jobTemplate: { spec: { backoffLimit: 2, template: { spec: { restartPolicy: 'OnFailure', containers: [{ name: 'app', image: 'busybox' }] } } } },
    });
  });
});

describe('the form of an Ingress', () => {
  it('leads a path of a host to a Service', async () => {
    screen = await mountScreen('/create/Ingress');
    await type('metadata.name', 'web');
    await type('backend.service.name', 'shop');
    await create();
    expect(made<Ingress>('Ingress', 'web')?.spec).toEqual({ rules: [{ host: 'web.localhost', http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'shop', port: { number: 80 } } } }] } }] });
  });
});

describe('the form of a NetworkPolicy', () => {
  it('says how many pods it protects, and begins with one rule for what comes in', async () => {
    screen = await mountScreen('/create/NetworkPolicy', ({ api }) => api.put(makePod('db', { app: 'db' })));
    await type('metadata.name', 'db');
    await type('', 'db', [...document.querySelectorAll<HTMLInputElement>('[data-path="spec.podSelector.matchLabels"] input')][1]!);
    expect(document.querySelector('[data-test="selected"]')!.textContent).toBe('One pod has these labels at the moment.');
    await type('', 'web', [...document.querySelectorAll<HTMLInputElement>('[data-path$="podSelector.matchLabels"] input')][3]!);
    await create();
    expect(made<NetworkPolicy>('NetworkPolicy', 'db')?.spec).toEqual({
      podSelector: { matchLabels: { app: 'db' } },
      policyTypes: ['Ingress'],
      ingress: [{ from: [{ podSelector: { matchLabels: { app: 'web' } } }], ports: [{ protocol: 'TCP', port: 80 }] }],
    });
  });

  it('shuts pods off from outgoing connections altogether by a switch, and gives incoming ones free by another', async () => {
    screen = await mountScreen('/create/NetworkPolicy');
    await type('metadata.name', 'shut');
    await click('[data-path="spec.policyTypes.Egress"] input');
    await click('[data-path="spec.policyTypes.Ingress"] input');
    await create();
    expect(made<NetworkPolicy>('NetworkPolicy', 'shut')?.spec).toEqual({ podSelector: { matchLabels: { app: '' } }, policyTypes: ['Egress'] });
  });
});

describe('the form of a PodDisruptionBudget', () => {
  it('has one of its two bounds: a new one takes the place of the other', async () => {
    screen = await mountScreen('/create/PodDisruptionBudget');
    await type('metadata.name', 'web');
    await type('spec.minAvailable', '50%');
    await create();
    expect(made<PodDisruptionBudget>('PodDisruptionBudget', 'web')?.spec).toEqual({ selector: { matchLabels: { app: '' } }, minAvailable: '50%' });
  });
});

describe('the form of a ResourceQuota', () => {
  it('leaves out what has no bound', async () => {
    screen = await mountScreen('/create/ResourceQuota');
    await type('metadata.name', 'team');
    await type('spec.hard[limits.memory]', '8Gi');
    await type('spec.hard[pods]', '');
    await create();
    expect(made<ResourceQuota>('ResourceQuota', 'team')?.spec?.hard).toEqual({ 'requests.cpu': '4', 'requests.memory': '4Gi', 'limits.memory': '8Gi' });
  });
});
