import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { RegistryAuth } from '../../runtime/index.ts';
import { writeRecord } from './imageGarbage.ts';

/** Who may use an image: everybody on the node, or who has the credentials of one of these hashes. */
type Access = 'everybody' | string[];

/** By image id and repository. */
type Accesses = Record<string, Record<string, Access>>;

/** Where a kubelet remembers over its restarts with which credentials images came. It holds hashes alone. */
export interface AccessRecord {
  read(): Promise<Accesses>;
  write(accesses: Accesses): Promise<void>;
}

export function accessRecord(directory: string): AccessRecord {
  const file = path.join(directory, 'pulls.json');
  return {
    async read() {
      try {
        const read = JSON.parse(await readFile(file, 'utf8')) as unknown;
        return read && typeof read === 'object' && !Array.isArray(read) ? (read as Accesses) : {};
      } catch {
        return {};
      }
    },
    write: (accesses) => writeRecord(file, accesses),
  };
}

/**
 * Keeps pods from images that the node has only because another pod had the credentials for them. What nobody has pulled
 * here, such as the user's own images, is everybody's. Mirrors pkg/kubelet/images/pullmanager with its default policy,
 * NeverVerifyPreloadedImages.
 */
export class PullAccess {
  #accesses: Promise<Accesses> | undefined;

  constructor(private readonly record: AccessRecord | undefined) {}

  /** Whether the pod may use what is there without the registry being asked. */
  async allows(image: string, imageId: string, credentials: () => Promise<RegistryAuth[]>): Promise<boolean> {
    const known = (await this.#load())[imageId];
    if (!known) return true;
    const access = known[repositoryOf(image)];
    if (!access) return false;
    if (access === 'everybody') return true;
    return (await credentials()).some((auth) => access.includes(hashOf(auth)));
  }

  /** The image came with these credentials; undefined: it needs none. */
  async pulled(image: string, imageId: string, auth: RegistryAuth | undefined): Promise<void> {
    const accesses = await this.#load();
    const known = (accesses[imageId] ??= {});
    const repository = repositoryOf(image);
    const before = known[repository];
    const hash = auth && hashOf(auth);
    if (before === 'everybody' || (hash && before?.includes(hash))) return;
    known[repository] = hash ? [...(before ?? []), hash] : 'everybody';
    await this.record?.write(accesses);
  }

  #load(): Promise<Accesses> {
    return (this.#accesses ??= this.record?.read() ?? Promise.resolve({}));
  }
}

const repositoryOf = (image: string) => image.replace(/@.*$/, '').replace(/:[^:/]*$/, '');

const hashOf = ({ username = '', password = '', identityToken = '' }: RegistryAuth) => createHash('sha256').update(JSON.stringify([username, password, identityToken])).digest('hex');
