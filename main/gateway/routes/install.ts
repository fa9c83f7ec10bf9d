import { isAlreadyExists } from '../../api/status.ts';
import { resources, type Client } from '../../client/index.ts';
import type { Clock } from '../../util/clock.ts';
import { bundleAnnotation, bundleVersion, definitions, ownerAnnotation } from './definitions.ts';
import { controllerName, gatewayClasses, group } from './kinds.ts';

const retryMs = 100;
/** A new cluster has better to do in its first second: six schemas take a third of one to compile. */
const settleMs = 1000;

/** Makes the kinds known that are not there and newer those of an older release; resolves when all can be used. */
export async function installKinds(client: Client, clock: Clock, signal: AbortSignal): Promise<void> {
  const api = client.of(resources.customResourceDefinitions);
  const { items } = await api.list();
  const present = new Map(items.map((item) => [item.metadata!.name!, item]));
  if (definitions.some(({ metadata }) => !present.has(metadata!.name!))) await clock.sleep(settleMs, signal);
  for (const definition of definitions) {
    if (signal.aborted) return;
    const old = present.get(definition.metadata!.name!);
    if (!old) await created(api.create(definition));
    else if (isOurOlder(old.metadata!.annotations)) await api.update({ ...definition, metadata: { ...old.metadata!, annotations: { ...old.metadata!.annotations, ...definition.metadata!.annotations } } });
  }
  const names = new Set(definitions.map(({ metadata }) => metadata!.name!));
  for (;;) {
    const now = (await api.list()).items.filter(({ metadata }) => names.has(metadata!.name!));
    if (now.every(({ status }) => status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True'))) break;
    await clock.sleep(retryMs, signal);
  }
  await created(
    client.of(gatewayClasses).create({
      apiVersion: `${group}/v1`,
      kind: 'GatewayClass',
      metadata: { name: 'skiff' },
      spec: { controllerName },
    }),
  );
}

/** Whether a definition is as an earlier release of ours wrote it: what a user installs over it bears another version. */
function isOurOlder(annotations: Record<string, string> | undefined): boolean {
  const ours = annotations?.[ownerAnnotation];
  return ours !== undefined && ours !== bundleVersion && annotations?.[bundleAnnotation] === ours;
}

async function created(answer: Promise<unknown>): Promise<void> {
  try {
    await answer;
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}
