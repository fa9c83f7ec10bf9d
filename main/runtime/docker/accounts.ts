import type Docker from 'dockerode';
import type { ContainerSecurity, ContainerUser } from '../index.ts';
import { engineCall } from './errors.ts';
import { readFile } from './files.ts';
import { label } from './labels.ts';

/** The users and groups that an image knows. */
export interface Accounts {
  users: { name: string; uid: number; gid: number }[];
  groups: { name: string; gid: number; members: string[] }[];
}

const largestFile = 2 ** 20;

/** Lines that are not what they should be are passed over, as the engine does. */
export function parseAccounts(passwd: string, group: string): Accounts {
  const lines = (text: string) => text.split('\n').flatMap((line) => (line.trim() === '' || line.startsWith('#') ? [] : [line.trim().split(':')]));
  const isNumber = (text: string | undefined) => text !== undefined && /^\d+$/.test(text);
  return {
    users: lines(passwd).flatMap(([name, , uid, gid]) => (isNumber(uid) && isNumber(gid) ? [{ name: name!, uid: Number(uid), gid: Number(gid) }] : [])),
    groups: lines(group).flatMap(([name, , gid, members]) => (isNumber(gid) ? [{ name: name!, gid: Number(gid), members: (members ?? '').split(',').filter(Boolean) }] : [])),
  };
}

/**
 * Who a process is that runs as `user`, `user:group` or nobody in particular, by name or number, with further groups.
 * Undefined where the image does not know a name. Mirrors what runc makes of it (libcontainer/user, GetExecUser): the
 * groups that an image gives a user count only while none is named.
 */
export function resolveUser(spec: string, added: readonly string[], { users, groups }: Accounts): ContainerUser | undefined {
  const [who = '', group = ''] = spec.split(':');
  const number = (text: string) => (/^\d+$/.test(text) ? Number(text) : undefined);
  const known = users.find(({ name, uid }) => (who === '' ? uid === 0 : name === who || uid === number(who)));
  const uid = known?.uid ?? (who === '' ? 0 : number(who));
  const gidOf = (text: string) => groups.find(({ name, gid }) => name === text || gid === number(text))?.gid ?? number(text);
  const gid = group === '' ? (known?.gid ?? 0) : gidOf(group);
  if (uid === undefined || gid === undefined) return undefined;
  const memberships = group === '' && known ? groups.filter(({ members }) => members.includes(known.name)).map((one) => one.gid) : [];
  const more = added.flatMap((text) => gidOf(text) ?? []);
  return { uid, gid, supplementalGroups: [...new Set([gid, ...memberships, ...more])] };
}

/** What the engine is told. */
export interface EngineUser {
  user: string;
  groups: string[];
}

/**
 * How to say it where the engine's own way would not do: with a group named it leaves out those that the image gives the
 * user, which Kubernetes does only if told to (supplementalGroupsPolicy). `imageUser`: as whom the image runs.
 */
export function engineUser(security: ContainerSecurity, imageUser: string, accounts: Accounts): EngineUser | undefined {
  const { runAsUser, runAsGroup, supplementalGroups = [], strictGroups } = security;
  if (!strictGroups && runAsGroup === undefined) return undefined;
  const spec = runAsUser === undefined ? imageUser : String(runAsUser);
  const by = resolveUser(runAsGroup === undefined ? spec : spec.split(':')[0]!, [], accounts);
  if (!by) return undefined;
  const memberships = strictGroups ? [] : by.supplementalGroups.slice(1);
  return { user: `${by.uid}:${runAsGroup ?? by.gid}`, groups: [...new Set([...memberships, ...supplementalGroups])].map(String) };
}

export interface ImageAccountsOptions {
  docker: Docker;
  cluster: string;
  create(options: Docker.ContainerCreateOptions): Promise<string>;
  remove(id: string): Promise<void>;
}

/** The accounts of images, each read once: an image never changes. */
export class ImageAccounts {
  /** By image id. */
  readonly #known = new Map<string, Promise<Accounts>>();
  #helpers = 0;

  constructor(private readonly options: ImageAccountsOptions) {}

  /** Reads them in a container of that image. */
  in(image: string, container: string): Promise<Accounts> {
    return this.#once(image, () => this.#read(container));
  }

  /** Reads them in a container that is made for it and never runs. */
  of(image: string): Promise<Accounts> {
    const { cluster, create, remove } = this.options;
    return this.#once(image, async () => {
      const id = await create({ name: `skiff-${cluster}.accounts-${++this.#helpers}`, Image: image, Entrypoint: ['/'], Labels: { [label.cluster]: cluster }, HostConfig: { NetworkMode: 'none' } });
      try {
        return await this.#read(id);
      } finally {
        await remove(id);
      }
    });
  }

  /** The id of an image, and as whom it runs. */
  async image(reference: string): Promise<{ id: string; user: string }> {
    const { Id: id, Config: config } = await engineCall(() => this.options.docker.getImage(reference).inspect());
    return { id, user: config?.User ?? '' };
  }

  #once(image: string, read: () => Promise<Accounts>): Promise<Accounts> {
    let known = this.#known.get(image);
    if (!known) {
      known = read();
      known.catch(() => this.#known.delete(image));
      this.#known.set(image, known);
    }
    return known;
  }

  async #read(container: string): Promise<Accounts> {
    const { docker } = this.options;
    const [passwd, group] = await Promise.all(['/etc/passwd', '/etc/group'].map((path) => readFile(docker, container, path, largestFile)));
    return parseAccounts(passwd?.toString() ?? '', group?.toString() ?? '');
  }
}
