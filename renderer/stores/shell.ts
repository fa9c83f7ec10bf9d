import { defineStore } from 'pinia';
import { computed, shallowRef } from 'vue';
import type { ClusterState, ShellEvent, ShellState } from '../../preload/contract.ts';
import { canDisconnect } from '../client/bridge.ts';
import { client, messageOf } from '../client/index.ts';
import { SessionEndedError } from '../client/webBridge.ts';

export type Connection = 'connected' | 'lost' | 'sessionEnded';

type OtherEvent = Exclude<ShellEvent, { type: 'state' }>;

/** What the shell says of itself and of its cluster, and whether it can be reached. */
export const useShell = defineStore('shell', () => {
  const state = shallowRef<ShellState>();
  const connection = shallowRef<Connection>('connected');
  const failure = shallowRef('');
  const listeners = new Set<(event: OtherEvent) => void>();
  /** A question from before the last one has nothing more to say of failures. */
  let connections = 0;

  /** Events that ask for something to be shown. */
  function onEvent(listener: (event: OtherEvent) => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  async function start(): Promise<void> {
    const { bridge } = client();
    bridge.onEvent((event) => {
      if (event.type === 'state') state.value = event.state;
      else for (const listener of listeners) listener(event);
    });
    if (canDisconnect(bridge))
      bridge.onConnection((connected) => {
        if (connected) {
          connection.value = 'connected';
          failure.value = '';
          connections++;
        } else if (connection.value === 'connected') connection.value = 'lost';
        if (!connected) void ask();
      });
    await ask();
  }

  async function ask(): Promise<void> {
    const asked = connections;
    try {
      state.value = await client().bridge.state();
      failure.value = '';
    } catch (error) {
      if (asked !== connections) return;
      failure.value = messageOf(error);
      if (error instanceof SessionEndedError) connection.value = 'sessionEnded';
    }
  }

  const cluster = computed<ClusterState | undefined>(() => state.value?.cluster);
  const running = computed(() => cluster.value?.phase === 'running');

  return { state, cluster, running, connection, failure, start, onEvent };
});
