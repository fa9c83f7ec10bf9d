import { describe, expect, it } from 'vitest';
import { indentAfter, placeAt } from '../../../renderer/yaml/place.ts';

/** The place of `|` in a text. */
function place(text: string) {
  const offset = text.indexOf('|');
  return placeAt(text.replace('|', ''), offset);
}
const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      containers:
`;

describe('where the cursor is in a manifest', () => {
  it('is told by indentation, with the kind that it is of', () => {
    expect(place('apiVersion: v1\nkind: Pod\nspec:\n  no|')).toMatchObject({ apiVersion: 'v1', kind: 'Pod', path: ['spec'], key: 'no', value: false, column: 2, from: 33, to: 35 });
    expect(place('apiVersion: v1\nkind: "Pod" # mine\nme|')).toMatchObject({ kind: 'Pod', path: [], key: 'me' });
  });

  it.each([
    ['      - name: web\n        ima|'],
    ['        - name: web\n          ima|'],
    ['        - ports:\n          - containerPort: 80\n          ima|'],
    ['        - name: first\n          image: x\n        - ima|'],
    ['        - name: web\n          args: ["a:", b]\n          ima|'],
  ])('is within an entry of a list: %j', (end) => {
    expect(place(deployment + end).path).toEqual(['spec', 'template', 'spec', 'containers', '[]']);
  });

  it('goes deeper than one list', () => {
    expect(place(`${deployment}      - name: web\n        ports:\n        - containerPort: 80\n          pro|`).path).toEqual(['spec', 'template', 'spec', 'containers', '[]', 'ports', '[]']);
  });

  it('is as deep as it stands where its line is empty', () => {
    expect(place(`${deployment}      - name: web\n        |`).path).toEqual(['spec', 'template', 'spec', 'containers', '[]']);
    expect(place('kind: Pod\nmetadata:\n  name: a\n\n|').path).toEqual([]);
    expect(place('kind: Pod\nmetadata:\n  name: a\n  |').path).toEqual(['metadata']);
  });

  it('knows what stands beside, above and below', () => {
    expect(place('kind: Pod\nspec:\n  nodeName: a\n  |\n  hostNetwork: true\nstatus: {}').siblings).toEqual(['nodeName', 'hostNetwork']);
    expect(place(`${deployment}      - name: a\n        image: b\n        |\n      - command: [x]`).siblings.toSorted()).toEqual(['image', 'name']);
  });

  it('is in a value behind the colon', () => {
    expect(place('kind: Pod\nspec:\n  restartPolicy: Al|')).toMatchObject({ path: ['spec'], key: 'restartPolicy', value: true });
    expect(place('kind: Pod\nspec:\n  restart|Policy: Always')).toMatchObject({ key: 'restartPolicy', value: false });
  });

  it('is in one document of several', () => {
    expect(place('kind: Pod\nspec: {}\n---\nkind: Service\nspec:\n  ty|\n---\nkind: Secret')).toMatchObject({ kind: 'Service', path: ['spec'] });
  });
});

describe('the line after this one', () => {
  it.each([
    ['spec:', 2],
    ['  containers: # of the pod', 4],
    ['  - name: a', 4],
    ['  - ports:', 6],
    ['  replicas: 2', 2],
    ['  text: |', 4],
    ['    -', 6],
    ['  ', 2],
  ])('begins as deep as %j says', (line, column) => {
    expect(indentAfter(line)).toBe(column);
  });
});
