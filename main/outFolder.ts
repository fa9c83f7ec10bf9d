import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder `out` that the build writes to: bundles lie somewhere below it, at which depth is the build's own affair. */
export const outFolder = above(path.dirname(fileURLToPath(import.meta.url)));

function above(folder: string): string {
  const isFound = path.basename(folder) === 'out' || folder === path.dirname(folder);
  return isFound ? folder : above(path.dirname(folder));
}
