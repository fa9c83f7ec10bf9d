import type { Pod } from '../../../main/api/index.ts';
import { causesOf, client, core, isNotFound, objectPath, StatusError } from '../../client/index.ts';

const mirrorAnnotation = 'kubernetes.io/config.mirror';

/** Whether it shows a static pod, which its node runs whatever the API says. */
export const isMirror = (pod: Pod): boolean => pod.metadata?.annotations?.[mirrorAnnotation] !== undefined;

/** Resolves to the server's words where a disruption budget does not let the pod go now; throws its error where anything else does not. */
export async function evict(pod: Pod): Promise<string | undefined> {
  const { name = '', namespace = '', uid } = pod.metadata ?? {};
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace }, deleteOptions: { preconditions: { uid } } };
  try {
    await client().api.create(objectPath(core.pods, pod, 'eviction'), eviction);
    return undefined;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    if (error instanceof StatusError && error.code === 429) return [error.message, ...causesOf(error).map(({ message }) => message)].filter(Boolean).join(' ');
    throw error;
  }
}
