import { readFile } from 'node:fs/promises';
import path from 'node:path';

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.json': 'application/json; charset=utf-8',
};

/** The Content-Security-Policy of the window. CodeMirror, xterm and Vuetify insert style elements, nothing inserts scripts. */
export function contentSecurityPolicy(connect: string[]): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self'",
    `connect-src ${["'self'", ...connect].join(' ')}`,
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

export interface PageFile {
  body: Buffer;
  type: string;
  /** Names with a content hash never change. */
  immutable: boolean;
}

/** A file of the built window below `directory`; undefined where there is none. The path cannot leave the directory. */
export async function pageFile(directory: string, pathname: string): Promise<PageFile | undefined> {
  let name: string;
  try {
    name = decodeURIComponent(pathname);
  } catch {
    return undefined;
  }
  if (name.includes('\0') || name.includes('\\')) return undefined;
  if (name.endsWith('/')) name += 'index.html';
  const file = path.join(directory, path.posix.normalize(`/${name}`));
  const type = types[path.extname(file)];
  if (!type) return undefined;
  try {
    return { body: await readFile(file), type, immutable: name.includes('/assets/') };
  } catch {
    return undefined;
  }
}
