import { fullImageName } from '../../util/imageName.ts';

/** A registry and a part of it: what credentials are for, or where an image is. */
export interface Place {
  /** With its port. Of credentials each of its labels may have wildcards. */
  host: string;
  /** Empty, or from the slash on. */
  path: string;
}

/** The registry of images that name none, and what its credentials call it. */
export const defaultRegistry = 'docker.io';
export const defaultRegistryKey = 'index.docker.io';

/** What the key of a Docker configuration stands for: `https://index.docker.io/v1/`, `*.example.com:5000/team`. */
export function placeOf(key: string): Place {
  const { host, path } = split(key.replace(/^https?:\/\//, ''));
  const below = /^\/v[12]\//.test(path) ? path.slice(3) : path;
  return { host, path: below === '/' ? '' : below };
}

/** Where an image is, without tag and digest. */
export function repositoryOf(image: string): Place {
  const { host, path } = split(fullImageName(image.replace(/@.*$/, '').replace(/:[^:/]*$/, '')));
  return { host: host === defaultRegistryKey ? defaultRegistry : host, path };
}

export const keyOf = ({ host, path }: Place) => host + path;

/**
 * Whether credentials for the one are for the other: as many labels, which fit one by one, the same port, and a path that begins
 * in the same way. Mirrors pkg/credentialprovider/keyring.go (URLsMatch).
 */
export function covers(credentials: Place, image: Place): boolean {
  const [own, its] = [labelsOf(credentials.host), labelsOf(image.host)];
  if (own.port !== its.port || own.labels.length !== its.labels.length || !image.path.startsWith(credentials.path)) return false;
  return own.labels.every((label, index) => fits(label, its.labels[index]!));
}

function split(text: string): Place {
  const slash = text.indexOf('/');
  return slash < 0 ? { host: text, path: '' } : { host: text.slice(0, slash), path: text.slice(slash) };
}

function labelsOf(host: string): { labels: string[]; port: string } {
  const [, name = host, port = ''] = /^(.*):(\d*)$/.exec(host) ?? [];
  return { labels: name.split('.'), port };
}

/** As Go's filepath.Match has it, without its classes. */
function fits(pattern: string, label: string): boolean {
  const parts = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replace(/\*+/g, '.*').replace(/\?/g, '.');
  return new RegExp(`^${parts}$`).test(label);
}
