import type { NodeAgent } from '../../node/index.ts';

/** The files of a node, as far as volumes need them: the node agent's part, or nothing on a simulated node. */
export type NodeFiles = Pick<NodeAgent, 'writeVolume' | 'makeDirectory' | 'subPath' | 'stat' | 'list' | 'readFile' | 'writeFile' | 'remove' | 'usage'>;

/** A simulated node has no files: nothing is there that could read them. */
export const noFiles: NodeFiles = {
  writeVolume: async () => {},
  makeDirectory: async () => {},
  subPath: async (directory, below) => `${directory}/${below}`,
  stat: async () => undefined,
  list: async () => [],
  readFile: async () => undefined,
  writeFile: async () => {},
  remove: async () => {},
  usage: async () => 0,
};

/** Where a pod's things lie in its node's volume; the layout is upstream's, below /var/lib/kubelet. */
export const podsDirectory = 'pods';

export const podDirectory = (uid: string) => `${podsDirectory}/${uid}`;

export const volumeDirectory = (uid: string, plugin: string, name: string) => `${podDirectory(uid)}/volumes/kubernetes.io~${plugin}/${name}`;

export const terminationLog = (uid: string, container: string, attempt: number) => `${podDirectory(uid)}/containers/${container}/${attempt}`;

/** The engine's volume that is a pod's alone. */
export const engineVolume = (podUid: string, name: string) => `skiff-pod-${podUid}-${name}`;
