import { afterEach, describe, expect, it } from 'vitest';
import type { BridgeResponse } from '../../../preload/contract.ts';
import { answer } from '../support/fakeApi.ts';
import { mountScreen, settleScreen, type Screen } from '../support/mountScreen.ts';
import { makePod } from '../support/objects.ts';

const owned = { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 'db', controller: true }] };
const status = (code: number, reason: string, message: string, cause = '') => answer(code, { kind: 'Status', status: 'Failure', code, reason, message, details: cause ? { causes: [{ reason: 'DisruptionBudget', message: cause }] } : {} });
const held = () => status(429, 'TooManyRequests', 'Cannot evict pod as it would violate the pod\'s disruption budget.', 'The disruption budget \u202edb needs 2 healthy pods and has 2 currently');

describe('evicting a pod', () => {
  let screen: Screen;
  afterEach(() => {
    screen.wrapper.unmount();
    document.body.innerHTML = '';
  });
  const requests = (method: string) => screen.bridge.api.requests.filter((request) => request.method === method);
  const question = () => document.querySelector('[role="dialog"]')?.textContent ?? '';
  const actions = () => [...document.querySelectorAll('.page-head button')].map((button) => button.textContent);

  async function open(metadata: object, eviction: () => BridgeResponse | undefined = () => undefined) {
    screen = await mountScreen('/k/pods/default/db-0', ({ api }) => {
      api.put(makePod('db-0', { metadata: { name: 'db-0', namespace: 'default', uid: 'uid-db-0', ...metadata } }));
      api.intercept = ({ path }) => (path.includes('/eviction') ? eviction() : undefined);
    });
  }
  async function press(selector: string, text?: string) {
    const found = [...document.querySelectorAll<HTMLElement>(selector)].find((element) => text === undefined || element.textContent === text)!;
    found.click();
    await settleScreen();
  }
  async function evict() {
    await press('.page-head button', 'Evict');
    await press('[data-confirm]');
  }

  it('asks the eviction API for this very pod, after a question', async () => {
    await open(owned);
    await press('.page-head button', 'Evict');
    expect(question()).toContain('Evict db-0?');
    expect(document.activeElement?.hasAttribute('data-confirm')).toBe(true);
    expect(question()).not.toContain('No controller');
    expect(requests('POST')).toEqual([]);
    await press('[data-confirm]');
    expect(requests('POST').map(({ path, body }) => [path.split('?')[0], JSON.parse(body!)])).toEqual([
      ['/api/v1/namespaces/default/pods/db-0/eviction', { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'db-0', namespace: 'default' }, deleteOptions: { preconditions: { uid: 'uid-db-0' } } }],
    ]);
    expect(screen.text()).toContain('db-0 is being evicted');
    expect(requests('DELETE')).toEqual([]);
  });

  it('warns of a pod that nobody makes again', async () => {
    await open({});
    await press('.page-head button', 'Evict');
    expect(question()).toContain('No controller makes another in its place:');
  });

  it('is not offered for a pod that is on its way out, nor for one that its node holds', async () => {
    await open({ ...owned, deletionTimestamp: '2026-01-01T10:00:00Z' });
    expect(actions()).not.toContain('Evict');
    screen.wrapper.unmount();
    document.body.innerHTML = '';
    await open({ annotations: { 'kubernetes.io/config.mirror': 'x' } });
    expect(actions()).not.toContain('Evict');
  });

  it('tells why a disruption budget refuses, in the server’s words, and offers to delete instead', async () => {
    await open(owned, held);
    await evict();
    expect(question()).toContain('db-0 cannot be evicted now. The API server says:');
    expect(question()).toContain('would violate the pod\'s disruption budget. The disruption budget \\u202edb needs 2 healthy pods and has 2 currently');
    expect(question()).toContain('Deleting it takes no account of disruption budgets.');
    expect(screen.text()).not.toContain('is being evicted');
    expect(requests('DELETE')).toEqual([]);
    // Whoever presses Enter twice has not meant to delete.
    expect(document.activeElement?.hasAttribute('data-cancel')).toBe(true);
    await press('[data-confirm]');
    expect(requests('DELETE').map(({ path, body }) => [path, JSON.parse(body!).preconditions])).toEqual([['/api/v1/namespaces/default/pods/db-0', { uid: 'uid-db-0' }]]);
    expect(screen.router.currentRoute.value.path).toBe('/k/pods');
  });

  it('deletes nothing when the user thinks better of it', async () => {
    await open(owned, held);
    await evict();
    await press('[role="dialog"] button', 'Cancel');
    expect(requests('DELETE')).toEqual([]);
    expect(screen.router.currentRoute.value.path).toBe('/k/pods/default/db-0');
  });

  it('shows any other refusal as what it is', async () => {
    await open(owned, () => status(500, 'InternalError', 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.'));
    await evict();
    expect(question()).toBe('');
    expect(screen.text()).toContain('more than one PodDisruptionBudget');
  });
});
