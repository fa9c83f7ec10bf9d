import type { CertificateRequest } from '../../api/certificateRequest.ts';
import type { CertificateSigningRequest } from '../../api/index.ts';

/* What the signers of Kubernetes itself sign. Mirrors pkg/apis/certificates/helpers.go and pkg/controller/certificates/signer. */

export const clientSigner = 'kubernetes.io/kube-apiserver-client';
export const kubeletClientSigner = 'kubernetes.io/kube-apiserver-client-kubelet';
export const kubeletServingSigner = 'kubernetes.io/kubelet-serving';

export const has = ({ status }: CertificateSigningRequest, type: string) => !!status?.conditions?.some((condition) => condition.type === type);

/** What is wrong with a request for one of the signers; undefined: nothing. */
export type RequestCheck = (request: CertificateRequest, usages: readonly string[]) => string | undefined;

export const clientFault: RequestCheck = (_request, usages) => {
  const odd = usages.find((usage) => !['digital signature', 'key encipherment', 'client auth'].includes(usage));
  if (odd !== undefined) return `invalid usage for client certificate: ${odd}`;
  return usages.includes('client auth') ? undefined : 'missing required usage for client certificate: client auth';
};

export const kubeletClientFault: RequestCheck = ({ organizations, commonName, dnsNames, emails, addresses, uris }, usages) => {
  if (!ofNodes(organizations)) return 'subject organization is not system:nodes';
  if (dnsNames.length) return 'DNS subjectAltNames are not allowed';
  if (emails.length) return 'Email subjectAltNames are not allowed';
  if (addresses.length) return 'IP subjectAltNames are not allowed';
  if (uris.length) return 'URI subjectAltNames are not allowed';
  if (!commonName.startsWith('system:node:')) return 'subject common name does not begin with system:node:';
  return usageFault(usages, 'client auth');
};

export const kubeletServingFault: RequestCheck = ({ organizations, commonName, dnsNames, emails, addresses, uris }, usages) => {
  if (!ofNodes(organizations)) return 'subject organization is not system:nodes';
  if (!dnsNames.length && !addresses.length) return 'DNS or IP subjectAltName is required';
  if (emails.length) return 'Email subjectAltNames are not allowed';
  if (uris.length) return 'URI subjectAltNames are not allowed';
  return usageFault(usages, 'server auth') ?? (commonName.startsWith('system:node:') ? undefined : 'subject common name does not begin with system:node:');
};

const ofNodes = (organizations: readonly string[]) => organizations.length === 1 && organizations[0] === 'system:nodes';

/** Kubelets must ask for exactly these; keys that are not RSA encipher nothing. */
function usageFault(usages: readonly string[], auth: string): string | undefined {
  const asked = new Set(usages);
  asked.delete('key encipherment');
  return asked.size === 2 && asked.has('digital signature') && asked.has(auth) ? undefined : `usages did not match [${[auth, 'digital signature', 'key encipherment'].sort().join(' ')}]`;
}
