import type { Pod } from '../../api/index.ts';
import type { Image, PullProgress, RegistryAuth, Runtime } from '../../runtime/index.ts';
import { RuntimeError } from '../../runtime/index.ts';
import { Backoff } from '../../util/backoff.ts';
import type { Clock } from '../../util/clock.ts';
import type { ObjectSource } from '../config/environment.ts';
import { uidOf, type AnyContainer } from '../spec.ts';
import { StartError } from '../startError.ts';
import { messageOf } from '../volumes/errors.ts';
import type { ImageGarbage } from './imageGarbage.ts';
import { credentialsFor, type PullCredential } from './credentials.ts';
import type { PullAccess } from './pullAccess.ts';
import { pullPolicyOf, withDefaultTag } from '../../api/imageReference.ts';

/** Tells the user about a container's image. */
export type ImageEvent = (type: 'Normal' | 'Warning', reason: string, message: string) => void;

export interface ImageManagerOptions {
  runtime: Runtime;
  clock: Clock;
  objects: ObjectSource;
  /** Knows which images the kubelet has brought here. */
  garbage?: ImageGarbage;
  /** Knows who may use what is there. */
  access?: PullAccess;
}

/** What a pod waits for. */
export interface ImagePull extends PullProgress {
  /** As the pod names it. */
  image: string;
}

/** How long the failure itself is shown before the waiting for the next try is. */
const shownMs = 1000;
const pullBackoff = { initial: 10_000, max: 300_000, factor: 2, resetAfter: 600_000 };

/** Sees to it that images are there before their containers. Mirrors pkg/kubelet/images/image_manager.go. */
export class ImageManager {
  readonly #backoff: Backoff;
  readonly #failures = new Map<string, { message: string; at: number }>();
  /** By image id: how the API names what runs. */
  readonly #names = new Map<string, string>();
  /** Pulls under way: who wants the same image with the same credentials waits for the same pull. */
  readonly #pulls = new Map<string, Promise<string>>();
  /** How pulls under way go on, by image. */
  readonly #progress = new Map<string, PullProgress>();
  /** By pod: the images that it waits for, and what it calls them. */
  readonly #waiting = new Map<string, Map<string, string>>();

  constructor(private readonly options: ImageManagerOptions) {
    this.#backoff = new Backoff(pullBackoff, options.clock);
  }

  /** The digest of an image, or its id where it has none: what a container's status has as imageID. */
  async nameOf(imageId: string): Promise<string> {
    const known = this.#names.get(imageId);
    if (known !== undefined) return known;
    const image = await this.options.runtime.imageStatus(imageId).catch(() => undefined);
    return image ? this.#remember(image) : imageId;
  }

  /** The pulls that a pod waits for, as far as they have come. */
  pulls(podUid: string): ImagePull[] {
    return [...(this.#waiting.get(podUid) ?? [])].map(([image, requested]) => ({ image: requested, ...(this.#progress.get(image) ?? { current: 0, total: 0, status: '' }) }));
  }

  #remember({ id, digests }: Image): string {
    const name = digests[0] ?? id;
    this.#names.set(id, name);
    return name;
  }

  /** Rejects with a StartError. */
  async ensure(pod: Pod, container: Pick<AnyContainer, 'image' | 'imagePullPolicy'>, tell: ImageEvent): Promise<Image> {
    const { runtime } = this.options;
    const requested = container.image ?? '';
    let image: string;
    try {
      image = withDefaultTag(requested);
    } catch (error) {
      const message = `Failed to apply default image tag "${requested}": ${messageOf(error)}`;
      tell('Warning', 'InspectFailed', message);
      throw new StartError('InvalidImageName', message);
    }
    const policy = pullPolicyOf(requested, container.imagePullPolicy);
    if (policy !== 'Always') {
      const present = await this.#present(image, requested, tell);
      if (present && (await this.#allows(pod, image, present))) {
        this.#remember(present);
        this.options.garbage?.used(present.id);
        tell('Normal', 'Pulled', `Container image "${requested}" already present on machine and can be accessed by the pod`);
        return present;
      }
      if (policy === 'Never') {
        const message = `Container image "${requested}" is not present with pull policy of Never`;
        tell('Warning', 'ErrImageNeverPull', message);
        throw new StartError('ErrImageNeverPull', message);
      }
    }
    const started = this.options.clock.monotonic();
    const before = policy === 'Always' && this.options.garbage ? await runtime.imageStatus(image).catch(() => undefined) : undefined;
    const credential = await this.#pull(pod, image, requested, tell);
    const pulled = await runtime.imageStatus(image);
    if (!pulled) throw new StartError('ErrImagePull', `the image "${image}" was pulled but is not there`);
    this.#remember(pulled);
    // Whoever has pulled it may use it, whether that can be noted or not.
    await this.options.access?.pulled(image, pulled.id, credential).catch(() => {});
    if (before?.id !== pulled.id) await this.options.garbage?.pulled(pulled.id);
    else this.options.garbage?.used(pulled.id);
    tell('Normal', 'Pulled', this.#pulledMessage(requested, pulled, started));
    return pulled;
  }

  async #allows(pod: Pod, image: string, { id }: Image): Promise<boolean> {
    return (await this.options.access?.allows(image, id, () => credentialsFor(pod, image, this.options.objects))) ?? true;
  }

  async #present(image: string, requested: string, tell: ImageEvent): Promise<Image | undefined> {
    try {
      return await this.options.runtime.imageStatus(image);
    } catch (error) {
      const message = `Failed to inspect image "${requested}": ${messageOf(error)}`;
      tell('Warning', 'InspectFailed', message);
      throw new StartError('ImageInspectError', message);
    }
  }

  async #pull(pod: Pod, image: string, requested: string, tell: ImageEvent): Promise<PullCredential | undefined> {
    const key = `${uidOf(pod)}_${image}`;
    const remaining = this.#backoff.remaining(key);
    if (remaining > 0) {
      const before = this.#failures.get(key);
      const shown = before ? this.options.clock.monotonic() - before.at : shownMs;
      if (before && shown < shownMs) throw new StartError('ErrImagePull', before.message, shownMs - shown, true);
      const message = `Back-off pulling image "${requested}"`;
      tell('Normal', 'BackOff', message);
      throw new StartError('ImagePullBackOff', before ? `${message}: ErrImagePull: ${before.message}` : message, remaining);
    }
    this.#failures.delete(key);
    tell('Normal', 'Pulling', `Pulling image "${requested}"`);
    const waited = this.#waiting.get(uidOf(pod)) ?? new Map<string, string>();
    this.#waiting.set(uidOf(pod), waited.set(image, requested));
    try {
      const credential = await this.#pullWithAny(image, await credentialsFor(pod, image, this.options.objects));
      this.#backoff.reset(key);
      return credential;
    } catch (error) {
      const message = messageOf(error);
      tell('Warning', 'Failed', `Failed to pull image "${requested}": ${message}`);
      const wait = this.#backoff.next(key);
      this.#failures.set(key, { message, at: this.options.clock.monotonic() });
      throw new StartError('ErrImagePull', message, error instanceof RuntimeError && error.code === 'unavailable' ? undefined : Math.min(wait, shownMs));
    } finally {
      waited.delete(image);
      if (waited.size === 0) this.#waiting.delete(uidOf(pod));
    }
  }

  /** The credentials one after the other, without any where there are none; resolves with those that did. */
  async #pullWithAny(image: string, credentials: PullCredential[]): Promise<PullCredential | undefined> {
    let last: unknown;
    for (const credential of credentials.length > 0 ? credentials : [undefined]) {
      try {
        await this.#pullOnce(image, credential?.auth);
        return credential;
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }

  #pullOnce(image: string, auth: RegistryAuth | undefined): Promise<string> {
    const key = `${image}|${auth ? JSON.stringify(auth) : ''}`;
    let pull = this.#pulls.get(key);
    if (!pull) {
      pull = this.options.runtime
        .pullImage(image, auth, (progress) => void this.#progress.set(image, progress))
        .finally(() => {
          this.#pulls.delete(key);
          this.#progress.delete(image);
        });
      this.#pulls.set(key, pull);
    }
    return pull;
  }

  #pulledMessage(requested: string, image: Image, started: number): string {
    const took = `${Math.max(0, (this.options.clock.monotonic() - started) / 1000).toFixed(3).replace(/\.?0+$/, '')}s`;
    return `Successfully pulled image "${requested}" in ${took} (${took} including waiting). Image size: ${image.sizeBytes} bytes.`;
  }
}
