/** The kubelet: runs the pods of one node on a runtime and says in the API how they are. */
export { createKubelet, type Kubelet, type KubeletOptions } from './kubelet.ts';
export type { HostFiles, HostPathKind } from './volumes/hostPath.ts';
