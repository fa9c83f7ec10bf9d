import type { CustomResourceDefinition } from '../api/index.ts';
import { isAlreadyExists } from '../api/status.ts';
import type { Clock } from '../util/clock.ts';
import type { Client } from './client.ts';
import { resources } from './resources.ts';

const retryMs = 100;

export interface CustomKindsOptions {
  client: Client;
  clock: Clock;
  signal: AbortSignal;
  definitions: readonly CustomResourceDefinition[];
  /** Whether a definition that is there is ours as an earlier release wrote it: what a user has installed stays. */
  isOurOlder(annotations: Record<string, string>): boolean;
  /** How long a new cluster, which has better to do at first, is left alone. */
  settleMs: number;
}

/** Makes the kinds known that are not there and newer those of an older release; resolves when all can be used. */
export async function installCustomKinds({ client, clock, signal, definitions, isOurOlder, settleMs }: CustomKindsOptions): Promise<void> {
  const api = client.of(resources.customResourceDefinitions);
  const { items } = await api.list();
  const present = new Map(items.map((item) => [item.metadata!.name!, item]));
  if (definitions.some(({ metadata }) => !present.has(metadata!.name!))) await clock.sleep(settleMs, signal);
  for (const definition of definitions) {
    if (signal.aborted) return;
    const old = present.get(definition.metadata!.name!);
    const annotations = old?.metadata!.annotations ?? {};
    if (!old) await created(api.create(definition));
    else if (isOurOlder(annotations)) await api.update({ ...definition, metadata: { ...old.metadata!, annotations: { ...annotations, ...definition.metadata!.annotations } } });
  }
  const names = new Set(definitions.map(({ metadata }) => metadata!.name!));
  for (;;) {
    const now = (await api.list()).items.filter(({ metadata }) => names.has(metadata!.name!));
    if (now.every(({ status }) => status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True'))) return;
    await clock.sleep(retryMs, signal);
  }
}

/** Lets it be that somebody was faster. */
export async function created(answer: Promise<unknown>): Promise<void> {
  try {
    await answer;
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}
