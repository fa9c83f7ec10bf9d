import type Docker from 'dockerode';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { pack, type Pack } from 'tar-stream';
import type { Logger } from '../../util/log.ts';
import { RuntimeError } from '../index.ts';
import { runtimeError, statusOf } from './errors.ts';
import { collectImageFiles, type ImageFile } from './imageFiles.ts';
import { label } from './labels.ts';

/** Counts the changes of what is in the image; a new number makes every engine get a new image. */
const recipe = 5;

/** What the image is called; its tag follows from what is in it. */
export const nodeImage = `skiff-node:${createHash('sha256').update(`recipe ${recipe}`).digest('hex').slice(0, 12)}`;

const environment = 'PATH=/usr/sbin:/usr/bin:/sbin:/bin';

export interface NodeImageOptions {
  docker: Docker;
  log: Logger;
  /** Folder of the packaged app that may hold `skiff-node-amd64.tar.gz`, saved by an engine. */
  tarballs?: string;
  /** Folder with the Dockerfile. */
  dockerfile?: string;
  env: NodeJS.ProcessEnv;
  platform: NodeJS.Platform;
  onProgress(step: string): void;
}

/**
 * Sees to it that the engine has the node image, by the quickest way that works: it is there; the tarball that the app
 * was shipped with; this machine's own programs; a build, which needs a registry. Returns its reference.
 * Throws a RuntimeError that says what each way lacked.
 */
export async function ensureNodeImage(options: NodeImageOptions): Promise<string> {
  const { docker, log } = options;
  if (await hasImage(docker)) return nodeImage;
  const { Arch: architecture, Os: os } = await docker.version().catch((error: unknown) => {
    throw runtimeError(error);
  });
  if (os !== 'linux')
    throw new RuntimeError('other', `the container engine runs ${os} containers; nodes need Linux containers`);

  const failures: string[] = [];
  const ways: { name: string; start: string; make: () => Promise<void> }[] = [
    {
      name: 'the image that comes with the app',
      start: 'Loading the node image',
      make: () => loadTarball(options, architecture),
    },
    {
      name: "this machine's own programs",
      start: 'Putting the node image together',
      make: () => assemble(options, architecture),
    },
    { name: 'a build', start: 'Building the node image', make: () => build(options) },
  ];
  for (const way of ways) {
    try {
      options.onProgress(way.start);
      await way.make();
      if (await hasImage(docker)) {
        log.info('the node image is ready', { image: nodeImage, from: way.name });
        return nodeImage;
      }
      failures.push(`${way.name}: the engine does not have it afterwards`);
    } catch (error) {
      const message = runtimeError(error).message;
      failures.push(`${way.name}: ${message}`);
      log.debug('a way to the node image failed', { way: way.name, error: message });
    }
  }
  throw new RuntimeError('other', `the node image could not be made (${failures.join('; ')})`);
}

async function hasImage(docker: Docker): Promise<boolean> {
  try {
    await docker.getImage(nodeImage).inspect();
    return true;
  } catch (error) {
    if (statusOf(error) === 404) return false;
    throw runtimeError(error);
  }
}

async function loadTarball({ docker, tarballs }: NodeImageOptions, architecture: string): Promise<void> {
  if (!tarballs) throw new Error('there is none');
  const file = path.join(tarballs, `skiff-node-${architecture}.tar.gz`);
  await fs.access(file).catch(() => {
    throw new Error(`there is none for ${architecture}`);
  });
  await finished(docker, await docker.loadImage(createReadStream(file)));
}

const goArchitectures: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', arm64: 'arm64', arm: 'arm' };

async function assemble({ docker, env, platform, onProgress }: NodeImageOptions, architecture: string): Promise<void> {
  if (platform !== 'linux') throw new Error('only on Linux');
  if (goArchitectures[process.arch] !== architecture)
    throw new Error(`the engine is ${architecture}, this machine ${process.arch}`);
  const files = await collectImageFiles(env);
  const archive = pack();
  const writing = writeArchive(archive, files, onProgress);
  const [repo, tag] = nodeImage.split(':') as [string, string];
  // Each by itself: Podman takes lines that come together for one.
  const changes = [`ENV ${environment}`, `LABEL ${label.kind}=node-image`, 'CMD ["sleep", "2147483647"]'];
  // The engine reads while the archive is written: neither waits for the other alone.
  const imported = docker.importImage(archive as unknown as NodeJS.ReadableStream, { repo, tag, changes });
  writing.catch((error: Error) => archive.destroy(error));
  const [answer] = await Promise.all([imported, writing]);
  await finished(docker, answer);
}

async function writeArchive(archive: Pack, files: ImageFile[], onProgress: (step: string) => void): Promise<void> {
  const sizes = await Promise.all(
    files.map(async (file) => (file.kind === 'file' ? (await fs.stat(file.source)).size : 0)),
  );
  const total = sizes.reduce((sum, size) => sum + size, 0);
  let done = 0;
  let told = 0;
  for (const [index, file] of files.entries()) {
    await writeEntry(archive, file, sizes[index]!);
    done += sizes[index]!;
    if (done - told < total / 5) continue;
    told = done;
    onProgress(`Putting the node image together: ${Math.round((done / total) * 100)} %`);
  }
  archive.finalize();
}

function writeEntry(archive: Pack, file: ImageFile, size: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error | null) => (error ? reject(error) : resolve());
    // A fixed time: the same programs make the same image.
    const common = { name: file.path, mtime: new Date(0), uid: 0, gid: 0 };
    if (file.kind === 'directory') archive.entry({ ...common, type: 'directory', mode: file.mode }, done);
    else if (file.kind === 'link') archive.entry({ ...common, type: 'symlink', linkname: file.target }, done);
    else if (file.kind === 'text') archive.entry({ ...common, mode: file.mode }, file.text, done);
    else {
      const entry = archive.entry({ ...common, size, mode: file.mode }, done);
      createReadStream(file.source).once('error', reject).pipe(entry);
    }
  });
}

async function build({ docker, dockerfile, onProgress }: NodeImageOptions): Promise<void> {
  if (!dockerfile) throw new Error('there is no Dockerfile');
  const context = { context: dockerfile, src: ['Dockerfile'] };
  await finished(docker, await docker.buildImage(context, { t: nodeImage }), (line) =>
    onProgress(`Building the node image: ${line}`),
  );
}

/** Resolves when the engine is done; rejects with the error that its answer holds. */
function finished(docker: Docker, answer: NodeJS.ReadableStream, onLine?: (line: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    docker.modem.followProgress(
      answer as Readable,
      (error, lines: { error?: string }[]) => {
        const failure = error ?? lines?.find((line) => line?.error);
        if (failure) reject(failure instanceof Error ? failure : new RuntimeError('other', failure.error ?? 'unknown'));
        else resolve();
      },
      (line: { stream?: string; status?: string }) => {
        const text = (line.stream ?? line.status ?? '').trim();
        if (text) onLine?.(text);
      },
    );
  });
}
