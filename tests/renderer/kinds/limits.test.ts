import { afterEach, describe, expect, it } from 'vitest';
import type { Namespace, PodDisruptionBudget, ResourceQuota, V2HorizontalPodAutoscaler } from '../../../main/api/index.ts';
import { metricsOf } from '../../../renderer/kinds/horizontalpodautoscaler/metrics.ts';
import { autoscalerStatus } from '../../../renderer/kinds/horizontalpodautoscaler/status.ts';
import { holdsUp, namespaceStatus, remainsOf } from '../../../renderer/kinds/namespace/status.ts';
import { budgetStatus } from '../../../renderer/kinds/poddisruptionbudget/status.ts';
import { usageOf } from '../../../renderer/kinds/resourcequota/usage.ts';
import { mountScreen, type Screen } from '../support/mountScreen.ts';
import { makePod } from '../support/objects.ts';

let screen: Screen | undefined;
afterEach(() => {
  screen?.wrapper.unmount();
  screen = undefined;
  document.body.innerHTML = '';
});

const quota: ResourceQuota = {
  apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'small', namespace: 'default' },
  spec: { hard: { pods: '2', 'requests.cpu': '1', 'limits.memory': '1Gi', services: '0' } },
  status: { hard: { pods: '2', 'requests.cpu': '1', 'limits.memory': '1Gi', services: '0' }, used: { pods: '3', 'requests.cpu': '850m', 'limits.memory': '256Mi', services: '0' } },
};

describe('a quota', () => {
  it('tells of each resource how much of it is left, in whatever units', () => {
    expect(usageOf(quota).map(({ resource, share, tone }) => [resource, share, tone])).toEqual([
      ['limits.memory', 0.25, 'ok'],
      ['pods', 1, 'bad'],
      ['requests.cpu', 0.85, 'warn'],
      ['services', 1, 'bad'],
    ]);
  });

  it('is shown from its spec until it has been counted', () => {
    expect(usageOf({ spec: { hard: { pods: '2' } } })).toEqual([{ resource: 'pods', used: '', hard: '2', share: 0, tone: 'ok' }]);
  });

  it('names what is used up', async () => {
    screen = await mountScreen('/k/resourcequotas/default/small', ({ api }) => void api.put(quota as never));
    expect(screen.text()).toContain('Used up: pods, services.');
    expect(document.querySelector('[aria-label="requests.cpu: 85 %"]')).not.toBeNull();
  });
});

const budget = (status: PodDisruptionBudget['status']): PodDisruptionBudget => ({ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name: 'db', namespace: 'default', generation: 1 }, spec: { minAvailable: 2, selector: { matchLabels: { app: 'db' } } }, ...(status ? { status } : {}) });
const counts = { observedGeneration: 1, expectedPods: 2, currentHealthy: 2, desiredHealthy: 2, disruptionsAllowed: 0 };

describe('a disruption budget', () => {
  it.each([
    ['has not been counted', undefined, 'Counting'],
    ['selects nobody', { ...counts, expectedPods: 0 }, 'NoPods'],
    ['has no pod to spare', counts, 'InsufficientPods'],
    ['has one to spare', { ...counts, disruptionsAllowed: 1 }, 'DisruptionAllowed'],
    ['cannot be counted', { ...counts, conditions: [{ type: 'DisruptionAllowed', status: 'False', reason: 'SyncFailed', message: 'no scale', lastTransitionTime: '2026-01-01T10:00:00Z' }] }, 'SyncFailed'],
  ])('that %s says so', (_story, status, word) => {
    expect(budgetStatus(budget(status as PodDisruptionBudget['status'])).text).toBe(word);
  });

  it('says why nothing can be evicted, and shows whose pods they are', async () => {
    screen = await mountScreen('/k/poddisruptionbudgets.policy/default/db', ({ api }) => {
      api.put(budget(counts) as never);
      api.put(makePod('db-0', { app: 'db' }));
      api.put(makePod('web-0', { app: 'web' }));
    });
    expect(screen.text()).toContain('No pod of the budget may be evicted now: 2 are healthy and 2 are needed.');
    expect([...document.querySelectorAll('tbody a')].map((link) => link.textContent)).toEqual(['db-0']);
  });
});

describe('an autoscaler', () => {
  const cpu = { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } };
  const queue = { type: 'External', external: { metric: { name: 'queue' }, target: { type: 'Value', value: '30' } } };
  const scaler = (status: object): V2HorizontalPodAutoscaler =>
    ({ apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name: 'web', namespace: 'default' }, spec: { maxReplicas: 5, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, metrics: [cpu, queue] }, status }) as V2HorizontalPodAutoscaler;

  it('pairs each metric with what was measured of it, though another could not be had', () => {
    const status = { currentMetrics: [{ type: 'External', external: { metric: { name: 'queue' }, current: { value: '12' } } }] };
    expect(metricsOf(scaler(status))).toEqual([
      { name: 'cpu', current: '', target: '50 %' },
      { name: 'External: queue', current: '12', target: '30' },
    ]);
  });

  it('that measures a load of nothing says zero', () => {
    expect(metricsOf(scaler({ currentMetrics: [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 0 } } }] }))[0]?.current).toBe('0 %');
  });

  it.each([
    ['Starting', []],
    ['Active', [{ type: 'AbleToScale', status: 'True' }, { type: 'ScalingActive', status: 'True' }, { type: 'ScalingLimited', status: 'True' }]],
    ['FailedGetScale', [{ type: 'AbleToScale', status: 'False', reason: 'FailedGetScale' }]],
    ['ScalingDisabled', [{ type: 'AbleToScale', status: 'True' }, { type: 'ScalingActive', status: 'False', reason: 'ScalingDisabled' }]],
  ])('is %s by its conditions', (word, conditions) => expect(autoscalerStatus(scaler({ conditions })).text).toBe(word));

  it('has a list that says of each what it scales, by what and how far', async () => {
    screen = await mountScreen('/k/horizontalpodautoscalers.autoscaling', ({ api }) => void api.put(scaler({ currentReplicas: 2, currentMetrics: [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 70 } } }] }) as never));
    const cells = [...document.querySelectorAll('.row.body .cell')].map((each) => each.textContent?.trim());
    expect(cells).toEqual(expect.arrayContaining(['Deployment/web', 'cpu: 70 % / 50 %, External: queue: – / 30', '2', '1 – 5']));
  });

  it('says why it does not scale, and links what it is for', async () => {
    const conditions = [{ type: 'AbleToScale', status: 'True' }, { type: 'ScalingActive', status: 'False', reason: 'FailedGetResourceMetric', message: 'no metrics' }];
    screen = await mountScreen('/k/horizontalpodautoscalers.autoscaling/default/web', ({ api }) => void api.put(scaler({ conditions, currentReplicas: 2 }) as never));
    expect(document.querySelector('.reported')?.textContent).toBe('no metrics');
    expect(document.querySelector('a[href="/k/deployments.apps/default/web"]')?.textContent).toBe('Deployment web');
  });
});

describe('a namespace that is being deleted', () => {
  const message = 'Some resources are remaining: configmaps. has 1 resource instances, deployments.apps has 2 resource instances';
  const going: Namespace = {
    apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'stuck', deletionTimestamp: '2026-01-01T10:00:00Z' },
    status: { phase: 'Terminating', conditions: [{ type: 'NamespaceDeletionContentFailure', status: 'False', message: 'all well' }, { type: 'NamespaceContentRemaining', status: 'True', message }] },
  };

  it('says what is still in its way, and nothing of what is not', () => {
    expect(namespaceStatus(going)).toEqual({ text: 'Terminating', tone: 'warn' });
    expect(holdsUp(going).map(({ type }) => type)).toEqual(['NamespaceContentRemaining']);
    expect(remainsOf(going)).toEqual([{ resource: 'configmaps', count: 1 }, { resource: 'deployments.apps', count: 2 }]);
    expect(holdsUp({ metadata: { name: 'fine' }, status: { phase: 'Active' } })).toEqual([]);
  });

  it('leads to the lists of what remains', async () => {
    screen = await mountScreen('/k/namespaces/-/stuck', ({ api }) => void api.put(going as never));
    expect([...document.querySelectorAll('.trouble a')].map((link) => [link.textContent, link.getAttribute('href')])).toEqual([
      ['configmaps (1)', '/k/configmaps'],
      ['deployments.apps (2)', '/k/deployments.apps'],
    ]);
  });
});
