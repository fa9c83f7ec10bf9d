import { describe, expect, it } from 'vitest';
import type { Pod } from '../../../main/api/index.ts';
import { AllocationManager } from '../../../main/kubelet/allocation.ts';

type Amounts = Record<string, string>;

const one: Amounts = { cpu: '1', memory: '1Gi' };
const half: Amounts = { cpu: '500m', memory: '500Mi' };
const more: Amounts = { cpu: '1500m', memory: '1500Mi' };

function podOf(containers: (Amounts | undefined)[], whole?: Amounts): Pod {
  return {
    metadata: { name: 'web', namespace: 'default', uid: 'u1' },
    spec: {
      containers: containers.map((requests, index) => ({ name: `c${index}`, image: 'i', resources: requests ? { requests } : {} })),
      ...(whole ? { resources: { requests: whole } } : {}),
    },
  };
}

/** Four containers, of which two ask for something. */
const before: (Amounts | undefined)[] = [one, one, {}, undefined];
const changed = (changes: Record<number, Amounts | undefined>) => before.map((requests, index) => (index in changes ? changes[index] : requests));

function asksForMore(changes: Record<number, Amounts | undefined>, whole?: { was: Amounts; is: Amounts }): boolean {
  const allocation = new AllocationManager(() => undefined, () => []);
  allocation.adopt(podOf(before, whole?.was));
  return allocation.asksForMore(podOf(changed(changes), whole?.is));
}

/** As pkg/kubelet/allocation/allocation_manager_test.go (TestIsResizeIncreasingRequests) has the cases. */
describe('a resize asks for more', () => {
  it.each<[string, Record<number, Amounts | undefined>, boolean]>([
    ['when a container wants more of everything', { 0: more }, true],
    ['not when it wants less of everything', { 0: half }, false],
    ['when it wants more CPU for less memory', { 0: { ...more, memory: '500Mi' } }, true],
    ['when it wants more memory for less CPU', { 0: { ...half, memory: '1500Mi' } }, true],
    ['not when one container wants what another gives up', { 0: { cpu: '1500m', memory: '1524Mi' }, 1: { cpu: '500m', memory: '524Mi' } }, false],
    ['not when all want less', { 0: half, 1: half }, false],
    ['not when one asks for nothing in particular any more', { 0: {} }, false],
    ['not when one asks for nothing at all any more', { 0: undefined }, false],
    ['when one asks that had an empty list', { 2: one }, true],
    ['when one asks that had none', { 3: one }, true],
  ])('%s', (_, changes, expected) => {
    expect(asksForMore(changes)).toBe(expected);
  });

  const was = { cpu: '2500m', memory: '2500Mi' };
  it.each<[string, Record<number, Amounts | undefined>, Amounts, boolean]>([
    ['when the pod as a whole wants more CPU', {}, { ...was, cpu: '3' }, true],
    ['not when it wants less memory', {}, { ...was, memory: '2000Mi' }, false],
    ['when it wants more CPU for less memory', {}, { cpu: '3', memory: '2000Mi' }, true],
    ['not when a container of it wants more within what the pod has', { 0: { ...one, cpu: '1500m' } }, was, false],
    ['not when a container of it wants less', { 0: { ...one, cpu: '500m' } }, was, false],
    ['when both want more', { 0: { ...one, cpu: '1500m' } }, { ...was, cpu: '2600m' }, true],
    ['not when both want less', { 0: { ...one, cpu: '500m' } }, { ...was, cpu: '2' }, false],
  ])('%s', (_, changes, is, expected) => {
    expect(asksForMore(changes, { was, is })).toBe(expected);
  });
});
