import { mkdir, open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { Low, type Adapter } from 'lowdb';

type Values = Record<string, unknown>;

/** JSON beside, fsync, rename: a crash leaves the old settings or the new ones. Unreadable settings count as none. */
class AtomicJsonFile implements Adapter<Values> {
  constructor(private readonly file: string) {}

  async read(): Promise<Values | null> {
    try {
      const values: unknown = JSON.parse(await readFile(this.file, 'utf8'));
      return values !== null && typeof values === 'object' && !Array.isArray(values) ? (values as Values) : null;
    } catch {
      return null;
    }
  }

  async write(values: Values): Promise<void> {
    await mkdir(path.dirname(this.file), { recursive: true, mode: 0o700 });
    const beside = `${this.file}.new`;
    const handle = await open(beside, 'w', 0o600);
    try {
      await handle.writeFile(JSON.stringify(values, null, 2));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, this.file);
  }
}

const maxBytes = 256 * 1024;

/** The window's small values, by name: theme, language, columns. */
export class Settings {
  readonly #db: Low<Values>;
  #ready: Promise<void> | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(file: string) {
    this.#db = new Low(new AtomicJsonFile(file), {});
  }

  async all(): Promise<Values> {
    await (this.#ready ??= this.#db.read());
    return this.#db.data;
  }

  /** Rejects names and values that no window of ours sends. `undefined` and null remove the value. */
  async set(name: string, value: unknown): Promise<void> {
    if (!/^[\w.:/-]{1,200}$/.test(name) || name === '__proto__') throw new Error('not a name of a setting');
    const values = await this.all();
    const next = { ...values };
    if (value === undefined || value === null) delete next[name];
    else next[name] = value;
    if (JSON.stringify(next).length > maxBytes) throw new Error('the settings are too large');
    this.#db.data = next;
    this.#writing = this.#writing.then(() => this.#db.write());
    await this.#writing;
  }
}
