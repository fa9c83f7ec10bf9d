import type { ConfigMap, EnvVarSource, FileKeySelector, Pod, Secret } from '../../api/index.ts';
import { isNotFound } from '../../api/status.ts';
import type { AnyContainer } from '../spec.ts';
import { fieldValue, resourceValue, type PodFacts } from './downward.ts';
import { valueInEnvFile } from './envFile.ts';
import { expand } from './expansion.ts';

/** Where variables come from besides the spec. */
export interface ObjectSource {
  configMap(namespace: string, name: string): Promise<ConfigMap>;
  secret(namespace: string, name: string): Promise<Secret>;
}

/** A file of one of the pod's volumes; undefined: it is not there. Rejects for a volume that the kubelet cannot look into. */
export type VolumeReader = (volume: string, path: string) => Promise<string | undefined>;

/**
 * A container's variables: those of envFrom, over them env in its order, then the Services' where nothing else has the name.
 * Rejects with upstream's message when something is missing. Mirrors pkg/kubelet/kubelet_pods.go (makeEnvironmentVariables).
 */
export async function environmentOf(
  pod: Pod,
  container: AnyContainer,
  services: Map<string, string>,
  objects: ObjectSource,
  facts: PodFacts,
  readVolume: VolumeReader,
): Promise<Map<string, string>> {
  const namespace = pod.metadata!.namespace!;
  const cached = cache(objects, namespace);
  const env = new Map<string, string>();
  for (const { configMapRef, secretRef, prefix = '' } of container.envFrom ?? []) {
    if (configMapRef) {
      const data = await optional(configMapRef.optional, () => cached.configMap(configMapRef.name!));
      for (const [key, value] of Object.entries(data ?? {})) env.set(prefix + key, value);
    } else if (secretRef) {
      const data = await optional(secretRef.optional, () => cached.secret(secretRef.name!));
      for (const [key, value] of Object.entries(data ?? {})) env.set(prefix + key, value);
    }
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    const result = value
      ? expand(value, (key) => env.get(key) ?? services.get(key))
      : valueFrom
        ? await valueOf(valueFrom, pod, container, cached, facts, readVolume)
        : '';
    if (result !== undefined) env.set(name, result);
  }
  for (const [name, value] of services) if (!env.has(name)) env.set(name, value);
  return env;
}

interface Cached {
  configMap(name: string): Promise<Record<string, string>>;
  secret(name: string): Promise<Record<string, string>>;
}

/** undefined: it is optional and not there. */
async function valueOf(
  source: EnvVarSource,
  pod: Pod,
  container: AnyContainer,
  cached: Cached,
  facts: PodFacts,
  readVolume: VolumeReader,
): Promise<string | undefined> {
  if (source.fieldRef) return fieldValue(source.fieldRef, pod, facts);
  if (source.resourceFieldRef) return resourceValue(source.resourceFieldRef, pod, container, facts);
  if (source.fileKeyRef) return valueOfFile(source.fileKeyRef, readVolume);
  const { configMapKeyRef, secretKeyRef } = source;
  const ref = configMapKeyRef ?? secretKeyRef;
  if (!ref) return '';
  const [kind, read] = configMapKeyRef ? ['ConfigMap', cached.configMap] : ['Secret', cached.secret];
  const data = await optional(ref.optional, () => read(ref.name!));
  if (data === undefined) return undefined;
  const value = data[ref.key];
  if (value === undefined && !ref.optional)
    throw new Error(`couldn't find key ${ref.key} in ${kind} ${pod.metadata!.namespace}/${ref.name}`);
  return value;
}

async function valueOfFile({ volumeName, path, key, optional: isOptional }: FileKeySelector, readVolume: VolumeReader): Promise<string | undefined> {
  const text = await readVolume(volumeName, path);
  let value: string;
  try {
    if (text === undefined) throw new Error('there is no such file');
    value = valueInEnvFile(text, key);
  } catch {
    // What the file says may be secret.
    throw new Error("couldn't parse env file");
  }
  if (value !== '') return value;
  if (isOptional) return undefined;
  throw new Error(`environment variable key ${JSON.stringify(key)} not found in file ${JSON.stringify(path)}`);
}

async function optional<T>(isOptional: boolean | undefined, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (isOptional && isNotFound(error)) return undefined;
    throw error;
  }
}

/** Each object is read once for a container. */
function cache(objects: ObjectSource, namespace: string): Cached {
  const configMaps = new Map<string, Promise<Record<string, string>>>();
  const secrets = new Map<string, Promise<Record<string, string>>>();
  const once = (map: Map<string, Promise<Record<string, string>>>, name: string, read: () => Promise<Record<string, string>>) => {
    let found = map.get(name);
    if (!found) map.set(name, (found = read()));
    return found;
  };
  return {
    configMap: (name) => once(configMaps, name, async () => (await objects.configMap(namespace, name)).data ?? {}),
    secret: (name) =>
      once(secrets, name, async () => {
        const { data = {} } = await objects.secret(namespace, name);
        return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]));
      }),
  };
}
