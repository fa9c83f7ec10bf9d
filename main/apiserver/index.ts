/**
 * The only way to the store: Kubernetes' API over TLS, and the same request path in process.
 */
import type { KubeletApi } from '../api/kubelet.ts';

/** Where the apiserver finds the kubelet of a node; undefined: none runs there. */
export type KubeletLocator = (nodeName: string) => KubeletApi | undefined;
