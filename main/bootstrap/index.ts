/**
 * What must be there before a cluster is one: certificates and kubeconfig on disk, and the objects that every cluster
 * holds, written through a client.
 */
export { certificateSigner, ensureAuthority, ensureCertificates, kubeletIssuer, type CertificateOptions, type ClusterCertificates, type KeptAuthority, type KeyPair } from './certificates.ts';
export {
  contextName,
  KubeconfigError,
  mergeKubeconfig,
  removeFromKubeconfig,
  writeKubeconfig,
  type KubeconfigEntry,
} from './kubeconfig.ts';
export { bootstrapCluster, ensureEndpoints, type BootstrapOptions } from './cluster.ts';
export { nodeRules } from './policy.ts';
