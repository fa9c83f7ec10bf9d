import type { ManifestFile } from '../stores/manifests.ts';

export interface Refused {
  name: string;
  reason: 'notManifest' | 'tooLarge' | 'unreadable' | 'tooMany';
}

const manifestName = /\.(ya?ml|json)$/i;
/** The API server takes 3 MiB a request; a file of several objects may be larger, but not without bounds. */
const largestFile = 16 * 1024 * 1024;
const mostFiles = 500;

/** The manifests in what was dropped, folders included, and what was left aside and why. */
export async function readDropped(transfer: DataTransfer): Promise<{ files: ManifestFile[]; refused: Refused[] }> {
  const files: ManifestFile[] = [];
  const refused: Refused[] = [];
  // Entries are gone after the first await, so all are taken first.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  for (const entry of entries) await walk(entry, files, refused, true);
  return { files, refused };
}

async function walk(entry: FileSystemEntry, files: ManifestFile[], refused: Refused[], named: boolean): Promise<void> {
  const name = entry.fullPath.replace(/^\//, '');
  if (files.length >= mostFiles) {
    if (refused.at(-1)?.reason !== 'tooMany') refused.push({ name, reason: 'tooMany' });
    return;
  }
  if (entry.isDirectory) {
    for (const child of await childrenOf(entry as FileSystemDirectoryEntry)) await walk(child, files, refused, false);
    return;
  }
  if (!manifestName.test(name)) {
    // A folder may hold anything; only a file that was dropped by itself is worth a word.
    if (named) refused.push({ name, reason: 'notManifest' });
    return;
  }
  try {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    if (file.size > largestFile) refused.push({ name, reason: 'tooLarge' });
    else files.push({ name, text: await file.text() });
  } catch {
    refused.push({ name, reason: 'unreadable' });
  }
}

/** A reader hands out children in portions, until an empty one. */
async function childrenOf(directory: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = directory.createReader();
  const children: FileSystemEntry[] = [];
  for (;;) {
    const portion = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (portion.length === 0) return children.sort((a, b) => (a.name < b.name ? -1 : 1));
    children.push(...portion);
  }
}
