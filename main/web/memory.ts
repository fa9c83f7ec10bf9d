import { open, readFile, rename } from 'node:fs/promises';

/** Hashes, never the secrets themselves. */
export interface Remembered {
  port?: number;
  sessions: string[];
}

/**
 * What the web shell of a cluster keeps from start to start: its port, and which browsers it has let in. A window that
 * is open when Skiff ends finds the next one there by itself.
 */
export class WebMemory {
  constructor(private readonly file: string) {}

  /** Nothing, where there is no such file or it cannot be read: browsers need a new link then. */
  async load(): Promise<Remembered> {
    try {
      const { port, sessions } = JSON.parse(await readFile(this.file, 'utf8')) as Partial<Remembered>;
      return {
        ...(Number.isInteger(port) && port! > 0 && port! < 65536 ? { port: port! } : {}),
        sessions: Array.isArray(sessions) ? sessions.filter((hash) => /^[0-9a-f]{64}$/.test(hash)) : [],
      };
    } catch {
      return { sessions: [] };
    }
  }

  async save(remembered: Remembered): Promise<void> {
    const beside = `${this.file}.new`;
    const handle = await open(beside, 'w', 0o600);
    try {
      await handle.writeFile(JSON.stringify(remembered));
    } finally {
      await handle.close();
    }
    await rename(beside, this.file);
  }
}
