import { createHash } from 'node:crypto';
import type { Node, Pod } from '../api/index.ts';
import { cloneJson } from '../api/json.ts';
import { isNotFound } from '../api/status.ts';
import { parseYaml } from '../api/yaml.ts';
import { resources, type Client, type Informer } from '../client/index.ts';
import type { Clock, Timer } from '../util/clock.ts';
import type { Logger } from '../util/log.ts';
import type { ManifestFolder } from './manifestFolder.ts';
import { isMirror, mirrorAnnotation, podKey, sourceAnnotation, uidOf } from './spec.ts';
import { messageOf } from './volumes/errors.ts';

/** How often the folder is looked at whether or not the system says that it has changed (upstream: FileCheckFrequency). */
const checkMs = 20_000;
const hashAnnotation = 'kubernetes.io/config.hash';
const seenAnnotation = 'kubernetes.io/config.seen';

export interface StaticPodsOptions {
  nodeName: string;
  client: Client;
  clock: Clock;
  log: Logger;
  folder: ManifestFolder;
  pods: Informer<Pod>;
  /** The pods that the API has on this node. */
  onNode(): Pod[];
  node(): Node | undefined;
  /** A pod is to run. */
  onPod(pod: Pod): void;
  /** Its manifest is gone: it is to end. */
  onRemoved(uid: string): void;
  /** The API has a mirror pod for it, to which its status belongs. */
  onMirror(uid: string): void;
}

/**
 * Pods from a folder of the node instead of the API, which shows a mirror of each: deleting that does not end the pod.
 * Mirrors pkg/kubelet/config/file.go, common.go and pkg/kubelet/pod/mirror_client.go.
 */
export class StaticPods {
  /** Those that run, by uid. */
  readonly #pods = new Map<string, Pod>();
  /** Those whose manifest is gone and that have not ended yet. */
  readonly #ending = new Map<string, Pod>();
  /** The uid of a static pod by that of its mirror. */
  readonly #mirrored = new Map<string, string>();
  readonly #complaints = new Map<string, string>();
  #timer: Timer | undefined;
  #unwatch: (() => void) | undefined;
  #work: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(private readonly options: StaticPodsOptions) {}

  /** Resolves when the folder has been read once. */
  async start(): Promise<void> {
    await this.#check();
    this.#unwatch = this.options.folder.watch(() => void this.#check());
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#unwatch?.();
  }

  /** The static pod that the API's mirror stands for. */
  uidOfMirror(uid: string): string | undefined {
    return this.#mirrored.get(uid);
  }

  /** A mirror pod of this node came, changed or went. */
  mirrorChanged(pod: Pod, there: boolean): void {
    const uid = pod.metadata!.annotations![mirrorAnnotation]!;
    if (there && this.#pods.has(uid)) {
      const known = this.#mirrored.get(uidOf(pod)) === uid;
      this.#mirrored.set(uidOf(pod), uid);
      if (!known) this.options.onMirror(uid);
    }
    if (!there) this.#mirrored.delete(uidOf(pod));
    if (!there || pod.metadata!.deletionTimestamp || !this.#pods.has(uid)) this.#enqueue(() => this.#syncMirrors());
  }

  /** Nothing is left of the pod. */
  ended(uid: string): void {
    if (this.#ending.delete(uid)) void this.#check();
  }

  #check(): Promise<void> {
    this.#timer?.cancel();
    return this.#enqueue(async () => {
      await this.#list();
      await this.#syncMirrors();
    }).finally(() => {
      if (!this.#stopped) this.#timer = this.options.clock.setTimer(checkMs, () => void this.#check());
    });
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(work).catch((error: unknown) => this.options.log.warn('static pods could not be looked after, will try again', { error: messageOf(error) }));
    return this.#work;
  }

  async #list(): Promise<void> {
    const wanted = new Map<string, { file: string; pod: Pod }>();
    for (const [file, text] of await this.options.folder.read()) {
      try {
        const pod = this.#parse(text, file);
        wanted.set(uidOf(pod), { file, pod });
        this.#complaints.delete(file);
      } catch (error) {
        this.#complain(file, error);
      }
    }
    for (const [uid, pod] of this.#pods) {
      if (wanted.has(uid)) continue;
      this.#pods.delete(uid);
      this.#ending.set(uid, pod);
      this.options.onRemoved(uid);
    }
    for (const [uid, { file, pod }] of wanted) {
      if (this.#pods.has(uid)) continue;
      // One after the other: the successor of a name begins when the last one has ended.
      const others = [...this.#pods.values(), ...this.#ending.values()];
      if (others.some((other) => podKey(other) === podKey(pod))) continue;
      try {
        const full = await this.#withDefaults(pod);
        if (this.#stopped) return;
        this.#pods.set(uid, full);
        this.options.onPod(full);
      } catch (error) {
        this.#complain(file, error);
      }
    }
  }

  #complain(file: string, error: unknown): void {
    const message = messageOf(error);
    if (this.#complaints.get(file) !== message) this.options.log.warn('a manifest of a static pod cannot be used', { file, error: message });
    this.#complaints.set(file, message);
  }

  #parse(text: string, file: string): Pod {
    const pod = cloneJson(parseYaml(text)) as unknown as Pod;
    if (pod?.kind !== 'Pod' || pod.apiVersion !== 'v1') throw new Error('it holds no Pod of v1');
    if (!pod.metadata?.name || !pod.spec) throw new Error('it has no name or no spec');
    const { nodeName } = this.options;
    const uid = pod.metadata.uid || createHash('sha256').update(`${text}\nhost:${nodeName}\nfile:${file}`).digest('hex').slice(0, 32);
    pod.metadata = {
      ...pod.metadata,
      name: `${pod.metadata.name}-${nodeName.toLowerCase()}`,
      namespace: pod.metadata.namespace || 'default',
      uid,
      annotations: { ...pod.metadata.annotations, [hashAnnotation]: uid, [sourceAnnotation]: 'file', [seenAnnotation]: new Date(this.options.clock.now()).toISOString() },
    };
    pod.spec.nodeName = nodeName;
    // Trouble of its node does not drive it away.
    pod.spec.tolerations = [...(pod.spec.tolerations ?? []), { operator: 'Exists', effect: 'NoExecute' }];
    pod.status = { phase: 'Pending' };
    return pod;
  }

  /** As the API would store it: an API server judges it and fills in what is not said, without keeping it. */
  async #withDefaults(pod: Pod): Promise<Pod> {
    const { uid: _, name, ...metadata } = this.#mirrorOf(pod).metadata!;
    const { spec } = await this.options.client.of(resources.pods).create({ ...this.#mirrorOf(pod), metadata: { ...metadata, generateName: `${name}-` } }, { dryRun: true });
    return { ...pod, spec: cloneJson(spec!), metadata: { ...pod.metadata, creationTimestamp: pod.metadata!.annotations![seenAnnotation]! } };
  }

  #mirrorOf(pod: Pod): Pod {
    const { uid, name, namespace, labels, annotations } = pod.metadata!;
    const node = this.options.node();
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        namespace,
        ...(labels ? { labels } : {}),
        annotations: { ...annotations, [mirrorAnnotation]: uid! },
        ...(node ? { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: node.metadata!.name!, uid: node.metadata!.uid!, controller: true }] } : {}),
      },
      spec: pod.spec!,
    };
  }

  async #syncMirrors(): Promise<void> {
    const { client, pods, onNode } = this.options;
    const collection = client.of(resources.pods);
    const remove = async (mirror: Pod) => {
      const { namespace, name, uid } = mirror.metadata!;
      await collection.delete(namespace!, name!, { gracePeriodSeconds: 0, preconditions: { uid: uid! } }).catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
    };
    for (const mirror of onNode().filter(isMirror)) {
      const uid = mirror.metadata!.annotations![mirrorAnnotation]!;
      if (!this.#pods.has(uid) && !this.#ending.has(uid)) await remove(mirror);
    }
    for (const [uid, pod] of this.#pods) {
      const mirror = pods.get(podKey(pod));
      if (mirror && isMirror(mirror)) {
        if (mirror.metadata!.deletionTimestamp || mirror.metadata!.annotations![mirrorAnnotation] !== uid) await remove(mirror);
        else continue;
      } else if (mirror) {
        this.#complain(podKey(pod), new Error('the API has another pod of this name'));
        continue;
      }
      if (this.#stopped) return;
      const made = await collection.create(this.#mirrorOf(pod));
      this.#mirrored.set(uidOf(made), uid);
      this.options.onMirror(uid);
    }
  }
}
