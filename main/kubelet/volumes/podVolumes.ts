import type { PersistentVolume, Pod, ProjectedVolumeSource, Volume } from '../../api/index.ts';
import { parseQuantity } from '../../api/quantity.ts';
import { isNotFound } from '../../api/status.ts';
import type { Client } from '../../client/index.ts';
import { resources } from '../../client/index.ts';
import type { VolumeFile } from '../../node/index.ts';
import type { Mount, Runtime } from '../../runtime/index.ts';
import type { PodFacts } from '../config/downward.ts';
import type { ObjectSource } from '../config/environment.ts';
import { allContainersOf, uidOf } from '../spec.ts';
import { podDirectory, volumeDirectory, type NodeFiles } from './files.ts';
import { checkHostPath, type HostFiles } from './hostPath.ts';
import { configMapFiles, defaultMode, downwardFiles, secretFiles } from './projection.ts';
import type { TokenManager } from './tokens.ts';

/** A volume that is ready to be mounted. */
export interface ReadyVolume {
  source: Mount['source'];
  readOnly: boolean;
  /** Whether directories for sub-paths can be made in it by the kubelet. */
  ownsPath?: string;
}

export type ReadyVolumes = Map<string, ReadyVolume>;

/** A volume could not be made ready; the message is that of the FailedMount event. */
export class VolumeError extends Error {}

/** CSI drivers whose volumes are volumes of the container engine, by the engine's name for them. */
export const engineVolumeDriver = 'volumes.skiff.dev';

export interface PodVolumesOptions {
  client: Client;
  runtime: Runtime;
  objects: ObjectSource;
  tokens: TokenManager;
  hostFiles: HostFiles;
  nodeName: string;
  /** The files of the node; rejects while its agent cannot be reached. */
  files(): Promise<NodeFiles>;
}

/** Makes a pod's volumes ready, keeps their content up to date and takes them down. */
export class PodVolumes {
  constructor(private readonly options: PodVolumesOptions) {}

  /** Idempotent: run again it writes what has changed since. */
  async prepare(pod: Pod, facts: PodFacts): Promise<ReadyVolumes> {
    const ready: ReadyVolumes = new Map();
    await Promise.all(
      (pod.spec?.volumes ?? []).map(async (volume) => {
        try {
          ready.set(volume.name, await this.#prepare(pod, volume, facts));
        } catch (error) {
          throw new VolumeError(`MountVolume.SetUp failed for volume "${volume.name}" : ${messageOf(error)}`);
        }
      }),
    );
    return ready;
  }

  /** Whether anything in the pod's volumes can change while it runs. */
  static isLive(pod: Pod): boolean {
    return (pod.spec?.volumes ?? []).some(({ configMap, secret, downwardAPI, projected }) => configMap || secret || downwardAPI || projected);
  }

  /** The files of a pod whose containers have ended. */
  async removeFiles(pod: Pod): Promise<void> {
    const uid = uidOf(pod);
    this.options.tokens.forget(uid);
    await (await this.options.files()).remove(podDirectory(uid));
  }

  /** Volumes of memory hold nothing any more once the containers have ended, but go only after those have gone. */
  async removeMemory(pod: Pod): Promise<void> {
    for (const name of memoryVolumesOf(pod)) await this.options.runtime.removeVolume(memoryVolume(uidOf(pod), name));
  }

  async #prepare(pod: Pod, volume: Volume, facts: PodFacts): Promise<ReadyVolume> {
    const { configMap, secret, downwardAPI, projected } = volume;
    const { objects } = this.options;
    const namespace = pod.metadata!.namespace!;
    if (volume.emptyDir) return this.#emptyDir(pod, volume);
    if (volume.hostPath) return this.#hostPath(volume.hostPath);
    if (volume.image) return { source: { kind: 'image', image: volume.image.reference! }, readOnly: true };
    if (volume.persistentVolumeClaim) return this.#claim(pod, volume.persistentVolumeClaim.claimName, volume.persistentVolumeClaim.readOnly ?? false);
    if (volume.ephemeral) return this.#claim(pod, `${pod.metadata!.name}-${volume.name}`, false);
    if (configMap) {
      const files = await ifThere(configMap.optional, async () =>
        configMapFiles(await objects.configMap(namespace, configMap.name!), configMap.items, configMap.defaultMode ?? defaultMode, configMap.optional ?? false),
      );
      return this.#write(pod, 'configmap', volume.name, files);
    }
    if (secret) {
      const files = await ifThere(secret.optional, async () =>
        secretFiles(await objects.secret(namespace, secret.secretName!), secret.items, secret.defaultMode ?? defaultMode, secret.optional ?? false),
      );
      return this.#write(pod, 'secret', volume.name, files);
    }
    if (downwardAPI) return this.#write(pod, 'downward-api', volume.name, downwardFiles(downwardAPI.items, pod, facts, downwardAPI.defaultMode ?? defaultMode));
    if (projected) return this.#write(pod, 'projected', volume.name, await this.#projected(pod, projected, facts), ownerOf(pod));
    const kind = Object.keys(volume).find((key) => key !== 'name') ?? 'none';
    throw new Error(`volumes of type ${kind} are not supported on this node`);
  }

  async #emptyDir(pod: Pod, volume: Volume): Promise<ReadyVolume> {
    const uid = uidOf(pod);
    const { medium = '', sizeLimit } = volume.emptyDir!;
    if (medium === 'Memory') {
      const name = memoryVolume(uid, volume.name);
      const tmpfsBytes = sizeLimit ? parseQuantity(sizeLimit).value() : 0;
      await this.options.runtime.createVolume(name, { 'dev.skiff.pod.uid': uid }, { tmpfsBytes });
      return { source: { kind: 'tmpfs', name, ...(tmpfsBytes > 0 ? { sizeBytes: tmpfsBytes } : {}) }, readOnly: false };
    }
    const path = volumeDirectory(uid, 'empty-dir', volume.name);
    const group = pod.spec?.securityContext?.fsGroup;
    const files = await this.options.files();
    await files.makeDirectory(path, group === undefined ? { mode: 0o777, recursive: true } : { mode: 0o2777, group, recursive: true });
    return { source: { kind: 'node', node: this.options.nodeName, path }, readOnly: false, ownsPath: path };
  }

  async #hostPath(source: NonNullable<Volume['hostPath']>): Promise<ReadyVolume> {
    await checkHostPath(source, this.options.hostFiles);
    return { source: { kind: 'host', path: source.path }, readOnly: false };
  }

  async #projected(pod: Pod, projected: ProjectedVolumeSource, facts: PodFacts): Promise<VolumeFile[]> {
    const { objects, tokens } = this.options;
    const namespace = pod.metadata!.namespace!;
    const mode = projected.defaultMode ?? defaultMode;
    const owned = ownerOf(pod) !== undefined || pod.spec?.securityContext?.fsGroup !== undefined;
    const files = new Map<string, VolumeFile>();
    for (const { configMap, secret, downwardAPI, serviceAccountToken } of projected.sources ?? []) {
      let found: VolumeFile[] = [];
      if (configMap)
        found = await ifThere(configMap.optional, async () =>
          configMapFiles(await objects.configMap(namespace, configMap.name!), configMap.items, mode, configMap.optional ?? false),
        );
      else if (secret)
        found = await ifThere(secret.optional, async () =>
          secretFiles(await objects.secret(namespace, secret.name!), secret.items, mode, secret.optional ?? false),
        );
      else if (downwardAPI) found = downwardFiles(downwardAPI.items, pod, facts, mode);
      else if (serviceAccountToken) {
        const token = await tokens.token(pod, serviceAccountToken);
        // Whoever owns a token, nobody else is to read it.
        found = [{ path: serviceAccountToken.path, data: Buffer.from(token).toString('base64'), mode: owned ? 0o600 : mode }];
      }
      for (const file of found) files.set(file.path, file);
    }
    return [...files.values()];
  }

  async #write(pod: Pod, plugin: string, name: string, files: VolumeFile[], owner?: number): Promise<ReadyVolume> {
    const path = volumeDirectory(uidOf(pod), plugin, name);
    const group = pod.spec?.securityContext?.fsGroup;
    // The group of the pod's file system can read what the kubelet writes (pkg/volume/volume_linux.go, roMask).
    const content = group === undefined ? files : files.map((file) => ({ ...file, mode: file.mode | 0o440 }));
    const node = await this.options.files();
    await node.writeVolume(path, content, { ...(owner === undefined ? {} : { owner }), ...(group === undefined ? {} : { group }) });
    return { source: { kind: 'node', node: this.options.nodeName, path }, readOnly: true };
  }

  async #claim(pod: Pod, name: string, readOnly: boolean): Promise<ReadyVolume> {
    const { client } = this.options;
    const namespace = pod.metadata!.namespace!;
    const claim = await client.of(resources.persistentVolumeClaims).get(namespace, name);
    if (claim.status?.phase !== 'Bound' || !claim.spec?.volumeName) throw new Error(`persistentvolumeclaim "${name}" is not bound to a volume`);
    const volume = await client.of(resources.persistentVolumes).get('', claim.spec.volumeName);
    const ready = await this.#persistent(volume);
    return { ...ready, readOnly: readOnly || ready.readOnly };
  }

  async #persistent(volume: PersistentVolume): Promise<ReadyVolume> {
    const { hostPath, local, csi } = volume.spec!;
    if (hostPath) return this.#hostPath(hostPath);
    if (local) {
      await checkHostPath({ path: local.path, type: 'Directory' }, this.options.hostFiles);
      return { source: { kind: 'host', path: local.path }, readOnly: false };
    }
    if (csi?.driver === engineVolumeDriver) {
      await this.options.runtime.createVolume(csi.volumeHandle, csi.volumeAttributes ?? {});
      return { source: { kind: 'volume', name: csi.volumeHandle }, readOnly: csi.readOnly ?? false };
    }
    throw new Error(`the persistent volume "${volume.metadata!.name}" is of a type that is not supported on this node`);
  }
}

export function memoryVolume(podUid: string, name: string): string {
  return `skiff-pod-${podUid}-${name}`;
}

/** The names of the pod's volumes of memory. */
export function memoryVolumesOf(pod: Pod): string[] {
  return (pod.spec?.volumes ?? []).filter((volume) => volume.emptyDir?.medium === 'Memory').map((volume) => volume.name);
}

/** The user of all containers, when they are all of one. Mirrors pkg/volume/util/util.go (FsUserFrom). */
function ownerOf(pod: Pod): number | undefined {
  const users = allContainersOf(pod).map((container) => container.securityContext?.runAsUser ?? pod.spec?.securityContext?.runAsUser);
  return users.every((user) => user === users[0]) ? users[0] : undefined;
}

async function ifThere(optional: boolean | undefined, read: () => Promise<VolumeFile[]>): Promise<VolumeFile[]> {
  try {
    return await read();
  } catch (error) {
    if (optional && isNotFound(error)) return [];
    throw error;
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
