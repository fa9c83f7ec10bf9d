import type { Node } from '../api/index.ts';
import { isNotFound } from '../api/status.ts';
import { resources, WorkQueue, type Client, type EventRecorder, type InformerFactory } from '../client/index.ts';
import type { Clock } from '../util/clock.ts';
import type { Logger } from '../util/log.ts';

/** On a Node that a user creates: make a machine for it. Without it a Node is only an object, as of a machine elsewhere. */
export const machineAnnotation = 'skiff.dev/machine';
/** `off` switches the machine of a node off; anything else, or nothing, leaves it on. */
export const powerAnnotation = 'skiff.dev/power';

export interface NodeRequestsOptions {
  client: Client;
  informers: InformerFactory;
  recorder: EventRecorder;
  /** Whether this cluster has a machine of that name. */
  has(name: string): boolean;
  /** Whether a machine that is asked for is this engine's to make, and no other's. */
  claim(name: string): Promise<boolean>;
  /** Rejects where there is no room for another node. */
  add(name: string): Promise<void>;
  remove(name: string): Promise<void>;
  setPower(name: string, on: boolean): Promise<void>;
  clock: Clock;
  log: Logger;
}

export const wantsMachine = (node: Node): boolean => node.metadata?.annotations?.[machineAnnotation] !== undefined;
export const isSwitchedOff = (node: Node): boolean => node.metadata?.annotations?.[powerAnnotation] === 'off';

/**
 * Nodes as users ask for them through the API: a Node that is created with the machine annotation gets a machine, with
 * the labels and taints that it was given; one that is deleted loses it; the power annotation switches it off and on.
 */
export function startNodeRequests(options: NodeRequestsOptions): { stop(): Promise<void> } {
  const nodes = options.informers.informer(resources.nodes);
  const queue = new WorkQueue(options.clock, { log: options.log });
  /** Nodes of ours that the API has had: one that is not registered yet is not a deleted one. */
  const seen = new Set<string>();
  /** Nodes that are gone for good, though a last word of their kubelets may bring their objects back. */
  const removed = new Set<string>();
  const nameOf = (node: Node) => node.metadata!.name!;

  const sync = async (name: string): Promise<void> => {
    const node = nodes.get(name);
    if (!node) {
      if (!options.has(name) || !seen.delete(name)) return;
      await options.remove(name);
      removed.add(name);
      if (nodes.get(name)) queue.add(name);
      return;
    }
    if (!options.has(name)) {
      if (!wantsMachine(node)) return removed.has(name) ? dropLastWord(name) : undefined;
      if (!(await options.claim(name))) return;
      removed.delete(name);
      try {
        await options.add(name);
      } catch (error) {
        options.recorder.event(node, 'Warning', 'FailedToAddMachine', error instanceof Error ? error.message : String(error));
        throw error;
      }
    }
    seen.add(name);
    await options.setPower(name, !isSwitchedOff(node));
  };
  /** Takes away what a kubelet's last word has brought back; a Node that somebody else makes in that name is theirs, and stays. */
  const dropLastWord = async (name: string): Promise<void> => {
    const objects = options.client.of(resources.nodes);
    try {
      // The informers' copies do not tell who made an object.
      const { metadata } = await objects.get('', name);
      const isKubelets = metadata!.managedFields?.some(({ manager, subresource }) => manager === 'kubelet' && !subresource);
      if (isKubelets) await objects.delete('', name, { preconditions: { uid: metadata!.uid } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  };

  const add = (node: Node) => queue.add(nameOf(node));
  const end = nodes.on({
    add,
    update(old, node) {
      // Deleted and made again between two looks.
      if (old.metadata!.uid !== node.metadata!.uid && options.has(nameOf(node)) && !wantsMachine(node)) return;
      if (old.metadata!.annotations?.[powerAnnotation] !== node.metadata!.annotations?.[powerAnnotation] || wantsMachine(old) !== wantsMachine(node)) add(node);
    },
    delete: add,
  });
  void queue.run(4, sync);
  return {
    async stop() {
      end();
      await queue.stop();
    },
  };
}
