import type { Pod, Secret } from '../../api/index.ts';
import type { RegistryAuth } from '../../runtime/index.ts';
import type { ObjectSource } from '../config/environment.ts';
import { covers, defaultRegistry, defaultRegistryKey, keyOf, placeOf, repositoryOf, type Place } from './registryPlaces.ts';

interface AuthEntry {
  username?: string;
  password?: string;
  auth?: string;
  identitytoken?: string;
}

/** What a registry is told, and where it stands. */
export interface PullCredential {
  auth: RegistryAuth;
  /** The Secret, by uid, namespace and name. */
  secret: string;
}

interface Entry {
  place: Place;
  credential: PullCredential;
}

/** The pod's pull secrets that fit the image, the most specific first; secrets that are missing are passed over, as upstream does. */
export async function credentialsFor(pod: Pod, image: string, objects: ObjectSource): Promise<PullCredential[]> {
  const entries: Entry[] = [];
  for (const { name } of pod.spec?.imagePullSecrets ?? []) {
    if (!name) continue;
    const secret = await objects.secret(pod.metadata!.namespace!, name).catch(() => undefined);
    if (secret) entries.push(...entriesOf(secret));
  }
  const target = repositoryOf(image);
  const fitting = entries.filter(({ place }) => covers(place, target));
  // What is for the engine's default registry goes by another name than the images that are there.
  const found = fitting.length > 0 || target.host !== defaultRegistry ? fitting : entries.filter(({ place }) => place.host === defaultRegistryKey && place.path === '');
  // Backwards: what goes on after another comes before it.
  return found.sort((a, b) => (keyOf(a.place) < keyOf(b.place) ? 1 : keyOf(a.place) > keyOf(b.place) ? -1 : 0)).map(({ credential }) => credential);
}

function entriesOf(secret: Secret): Entry[] {
  const { uid, namespace, name } = secret.metadata ?? {};
  return Object.entries(authsOf(secret)).map(([key, entry]) => {
    const [username, ...rest] = entry.auth ? Buffer.from(entry.auth, 'base64').toString('utf8').split(':') : [entry.username];
    const password = entry.auth ? rest.join(':') : entry.password;
    const auth = {
      serverAddress: key,
      ...(username ? { username } : {}),
      ...(password ? { password } : {}),
      ...(entry.identitytoken ? { identityToken: entry.identitytoken } : {}),
    };
    return { place: placeOf(key), credential: { auth, secret: `${uid}/${namespace}/${name}` } };
  });
}

function authsOf({ type, data }: Secret): Record<string, AuthEntry> {
  const read = (key: string): unknown => {
    if (!data?.[key]) return undefined;
    try {
      return JSON.parse(Buffer.from(data[key], 'base64').toString('utf8')) as unknown;
    } catch {
      return undefined;
    }
  };
  if (type === 'kubernetes.io/dockerconfigjson') return (read('.dockerconfigjson') as { auths?: Record<string, AuthEntry> } | undefined)?.auths ?? {};
  if (type === 'kubernetes.io/dockercfg') return (read('.dockercfg') as Record<string, AuthEntry> | undefined) ?? {};
  return {};
}
