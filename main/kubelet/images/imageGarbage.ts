import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Runtime } from '../../runtime/index.ts';
import type { Clock } from '../../util/clock.ts';
import type { Logger } from '../../util/log.ts';
import { messageOf } from '../volumes/errors.ts';

/** How long an image must not have been wanted before it goes (upstream: --minimum-image-ttl-duration). Milliseconds. */
const leastAgeMs = 120_000;

/** Where a kubelet remembers over its restarts which images it has pulled. */
export interface ImageRecord {
  read(): Promise<string[]>;
  write(ids: string[]): Promise<void>;
}

export function imageRecord(directory: string): ImageRecord {
  const file = path.join(directory, 'images.json');
  return {
    async read() {
      try {
        const ids = JSON.parse(await readFile(file, 'utf8')) as unknown;
        return Array.isArray(ids) ? ids.filter((id) => typeof id === 'string') : [];
      } catch {
        return [];
      }
    },
    write: (ids) => writeRecord(file, ids),
  };
}

/** What was there before stays until all of the new is written. */
export async function writeRecord(file: string, content: unknown): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(`${file}.new`, JSON.stringify(content), { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/**
 * Removes images that nobody uses when the disk gets full, but only those that this kubelet has pulled itself: all others
 * are the user's. What a container uses the engine keeps. Mirrors pkg/kubelet/images/image_gc_manager.go.
 */
export class ImageGarbage {
  /** Own images, with when they were wanted last: milliseconds of the monotonic clock. */
  readonly #own = new Map<string, number>();
  #loaded: Promise<void> | undefined;

  constructor(
    private readonly runtime: Runtime,
    private readonly clock: Clock,
    private readonly log: Logger,
    private readonly record: ImageRecord | undefined,
  ) {}

  /** The image was not here before it was pulled. */
  async pulled(id: string): Promise<void> {
    await this.#load();
    const known = this.#own.has(id);
    this.#own.set(id, this.clock.monotonic());
    if (!known) await this.#save();
  }

  /** A container wants the image. */
  used(id: string): void {
    if (this.#own.has(id)) this.#own.set(id, this.clock.monotonic());
  }

  /** Returns whether anything was removed. */
  async collect(): Promise<boolean> {
    await this.#load();
    let removed = false;
    for (const [id, at] of [...this.#own].sort(([, a], [, b]) => a - b)) {
      if (this.clock.monotonic() - at < leastAgeMs) continue;
      try {
        await this.runtime.removeImage(id);
        this.#own.delete(id);
        removed = true;
        this.log.info('removed an image that nobody uses, to make room', { image: id });
      } catch {
        // It is in use, or has another name by now.
      }
    }
    if (removed) await this.#save();
    return removed;
  }

  #load(): Promise<void> {
    this.#loaded ??= (async () => {
      for (const id of (await this.record?.read()) ?? []) if (!this.#own.has(id)) this.#own.set(id, this.clock.monotonic());
    })();
    return this.#loaded;
  }

  async #save(): Promise<void> {
    await this.record?.write([...this.#own.keys()]).catch((error: unknown) => this.log.warn('which images were pulled could not be noted', { error: messageOf(error) }));
  }
}
