import { watch, type FSWatcher } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

/** Where the manifests of a node's static pods lie. */
export interface ManifestFolder {
  /** The text of each file, by its path. */
  read(): Promise<Map<string, string>>;
  /** Calls back when something in it may have changed; not every system says so. */
  watch(onChange: () => void): () => void;
}

export function manifestFolder(directory: string): ManifestFolder {
  return {
    async read() {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const entries = await readdir(directory, { withFileTypes: true });
      // As upstream: what is hidden, or no file, is none.
      const files = entries.filter((entry) => !entry.name.startsWith('.') && (entry.isFile() || entry.isSymbolicLink())).map(({ name }) => path.join(directory, name));
      return new Map(await Promise.all(files.sort().map(async (file) => [file, await readFile(file, 'utf8')] as const)));
    },
    watch(onChange) {
      let watcher: FSWatcher | undefined;
      try {
        watcher = watch(directory, { persistent: false }, () => onChange());
        watcher.on('error', () => watcher?.close());
      } catch {
        // It is looked at from time to time anyway.
      }
      return () => watcher?.close();
    },
  };
}
