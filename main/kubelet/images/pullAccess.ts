import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { RegistryAuth } from '../../runtime/index.ts';
import type { PullCredential } from './credentials.ts';
import { writeRecord } from './imageGarbage.ts';

/** A hash of credentials, and the Secret that held them. */
interface Holder {
  hash: string;
  secret: string;
}

/** Who may use an image: everybody on the node, or who has what one of these had. */
type Access = 'everybody' | Holder[];

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

/** So many holders an image may have before no more are learned of without a pull (image_pull_manager.go, writeRecordWhileMatchingLimit). */
const mostLearned = 100;

/**
 * Keeps pods from images that the node has only because another pod had the credentials for them. What nobody has pulled
 * here, such as the user's own images, is everybody's. Mirrors pkg/kubelet/images/pullmanager with its default policy,
 * NeverVerifyPreloadedImages.
 */
export class PullAccess {
  #accesses: Promise<Accesses> | undefined;

  constructor(private readonly record: AccessRecord | undefined) {}

  /**
   * Whether the pod may use what is there without the registry being asked: with the same credentials, whichever Secret has
   * them, or with the same Secret, whatever stands in it by now.
   */
  async allows(image: string, imageId: string, credentials: () => Promise<PullCredential[]>): Promise<boolean> {
    const known = (await this.#load())[imageId];
    if (!known) return true;
    const access = known[repositoryOf(image)];
    if (!access) return false;
    if (access === 'everybody') return true;
    const given = (await credentials()).map(holderOf);
    const fitting = given.find(({ hash, secret }) => access.some((holder) => holder.hash === hash || holder.secret === secret));
    if (fitting && access.length < mostLearned) await this.#learn(access, fitting).catch(() => {});
    return fitting !== undefined;
  }

  /** The image came with these credentials; undefined: it needs none. */
  async pulled(image: string, imageId: string, credential: PullCredential | undefined): Promise<void> {
    const accesses = await this.#load();
    const known = (accesses[imageId] ??= {});
    const repository = repositoryOf(image);
    const before = known[repository];
    if (before === 'everybody') return;
    if (credential) return this.#learn((known[repository] ??= []) as Holder[], holderOf(credential));
    known[repository] = 'everybody';
    await this.record?.write(accesses);
  }

  /** Of a Secret what stands in it now. */
  async #learn(access: Holder[], holder: Holder): Promise<void> {
    if (access.some(({ hash, secret }) => hash === holder.hash && secret === holder.secret)) return;
    const same = access.findIndex(({ secret }) => secret === holder.secret);
    if (same < 0) access.push(holder);
    else access[same] = holder;
    await this.record?.write(await this.#load());
  }

  async #load(): Promise<Accesses> {
    return (this.#accesses ??= this.record?.read() ?? Promise.resolve({}));
  }
}

const repositoryOf = (image: string) => image.replace(/@.*$/, '').replace(/:[^:/]*$/, '');

const holderOf = ({ auth, secret }: PullCredential): Holder => ({ hash: hashOf(auth), secret });

const hashOf = ({ username = '', password = '', identityToken = '' }: RegistryAuth) => createHash('sha256').update(JSON.stringify([username, password, identityToken])).digest('hex');
