import type { CertificateRequest } from '../../api/certificateRequest.ts';
import type { CertificateSigningRequest } from '../../api/index.ts';

/* What the signers of Kubernetes itself sign. Mirrors pkg/apis/certificates/helpers.go and pkg/controller/certificates/signer. */

export const clientSigner = 'kubernetes.io/kube-apiserver-client';
export const kubeletClientSigner = 'kubernetes.io/kube-apiserver-client-kubelet';
export const kubeletServingSigner = 'kubernetes.io/kubelet-serving';

export const has = ({ status }: CertificateSigningRequest, type: string) => !!status?.conditions?.some((condition) => condition.type === type);

const within = (usages: readonly string[], allowed: readonly string[], required: readonly string[]) =>
  usages.every((usage) => allowed.includes(usage)) && required.every((usage) => usages.includes(usage));

const isNode = ({ organizations, commonName }: CertificateRequest) =>
  organizations.length === 1 && organizations[0] === 'system:nodes' && commonName.startsWith('system:node:');

export function isClientRequest(_request: CertificateRequest, usages: readonly string[]): boolean {
  return within(usages, ['digital signature', 'key encipherment', 'client auth'], ['client auth']);
}

export function isKubeletClientRequest(request: CertificateRequest, usages: readonly string[]): boolean {
  const { dnsNames, emails, addresses, uris } = request;
  return isNode(request) && ![dnsNames, emails, addresses, uris].some((names) => names.length) && within(usages, ['digital signature', 'key encipherment', 'client auth'], ['digital signature', 'client auth']);
}

export function isKubeletServingRequest(request: CertificateRequest, usages: readonly string[]): boolean {
  const { dnsNames, emails, addresses, uris } = request;
  return (
    isNode(request) && dnsNames.length + addresses.length > 0 && !emails.length && !uris.length && within(usages, ['digital signature', 'key encipherment', 'server auth'], ['digital signature', 'server auth'])
  );
}
