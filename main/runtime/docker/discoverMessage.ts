import type { Candidate } from './discoverCandidates.ts';

interface Failure {
  candidate: Candidate;
  error: NodeJS.ErrnoException;
}

/** Says in one line why there is no engine and how to get one; the most telling of the failures decides. */
export function explain(failures: Failure[], platform: NodeJS.Platform): string {
  const explicit = failures.find(({ candidate }) => candidate.explicit);
  if (explicit) {
    const { candidate } = explicit;
    const where = candidate.address.includes('://') ? ` (${candidate.address})` : '';
    const remedy = candidate.source === 'DOCKER_HOST' ? 'unset DOCKER_HOST' : 'unset DOCKER_CONTEXT';
    return `${upper(candidate.source)}${where} cannot be used: ${problem(explicit.error)}. Start that engine, or ${remedy} to let Skiff look for another.`;
  }
  const refused = failures.find(({ error }) => error.code === 'EACCES' || error.code === 'EPERM');
  if (refused) {
    const { source, address } = refused.candidate;
    const remedy =
      platform === 'linux' && /(^|\s)Docker$/.test(source)
        ? 'add yourself to the docker group (sudo usermod -aG docker "$USER"), then log out and in again'
        : `give your user access to ${address.replace(/^[a-z]+:\/\//, '')}`;
    return `${source} is there, but your user may not use it: ${remedy}.`;
  }
  const present = failures.find(({ candidate, error }) => error.code !== 'ENOENT' && candidate.problem === undefined);
  if (present) {
    const { source, address } = present.candidate;
    if (present.error.code === 'ECONNREFUSED')
      return `${source} is installed, but it does not run: ${howToStart(source, platform)}.`;
    return `${source} at ${address} cannot be used: ${problem(present.error)}.`;
  }
  const lost = failures.find(({ candidate }) => candidate.source.startsWith('the Docker context'));
  const hint = lost ? ` (${lost.candidate.source} does not answer: ${problem(lost.error)})` : '';
  return `No container engine was found${hint}: ${howToGet[platform] ?? howToGet.linux}.`;
}

const howToGet: Partial<Record<NodeJS.Platform, string>> & { linux: string } = {
  linux: 'install Docker Engine (https://docs.docker.com/engine/install/) or Podman, and start it',
  darwin: 'install and start Docker Desktop, OrbStack, Colima, Rancher Desktop or Podman Desktop',
  win32: 'install and start Docker Desktop, Rancher Desktop or Podman Desktop',
};

function howToStart(source: string, platform: NodeJS.Platform): string {
  if (source === 'Colima') return 'colima start';
  if (/Podman/.test(source))
    return platform === 'linux' ? 'systemctl --user start podman.socket' : 'podman machine start';
  if (source === 'Docker' && platform === 'linux') return 'sudo systemctl start docker';
  if (source === 'rootless Docker') return 'systemctl --user start docker';
  return `start ${source.startsWith('the ') ? `the engine of ${source}` : source}`;
}

const words: Record<string, string> = {
  ENOENT: 'nothing is there',
  ECONNREFUSED: 'nothing answers there',
  EACCES: 'your user may not use it',
  ENOTFOUND: 'that computer is not known',
  EHOSTUNREACH: 'that computer cannot be reached',
  ETIMEDOUT: 'that computer does not answer',
};

function problem(error: NodeJS.ErrnoException): string {
  return (error.code && words[error.code]) || error.message.replace(/\.$/, '');
}

const upper = (text: string): string => text[0]!.toUpperCase() + text.slice(1);
