import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Event, EventsEvent, HorizontalPodAutoscaler, V2HorizontalPodAutoscaler } from '../../../../main/api/index.ts';
import type { KubeObject } from '../../../../main/api/meta.ts';
import { convertedStore } from '../../../../main/apiserver/registry/versions.ts';
import { createMemoryStore } from '../../../../main/store/index.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { TestCluster } from './testCluster.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start();
  await cluster.ask('POST', '/api/v1/namespaces', { metadata: { name: 'default' } });
});
afterAll(() => cluster.close());

const v1 = '/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers';
const v2 = '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers';
const target = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };

describe('an autoscaler is one object in two versions', () => {
  it('created as v1, it has the metric as v2', async () => {
    const made = await cluster.ask<HorizontalPodAutoscaler>('POST', v1, {
      metadata: { name: 'a' }, spec: { scaleTargetRef: target, maxReplicas: 3, targetCPUUtilizationPercentage: 50 },
    });
    expect(made).toMatchObject({ apiVersion: 'autoscaling/v1', spec: { minReplicas: 1, targetCPUUtilizationPercentage: 50 } });
    const seen = await cluster.ask<V2HorizontalPodAutoscaler>('GET', `${v2}/a`);
    expect(seen.spec!.metrics).toEqual([{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } }]);
    expect(seen.metadata!.uid).toBe(made.metadata!.uid);
    expect(seen.metadata!.resourceVersion).toBe(made.metadata!.resourceVersion);
  });

  it('what v1 has no fields for survives an update as v1', async () => {
    const metrics = [
      { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } } },
      { type: 'Pods', pods: { metric: { name: 'requests' }, target: { type: 'AverageValue', averageValue: '10' } } },
      { type: 'Object', object: { describedObject: target, metric: { name: 'hits' }, target: { type: 'Value', value: '2k' } } },
      { type: 'External', external: { metric: { name: 'queue', selector: { matchLabels: { a: 'b' } } }, target: { type: 'AverageValue', averageValue: '5' } } },
      { type: 'ContainerResource', containerResource: { name: 'memory', container: 'app', target: { type: 'AverageValue', averageValue: '1Gi' } } },
    ];
    const behavior = { scaleDown: { stabilizationWindowSeconds: 60, policies: [{ type: 'Pods', value: 1, periodSeconds: 30 }] } };
    const made = await cluster.ask<V2HorizontalPodAutoscaler>('POST', v2, { metadata: { name: 'b' }, spec: { scaleTargetRef: target, maxReplicas: 9, metrics, behavior } });
    const old = await cluster.ask<HorizontalPodAutoscaler>('GET', `${v1}/b`);
    expect(old.spec.targetCPUUtilizationPercentage).toBe(70);
    expect(Object.keys(old.metadata!.annotations!)).toEqual(['autoscaling.alpha.kubernetes.io/behavior', 'autoscaling.alpha.kubernetes.io/metrics']);
    await cluster.ask('PUT', `${v1}/b`, { ...old, spec: { ...old.spec, maxReplicas: 12 } });
    const seen = await cluster.ask<V2HorizontalPodAutoscaler>('GET', `${v2}/b`);
    expect(seen.spec).toEqual({ ...made.spec, maxReplicas: 12, metrics: [...made.spec!.metrics!.slice(1), made.spec!.metrics![0]] });
    expect(seen.metadata!.annotations).toBeUndefined();
  });

  it('what v1 says in annotations is read, filled in and written as upstream writes it; a status is none of a client that creates', async () => {
    const made = await cluster.ask<HorizontalPodAutoscaler>('POST', v1, {
      metadata: {
        name: 'c',
        annotations: {
          mine: 'x',
          'autoscaling.alpha.kubernetes.io/metrics': '{bad',
          'autoscaling.alpha.kubernetes.io/behavior': '{"ScaleUp":{"StabilizationWindowSeconds":5,"SelectPolicy":"Max","Policies":[{"Type":"Pods","Value":2,"PeriodSeconds":15}]}}',
          'autoscaling.alpha.kubernetes.io/conditions': '[{"type":"AbleToScale","status":"True"}]',
        },
      },
      spec: { scaleTargetRef: target, maxReplicas: 3 },
    });
    expect(made.metadata!.annotations).toEqual({
      mine: 'x',
      'autoscaling.alpha.kubernetes.io/behavior':
        '{"ScaleUp":{"StabilizationWindowSeconds":5,"SelectPolicy":"Max","Policies":[{"Type":"Pods","Value":2,"PeriodSeconds":15}],"Tolerance":null},' +
        '"ScaleDown":{"StabilizationWindowSeconds":null,"SelectPolicy":"Max","Policies":[{"Type":"Percent","Value":100,"PeriodSeconds":15}],"Tolerance":null}}',
    });
    const { spec, status } = await cluster.ask<V2HorizontalPodAutoscaler>('GET', `${v2}/c`);
    expect(spec!.behavior).toEqual({
      scaleUp: { stabilizationWindowSeconds: 5, selectPolicy: 'Max', policies: [{ type: 'Pods', value: 2, periodSeconds: 15 }] },
      scaleDown: { selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] },
    });
    expect(status?.conditions).toBeUndefined();
    await cluster.ask('DELETE', `${v2}/c`);
  });

  it('a watch of one version hears what the other writes, and lists are of the version that is asked', async () => {
    const { items } = await cluster.ask<{ items: HorizontalPodAutoscaler[] }>('GET', `${v1}?labelSelector=!missing`);
    expect(items.map(({ metadata }) => metadata!.name)).toEqual(['a', 'b']);
    const heard: unknown[] = [];
    const api = cluster.client().of<HorizontalPodAutoscaler>({ group: 'autoscaling', version: 'v1', resource: 'horizontalpodautoscalers', kind: 'HorizontalPodAutoscaler', namespaced: true });
    const { metadata } = await api.list('default');
    const done = new Promise<void>((resolve) => {
      const onEvent = ({ type, object }: { type: string; object: unknown }) => {
        const { apiVersion, metadata: { name } = {} } = object as KubeObject;
        if (heard.push([type, apiVersion, name]) === 2) resolve();
      };
      api.watch('default', { resourceVersion: metadata!.resourceVersion }, { onEvent, onEnd: () => {} });
    });
    await cluster.ask('PUT', `${v2}/a/status`, { metadata: { name: 'a' }, spec: { scaleTargetRef: target, maxReplicas: 3 }, status: { desiredReplicas: 2, currentReplicas: 2 } });
    await cluster.ask('DELETE', `${v2}/a`);
    await done;
    expect(heard).toEqual([['MODIFIED', 'autoscaling/v1', 'a'], ['DELETED', 'autoscaling/v1', 'a']]);
  });
});

describe('an event is one object in two groups', () => {
  const core = '/api/v1/namespaces/default/events';
  const events = '/apis/events.k8s.io/v1/namespaces/default/events';
  const regarding = { kind: 'Pod', namespace: 'default', name: 'web' };
  const strict = { eventTime: '2026-01-02T03:04:05.000006Z', reportingController: 'test.dev/c', reportingInstance: 'c-1', action: 'Start', reason: 'Started', type: 'Normal', regarding };

  it('written by the new group, it reads by the old one', async () => {
    await cluster.ask('POST', events, { metadata: { name: 'e1' }, note: 'it runs', ...strict });
    expect(await cluster.ask<Event>('GET', `${core}/e1`)).toMatchObject({
      apiVersion: 'v1', kind: 'Event', message: 'it runs', involvedObject: regarding, reportingComponent: 'test.dev/c', eventTime: strict.eventTime,
    });
    const { items } = await cluster.ask<{ items: EventsEvent[] }>('GET', `${events}?fieldSelector=regarding.name=web,reportingController=test.dev/c`);
    expect(items).toMatchObject([{ note: 'it runs', regarding }]);
  });

  it('the new group asks for more, and lets less be changed', async () => {
    expect(await cluster.refusal('POST', events, { metadata: { name: 'e2' }, regarding, type: 'Odd', deprecatedCount: 2 })).toBe(
      'Event "e2" is invalid: [eventTime: Required value, type: Invalid value: "": has invalid value: Odd, count: Invalid value: "": needs to be unset]',
    );
    const made = await cluster.ask<EventsEvent>('GET', `${events}/e1`);
    expect(await cluster.refusal('PUT', `${events}/e1`, { ...made, reason: 'Stopped' })).toContain('reason: Invalid value: "Stopped": field is immutable');
    await cluster.ask('PUT', `${core}/e1`, { ...(await cluster.ask<Event>('GET', `${core}/e1`)), reason: 'Stopped' });
    expect((await cluster.ask<EventsEvent>('GET', `${events}/e1`)).reason).toBe('Stopped');
  });
});

it('what is listed in another version than it is stored in is converted when it is read, and then once', async () => {
  const store = createMemoryStore({ clock: new FakeClock() });
  const text = (revision: number) => JSON.stringify({ kind: 'Thing', apiVersion: 'v2', metadata: { name: 'a', resourceVersion: String(revision) } });
  await store.put('/registry/core/things/a', text, { cause: { who: 'test' } });
  let conversions = 0;
  const definition = { group: '', version: 'v2', kind: 'Thing', resource: 'things', singular: 'thing', listKind: 'ThingList', shortNames: [], categories: [], namespaced: false };
  const seen = convertedStore(store, { ...definition, version: 'v1' }, {
    definition,
    toStored: (object) => object,
    fromStored(object) {
      conversions++;
      return { ...object };
    },
  });
  const { entries } = await seen.list('/registry/core/things/');
  expect(conversions).toBe(0);
  expect([entries[0]!.value, entries[0]!.value].map((value) => (JSON.parse(value) as KubeObject).apiVersion)).toEqual(['v1', 'v1']);
  expect((await seen.get('/registry/core/things/a'))!.value).toBe(entries[0]!.value);
  expect(conversions).toBe(1);
  await store.close();
});
