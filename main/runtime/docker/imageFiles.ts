import { execFile } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** An entry of the node image. */
export type ImageFile =
  | { path: string; kind: 'directory'; mode: number }
  | { path: string; kind: 'link'; target: string }
  | { path: string; kind: 'text'; text: string; mode: number }
  /** Content of a file of this machine, whatever links lead to it. */
  | { path: string; kind: 'file'; source: string; mode: number };

const searchPath = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** What nodes and sandboxes call by name; where busybox is, it plays them all. */
const smallTools = [
  'sh',
  'ip',
  'cat',
  'sleep',
  'mkfifo',
  'mkdir',
  'rm',
  'ln',
  'mv',
  'kill',
  'ls',
  'ps',
  'nc',
  'nslookup',
  'hostname',
  'env',
  'true',
  'id',
  'find',
  'stat',
  'du',
  'chmod',
  'chgrp',
  'readlink',
  'tar',
];
const neededTools = ['sh', 'ip', 'cat', 'sleep', 'mkfifo', 'mkdir', 'rm', 'ln', 'find', 'stat', 'du', 'chmod', 'chgrp', 'readlink'];

const directories = [
  'bin',
  'dev',
  'etc',
  'lib',
  'lib64',
  'proc',
  'root',
  'run',
  'run/skiff',
  'sbin',
  'skiff',
  'sys',
  'tmp',
  'usr',
  'usr/bin',
  'usr/lib',
  'usr/sbin',
  'var',
  'var/lib',
  'var/lib/skiff',
];

const texts: Record<string, string> = {
  'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n',
  'etc/group': 'root:x:0:\nnogroup:x:65534:\n',
  'etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
  'etc/os-release': 'NAME="Skiff node"\nID=skiff\nPRETTY_NAME="Skiff node"\n',
};

async function which(name: string, env: string | undefined): Promise<string | undefined> {
  for (const directory of [...(env ?? '').split(':').filter((entry) => entry.startsWith('/')), ...searchPath]) {
    const file = path.join(directory, name);
    const usable = await fs.access(file, fs.constants.X_OK).then(
      () => true,
      () => false,
    );
    if (usable) return file;
  }
  return undefined;
}

/** The files that `ldd` names, as paths; none for a static program. */
export function parseLdd(output: string): string[] {
  const found: string[] = [];
  for (const line of output.split('\n')) {
    const match = /^\s*(?:\S+ => )?(\/\S+)(?: \(0x[0-9a-f]+\))?\s*$/.exec(line);
    if (match) found.push(match[1]!);
  }
  return [...new Set(found)];
}

async function libraries(program: string): Promise<string[]> {
  try {
    const { stdout } = await run('ldd', [program], { env: { LC_ALL: 'C', PATH: searchPath.join(':') } });
    return parseLdd(stdout);
  } catch {
    // ldd fails on static programs.
    return [];
  }
}

export class MissingTools extends Error {
  constructor(readonly tools: string[]) {
    super(`this machine lacks ${tools.join(', ')}`);
  }
}

/** What the node image is made of, taken from this Linux machine. Throws MissingTools. */
export async function collectImageFiles(env: NodeJS.ProcessEnv): Promise<ImageFile[]> {
  const files = new Map<string, ImageFile>();
  const add = (file: ImageFile) => files.set(file.path, file);
  for (const directory of directories)
    add({ path: directory, kind: 'directory', mode: directory === 'tmp' ? 0o1777 : 0o755 });
  for (const [name, text] of Object.entries(texts)) add({ path: name, kind: 'text', text, mode: 0o644 });

  const missing: string[] = [];
  const programs = new Map<string, string>();
  // Electron is no node: the agent needs the real one.
  for (const name of ['node', 'nft']) {
    const found = await which(name, env.PATH);
    if (found) programs.set(`usr/bin/${name}`, await fs.realpath(found));
    else missing.push(name);
  }
  const busybox = await which('busybox', env.PATH);
  const applets = new Set(busybox ? (await run(busybox, ['--list'])).stdout.split('\n') : []);
  if (busybox) programs.set('bin/busybox', await fs.realpath(busybox));
  for (const name of smallTools) {
    if (applets.has(name)) {
      add({ path: `bin/${name}`, kind: 'link', target: 'busybox' });
      continue;
    }
    const found = await which(name, env.PATH);
    if (found) programs.set(`bin/${name}`, await fs.realpath(found));
    else if (neededTools.includes(name)) missing.push(name);
  }
  if (missing.length > 0) throw new MissingTools(missing);

  for (const [name, source] of programs) {
    add({ path: name, kind: 'file', source, mode: 0o755 });
    for (const library of await libraries(source))
      add({ path: library.slice(1), kind: 'file', source: library, mode: 0o755 });
  }
  // Parents before children.
  for (const file of [...files.values()])
    for (let parent = path.posix.dirname(file.path); parent !== '.'; parent = path.posix.dirname(parent))
      if (!files.has(parent)) add({ path: parent, kind: 'directory', mode: 0o755 });
  return [...files.values()].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}
