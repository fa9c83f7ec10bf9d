import type { Pod, ProjectedVolumeSource } from '../../api/index.ts';
import { isNotFound } from '../../api/status.ts';
import type { VolumeFile } from '../../node/index.ts';
import type { PodFacts } from '../config/downward.ts';
import type { ObjectSource } from '../config/environment.ts';
import { allContainersOf } from '../spec.ts';
import { messageOf } from './errors.ts';
import { configMapFiles, defaultMode, downwardFiles, secretFiles } from './projection.ts';
import type { TokenManager } from './tokens.ts';

export interface ProjectionSources {
  objects: ObjectSource;
  tokens: TokenManager;
}

/** What all sources of a projected volume come to; of the same path the last one counts. Mirrors pkg/volume/projected/projected.go (collectData). */
export async function projectedFiles(pod: Pod, projected: ProjectedVolumeSource, facts: PodFacts, sources: ProjectionSources): Promise<VolumeFile[]> {
  const files = new Map<string, VolumeFile>();
  const failures: string[] = [];
  for (const source of projected.sources ?? []) {
    try {
      for (const file of await filesOf(pod, source, projected.defaultMode ?? defaultMode, facts, sources)) files.set(file.path, file);
    } catch (error) {
      failures.push(messageOf(error));
    }
  }
  // As k8s.io/apimachinery's aggregate says it.
  if (failures.length > 0) throw new Error(failures.length === 1 ? failures[0] : `[${[...new Set(failures)].join(', ')}]`);
  return [...files.values()];
}

type Projection = NonNullable<ProjectedVolumeSource['sources']>[number];

async function filesOf(pod: Pod, source: Projection, mode: number, facts: PodFacts, { objects, tokens }: ProjectionSources): Promise<VolumeFile[]> {
  const namespace = pod.metadata!.namespace!;
  const { configMap, secret, downwardAPI, serviceAccountToken } = source;
  if (configMap) {
    const { optional = false, items } = configMap;
    return ifThere(optional, async () => configMapFiles(await objects.configMap(namespace, configMap.name!), items, mode, optional));
  }
  if (secret) {
    const { optional = false, items } = secret;
    return ifThere(optional, async () => secretFiles(await objects.secret(namespace, secret.name!), items, mode, optional));
  }
  if (downwardAPI) return downwardFiles(downwardAPI.items, pod, facts, mode);
  if (serviceAccountToken) {
    const token = await tokens.token(pod, serviceAccountToken);
    const owner = ownerOf(pod);
    const owned = owner !== undefined || pod.spec?.securityContext?.fsGroup !== undefined;
    // Whoever owns a token, nobody else is to read it.
    return [
      {
        path: serviceAccountToken.path,
        data: Buffer.from(token).toString('base64'),
        mode: owned ? 0o600 : mode,
        ...(owner === undefined ? {} : { owner }),
      },
    ];
  }
  // Nothing is left of a source whose kind is off in the API server.
  return [];
}

/** The user of all containers, when they are all of one. Mirrors pkg/volume/util/util.go (FsUserFrom). */
export function ownerOf(pod: Pod): number | undefined {
  const users = allContainersOf(pod).map((container) => container.securityContext?.runAsUser ?? pod.spec?.securityContext?.runAsUser);
  return users.every((user) => user === users[0]) ? users[0] : undefined;
}

export async function ifThere(optional: boolean, read: () => Promise<VolumeFile[]>): Promise<VolumeFile[]> {
  try {
    return await read();
  } catch (error) {
    if (optional && isNotFound(error)) return [];
    throw error;
  }
}
