import type { Node } from './api/index.ts';
import type { Informer } from './client/index.ts';
import type { Clock, Timer } from './util/clock.ts';

/** Milliseconds that no node must be ready: at a start each needs a moment. */
const patience = 3_000;

/**
 * Tells `onChange` why pods are not looked after once no node has been ready for a while, as when the container engine has
 * been stopped, in the words of one of the nodes; and `undefined` as soon as one is ready. Returns what ends it.
 */
export function watchNodes(nodes: Pick<Informer<Node>, 'list' | 'on'>, clock: Clock, onChange: (fault: string | undefined) => void): () => void {
  let told: string | undefined;
  let timer: Timer | undefined;
  const tell = (fault: string | undefined) => {
    timer?.cancel();
    timer = undefined;
    if (fault !== told) onChange((told = fault));
  };
  const judge = () => {
    const fault = faultOf(nodes.list());
    if (fault === undefined || told !== undefined) tell(fault);
    else timer ??= clock.setTimer(patience, () => tell(faultOf(nodes.list())));
  };
  const end = nodes.on({
    add: judge,
    update(old, node) {
      // Most of what nodes write are signs of life.
      if (stateOf(old) !== stateOf(node)) judge();
    },
    delete: judge,
  });
  return () => {
    end();
    timer?.cancel();
  };
}

const ready = (node: Node) => node.status?.conditions?.find(({ type }) => type === 'Ready');
const stateOf = (node: Node) => `${ready(node)?.status} ${ready(node)?.message}`;

function faultOf(nodes: readonly Node[]): string | undefined {
  if (nodes.some((node) => ready(node)?.status === 'True')) return undefined;
  return nodes.map((node) => ready(node)?.message).find(Boolean);
}
