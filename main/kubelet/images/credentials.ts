import type { Pod, Secret } from '../../api/index.ts';
import type { RegistryAuth } from '../../runtime/index.ts';
import type { ObjectSource } from '../config/environment.ts';
import { registryOf } from '../../api/imageReference.ts';

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

/** The pod's pull secrets that fit the image's registry, best first; secrets that are missing are passed over, as upstream does. */
export async function credentialsFor(pod: Pod, image: string, objects: ObjectSource): Promise<PullCredential[]> {
  const found: { key: string; credential: PullCredential }[] = [];
  for (const { name } of pod.spec?.imagePullSecrets ?? []) {
    if (!name) continue;
    const secret = await objects.secret(pod.metadata!.namespace!, name).catch(() => undefined);
    if (secret) found.push(...matching(secret, image));
  }
  // The longest key is the most specific.
  return found.sort((a, b) => b.key.length - a.key.length).map(({ credential }) => credential);
}

function matching(secret: Secret, image: string): { key: string; credential: PullCredential }[] {
  const { uid, namespace, name } = secret.metadata ?? {};
  const result: { key: string; credential: PullCredential }[] = [];
  for (const [key, entry] of Object.entries(entriesOf(secret))) {
    const place = key.replace(/^https?:\/\//, '').replace(/\/v[12]\/?$/, '').replace(/\/$/, '');
    const registry = registryOf(image);
    const full = registry === 'index.docker.io' ? `index.docker.io/${image}` : image;
    const host = place.split('/')[0]!;
    const fits = host === 'docker.io' || host === 'registry-1.docker.io' ? registry === 'index.docker.io' : full === place || full.startsWith(`${place}/`) || registry === host;
    if (!fits || (place.includes('/') && !full.startsWith(place))) continue;
    const [username, ...rest] = entry.auth ? Buffer.from(entry.auth, 'base64').toString('utf8').split(':') : [entry.username];
    const password = entry.auth ? rest.join(':') : entry.password;
    const auth = {
      serverAddress: key,
      ...(username ? { username } : {}),
      ...(password ? { password } : {}),
      ...(entry.identitytoken ? { identityToken: entry.identitytoken } : {}),
    };
    result.push({ key: place, credential: { auth, secret: `${uid}/${namespace}/${name}` } });
  }
  return result;
}

function entriesOf(secret: Secret): Record<string, AuthEntry> {
  const read = (key: string): unknown => {
    const data = secret.data?.[key];
    if (!data) return undefined;
    try {
      return JSON.parse(Buffer.from(data, 'base64').toString('utf8')) as unknown;
    } catch {
      return undefined;
    }
  };
  const config = read('.dockerconfigjson') as { auths?: Record<string, AuthEntry> } | undefined;
  return config?.auths ?? (read('.dockercfg') as Record<string, AuthEntry> | undefined) ?? {};
}
