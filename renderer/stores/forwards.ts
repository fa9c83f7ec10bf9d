import { defineStore } from 'pinia';
import { computed, shallowRef } from 'vue';
import type { ForwardRequest, PortForward } from '../../preload/contract.ts';
import { client } from '../client/index.ts';
import { useShell } from './shell.ts';

/** What a user is about to forward. */
export interface ForwardQuestion extends Omit<ForwardRequest, 'port' | 'localPort'> {
  /** Undefined where the user names it. */
  port: number | undefined;
  /** What the port is called, if anything. */
  portName?: string | undefined;
}

/** Ports of this computer that lead into pods: the shell holds them, every window shows the same. */
export const useForwards = defineStore('forwards', () => {
  const shell = useShell();
  const list = computed<readonly PortForward[]>(() => shell.state?.forwards ?? []);
  /** While somebody is asked for the port of this computer. */
  const question = shallowRef<ForwardQuestion>();

  const of = (resource: string, namespace: string, name: string): PortForward[] =>
    list.value.filter((forward) => forward.resource === resource && forward.namespace === namespace && forward.name === name);

  function ask(next: ForwardQuestion | undefined): void {
    question.value = next;
  }

  const start = (request: ForwardRequest): Promise<PortForward> => client().bridge.forward(request);
  const stop = (id: number): Promise<void> => client().bridge.stopForward(id);

  return { list, question, of, ask, start, stop };
});
