import type { Plugin } from '../framework.ts';
import { unresolvable } from '../status.ts';

const rejected = unresolvable('NodeName', "node(s) didn't match the requested node name");

/** Keeps a pod that names its node from all others. */
export const nodeName: Plugin = {
  name: 'NodeName',
  filter(_, { pod }, node) {
    return !pod.spec!.nodeName || pod.spec!.nodeName === node.name ? undefined : rejected;
  },
  isHelpful: (event) => event.kind === 'NodeAdd',
};
