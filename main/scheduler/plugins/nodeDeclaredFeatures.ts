import { equalJson } from '../../api/json.ts';
import { featuresForScheduling } from '../../api/nodeFeatures.ts';
import { StateKey, type Plugin } from '../framework.ts';
import { unresolvable } from '../status.ts';

const name = 'NodeDeclaredFeatures';
const rejected = unresolvable(name, "node(s) didn't match Pod's required features");

const neededKey = new StateKey<string[]>();

/** Keeps a pod from nodes whose kubelet cannot do what it asks for. Mirrors pkg/scheduler/framework/plugins/nodedeclaredfeatures. */
export const nodeDeclaredFeatures: Plugin = {
  name,
  preFilter(state, { pod }) {
    const needed = featuresForScheduling(pod.spec!);
    if (needed.length === 0) return { skip: true };
    state.set(neededKey, needed);
    return undefined;
  },
  filter(state, _, { node }) {
    const declared = node.status?.declaredFeatures ?? [];
    return state.get(neededKey)!.every((feature) => declared.includes(feature)) ? undefined : rejected;
  },
  isHelpful(event) {
    switch (event.kind) {
      case 'NodeAdd':
        return true;
      case 'NodeUpdate':
        return !equalJson(event.old.status?.declaredFeatures ?? [], event.node.status?.declaredFeatures ?? []);
      case 'PodUpdate':
        return !equalJson(featuresForScheduling(event.old.spec!), featuresForScheduling(event.pod.spec!));
      default:
        return false;
    }
  },
};
