import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../../util/clock.ts';
import type { Helpers } from './helpers.ts';

/** A helper costs more than a look: what it found holds so long. Milliseconds. */
const holdsMs = 60_000;

const script = 'for file in /log/"$1"*; do [ ! -f "$file" ] || stat -c %s "$file"; done';

/**
 * How much the logs of containers have on the disk, with what was turned over. The engine keeps them in files of its own:
 * where they are not to be read from here, a helper looks.
 */
export class LogUsage {
  /** By path: what helpers found, and when. */
  readonly #found = new Map<string, { bytes: number; at: number }>();

  constructor(
    private readonly helpers: Pick<Helpers, 'run'>,
    private readonly clock: Clock,
  ) {}

  /** Bytes; `log`: the file that the engine writes to now. */
  async bytes(log: string): Promise<number> {
    try {
      const names = (await readdir(path.dirname(log))).filter((name) => name.startsWith(path.basename(log)));
      return sum(await Promise.all(names.map(async (name) => (await stat(path.join(path.dirname(log), name))).size)));
    } catch {
      // The engine is elsewhere, or another user's.
      return this.#look(log);
    }
  }

  async #look(log: string): Promise<number> {
    const now = this.clock.monotonic();
    const known = this.#found.get(log);
    if (known && now - known.at < holdsMs) return known.bytes;
    for (const [other, { at }] of this.#found) if (now - at >= holdsMs) this.#found.delete(other);
    const { code, output } = await this.helpers.run([`${path.posix.dirname(log)}:/log:ro`], script, [path.posix.basename(log)]);
    const bytes = code === 0 ? sum(output.trim().split('\n').map(Number)) : 0;
    this.#found.set(log, { bytes, at: now });
    return bytes;
  }
}

const sum = (sizes: number[]) => sizes.reduce((total, size) => total + size, 0);
