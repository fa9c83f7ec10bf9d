import { describe, expect, it } from 'vitest';
import { core } from '../../../renderer/client/index.ts';
import { kindScreens } from '../../../renderer/kinds/index.ts';

const { pods, nodes, deployments, statefulSets, daemonSets, jobs, cronJobs, horizontalPodAutoscalers, podDisruptionBudgets } = core;
const columns = (resource: (typeof core)['pods']) => kindScreens.list(resource)!.columns;
const ids = (resource: (typeof core)['pods']) => columns(resource).map(({ id }) => id);

describe('the list of a kind whose objects have a state', () => {
  it.each([pods, deployments, statefulSets, daemonSets, jobs, cronJobs, horizontalPodAutoscalers, podDisruptionBudgets])('of $kind begins with name, namespace and state and ends with labels and age', (resource) => {
    expect(ids(resource).slice(0, 3)).toEqual(['name', 'namespace', 'status']);
    expect(ids(resource).slice(-2)).toEqual(['labels', 'age']);
    expect(new Set(ids(resource)).size).toBe(ids(resource).length);
  });

  it('has no namespace where the kind has none', () => expect(ids(nodes).slice(0, 2)).toEqual(['name', 'status']));

  it('shows, sorts and searches the word of the state', () => {
    const status = columns(jobs).find(({ id }) => id === 'status')!;
    const job = { metadata: { name: 'a' }, spec: { suspend: true } };
    expect([status.text(job), status.status!(job).text]).toEqual(['Suspended', 'Suspended']);
  });

  it('counts what is ready of what should be, and sorts by the first', () => {
    const ready = (resource: (typeof core)['pods'], object: object) => {
      const column = columns(resource).find(({ id }) => id === 'ready')!;
      return [column.text(object), column.sortBy!(object)];
    };
    expect(ready(statefulSets, { spec: { replicas: 12 }, status: { readyReplicas: 9 } })).toEqual(['9/12', 9]);
    expect(ready(deployments, { spec: {} })).toEqual(['0/1', 0]);
    expect(ready(daemonSets, { status: { numberReady: 3, desiredNumberScheduled: 5 } })).toEqual(['3/5', 3]);
  });
});
