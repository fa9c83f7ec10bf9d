import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';

/**
 * Makes a folder and those above it that are missing, with `mode`; one that is there already is left as it is. Rejects with
 * the system's error. Node's own recursive mkdir never ends where the system says of a folder that its parent, which is
 * there, is not (/proc).
 */
export async function makeFolders(folder: string, mode: number): Promise<void> {
  const missing: string[] = [];
  for (let at = path.resolve(folder); !(await isFolder(at)) && at !== path.dirname(at); at = path.dirname(at)) missing.unshift(at);
  for (const at of missing) {
    await mkdir(at, { mode }).catch(async (error: unknown) => {
      // Somebody else may have made it meanwhile.
      if (!(await isFolder(at))) throw error;
    });
  }
}

const isFolder = (at: string): Promise<boolean> =>
  stat(at).then(
    (found) => found.isDirectory(),
    () => false,
  );
