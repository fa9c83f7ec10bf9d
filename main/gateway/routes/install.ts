import { created, installCustomKinds, type Client } from '../../client/index.ts';
import type { Clock } from '../../util/clock.ts';
import { bundleAnnotation, bundleVersion, definitions, ownerAnnotation } from './definitions.ts';
import { controllerName, gatewayClasses, group } from './kinds.ts';

/** A new cluster has better to do in its first second: seven schemas take a third of one to compile. */
const settleMs = 1000;

/** Makes the kinds known that are not there and newer those of an older release, and the class that is served here. */
export async function installKinds(client: Client, clock: Clock, signal: AbortSignal): Promise<void> {
  await installCustomKinds({ client, clock, signal, definitions, isOurOlder, settleMs });
  if (signal.aborted) return;
  await created(
    client.of(gatewayClasses).create({
      apiVersion: `${group}/v1`,
      kind: 'GatewayClass',
      metadata: { name: 'skiff' },
      spec: { controllerName },
    }),
  );
}

/** What a user installs over one of ours bears another version. */
function isOurOlder(annotations: Record<string, string>): boolean {
  const ours = annotations[ownerAnnotation];
  return ours !== undefined && ours !== bundleVersion && annotations[bundleAnnotation] === ours;
}
