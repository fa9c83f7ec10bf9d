import type { HostPathVolumeSource } from '../../api/index.ts';
import type { Mount } from '../../runtime/index.ts';
import type { NodeFiles } from './files.ts';
import { checkHostPath, type HostFiles } from './hostPath.ts';

/**
 * Whose a path of a hostPath is. `machine`: the user's. `engine`: that of the machine on which the engine runs, which only
 * the engine can look at. `node`: the node's own, in its volume.
 */
export type HostPlace = 'machine' | 'engine' | 'node';

/** What the engine of a desktop, which runs in a virtual machine, gets to see of the user's machine. */
const shared: Partial<Record<NodeJS.Platform, string[]>> = {
  darwin: ['/Users', '/Volumes', '/private', '/tmp', '/var/folders'],
  linux: ['/home'],
};

/** What every machine that runs containers has of its own. */
const machines = ['/proc', '/sys', '/dev', '/run', '/var/run', '/var/lib/docker', '/var/log', '/lib/modules', '/etc', '/usr', '/boot'];

const isBelow = (name: string, directories: string[]) => directories.some((directory) => name === directory || name.startsWith(`${directory}/`));

/** Where a path lies: an engine on the user's own machine sees all of it. */
export function hostPlace(name: string, engineIsHere: boolean, platform: NodeJS.Platform): HostPlace {
  if (engineIsHere || isBelow(name, shared[platform] ?? [])) return 'machine';
  return isBelow(name, machines) ? 'engine' : 'node';
}

/** Paths of nodes below which hostPath volumes lie that are on no other machine. */
const nodeDirectory = 'host';

export interface HostPathOptions {
  hostFiles: HostFiles;
  nodeName: string;
  place(path: string): HostPlace;
  files(): Promise<NodeFiles>;
}

/** What a hostPath mounts, made or checked as its type says. */
export async function hostPathSource(options: HostPathOptions, source: HostPathVolumeSource): Promise<Mount['source']> {
  switch (options.place(source.path)) {
    case 'machine':
      await checkHostPath(source, options.hostFiles);
      return { kind: 'host', path: source.path };
    case 'engine':
      return { kind: 'host', path: source.path };
    case 'node': {
      const path = `${nodeDirectory}${source.path}`;
      const files = await options.files();
      // Without a type the engine would make a directory; here nobody else does.
      if (!source.type && (await files.stat(path)) === undefined) await files.makeDirectory(path, { mode: 0o755, recursive: true });
      await checkHostPath(source, inNode(files));
      return { kind: 'node', node: options.nodeName, path };
    }
  }
}

/** The files of a node as those of a machine. */
function inNode(files: NodeFiles): HostFiles {
  const inside = (name: string) => `${nodeDirectory}${name}`;
  return {
    stat: async (name) => (await files.stat(inside(name)))?.kind,
    makeDirectory: (name) => files.makeDirectory(inside(name), { mode: 0o755, recursive: true }),
    makeFile: (name) => files.writeFile(inside(name), Buffer.alloc(0), 0o644),
    subPath: (directory, below) => files.subPath(inside(directory), below),
  };
}
