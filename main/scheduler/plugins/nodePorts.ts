import type { Plugin } from '../framework.ts';
import { PodInfo } from '../podInfo.ts';
import { unschedulable } from '../status.ts';

const rejected = unschedulable('NodePorts', "node(s) didn't have free ports for the requested pod ports");

/** Keeps pods that want the same port of the host apart. */
export const nodePorts: Plugin = {
  name: 'NodePorts',
  preFilter: (_, { hostPorts }) => (hostPorts.length === 0 ? { skip: true } : undefined),
  filter: (_, { hostPorts }, node) => (hostPorts.some((port) => node.portTaken(port)) ? rejected : undefined),
  isHelpful(event, { hostPorts }) {
    if (event.kind !== 'AssignedPodDelete') return event.kind === 'NodeAdd';
    const freed = new PodInfo(event.pod).hostPorts;
    return freed.some((free) => hostPorts.some((want) => want.port === free.port && want.protocol === free.protocol));
  },
};
