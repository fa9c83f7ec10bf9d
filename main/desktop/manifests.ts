import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';

const isManifest = (name: string) => /\.(ya?ml|json)$/i.test(name);
const maxFiles = 500;
const maxBytes = 8 * 2 ** 20;

/** The manifests among files and folders, by name. What cannot be read is left out; limits keep a dropped home folder from being read whole. */
export async function readManifests(paths: string[]): Promise<{ name: string; text: string }[]> {
  const found: { name: string; text: string }[] = [];
  async function visit(file: string, name: string): Promise<void> {
    if (found.length >= maxFiles) return;
    try {
      const info = await stat(file);
      if (info.isDirectory()) {
        for (const entry of (await readdir(file)).sort()) if (!entry.startsWith('.')) await visit(path.join(file, entry), `${name}/${entry}`);
      } else if (info.isFile() && isManifest(file) && info.size <= maxBytes) {
        found.push({ name, text: await readFile(file, 'utf8') });
      }
    } catch {
      // Gone or not ours to read.
    }
  }
  for (const file of paths) await visit(path.resolve(file), path.basename(file));
  return found;
}

/** The manifest paths in the arguments that a second start was given. */
export function manifestArguments(argv: string[]): string[] {
  return argv.slice(1).filter((word) => !word.startsWith('-') && isManifest(word));
}
