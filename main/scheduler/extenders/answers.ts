import { listOf, objectOf, textOf } from '../fields.ts';

/*
 * What extenders answer, read with care: they are not of ours. Mirrors k8s.io/kube-scheduler/extender/v1; as Go reads JSON, the case of a
 * field's name does not matter, and what is null is not there.
 */

export interface FilterAnswer {
  /** Nodes that will do. */
  nodes: string[];
  /** Nodes that will not, and why; `unresolvable`: whatever leaves them. */
  failed: Map<string, string>;
  unresolvable: Map<string, string>;
}

/** How good a node is. */
export interface HostPriority {
  host: string;
  score: number;
}

export interface MetaVictims {
  uids: string[];
  violations: number;
}

/** Characters of what an extender says that are of interest. */
const longestWord = 4096;

/** Throws an Error with the words of the extender when it says that it could not answer. */
export function filterAnswer(value: unknown, nodeCacheCapable: boolean): FilterAnswer {
  const fields = structOf(value, 'the answer');
  throwError(fields);
  const names = fields('NodeNames');
  return {
    nodes: nodeCacheCapable && names !== undefined ? listOf(names, 'NodeNames').map((name) => textOf(name, 'NodeNames')) : namesOf(fields('Nodes')),
    failed: failedOf(fields('FailedNodes'), 'FailedNodes'),
    unresolvable: failedOf(fields('FailedAndUnresolvableNodes'), 'FailedAndUnresolvableNodes'),
  };
}

export function prioritizeAnswer(value: unknown): HostPriority[] {
  return listOf(value, 'the answer').map((each) => {
    const fields = structOf(each, 'HostPriority');
    return { host: textOf(fields('Host'), 'Host'), score: wholeOf(fields('Score'), 'Score') };
  });
}

/** Throws an Error with the words of the extender when it has not bound the pod. */
export function bindAnswer(value: unknown): void {
  throwError(structOf(value, 'the answer'));
}

/** By node. */
export function preemptAnswer(value: unknown): Map<string, MetaVictims> {
  const nodes = structOf(value, 'the answer')('NodeNameToMetaVictims') ?? {};
  const entries = Object.entries(objectOf(nodes, 'NodeNameToMetaVictims'));
  return new Map(
    entries.map(([node, given]) => {
      const fields = structOf(given, `NodeNameToMetaVictims[${node}]`);
      const uids = listOf(fields('Pods'), 'Pods').map((pod) => textOf(structOf(pod, 'Pods')('UID'), 'UID'));
      return [node, { uids, violations: wholeOf(fields('NumPDBViolations'), 'NumPDBViolations') }] as const;
    }),
  );
}

type Fields = (name: string) => unknown;

function structOf(value: unknown, path: string): Fields {
  const object = objectOf(value ?? {}, path);
  return (name) => {
    const key = Object.hasOwn(object, name) ? name : Object.keys(object).find((each) => each.toLowerCase() === name.toLowerCase());
    return key === undefined ? undefined : (object[key] ?? undefined);
  };
}

function throwError(fields: Fields): void {
  const error = textOf(fields('Error'), 'Error');
  if (error) throw new Error(error.slice(0, longestWord));
}

function namesOf(nodes: unknown): string[] {
  if (nodes === undefined) return [];
  const items = listOf(structOf(nodes, 'Nodes')('items'), 'Nodes.items');
  return items.map((node) => textOf(structOf(structOf(node, 'Nodes.items')('metadata'), 'Nodes.items.metadata')('name'), 'Nodes.items.metadata.name'));
}

function failedOf(value: unknown, path: string): Map<string, string> {
  const entries = Object.entries(objectOf(value ?? {}, path));
  return new Map(entries.map(([node, why]) => [node, textOf(why, `${path}[${node}]`).slice(0, longestWord)]));
}

function wholeOf(value: unknown, path: string): number {
  if (value === undefined || value === null) return 0;
  if (!Number.isSafeInteger(value)) throw new Error(`${path}: must be a whole number`);
  return value as number;
}
