import type { CertificateSigningRequest } from '../../api/index.ts';
import { parseCertificateRequest } from '../../api/certificateRequest.ts';
import { equalJson } from '../../api/json.ts';
import { as, is, reject } from './attributes.ts';
import type { AdmissionAttributes, AdmissionPlugin, AdmissionServices } from './types.ts';

/* Who may approve and sign for which signer. Mirrors plugin/pkg/admission/certificates. */

const about = (part: string): AdmissionPlugin['handles'] => (operation, resource, subresource) =>
  operation === 'UPDATE' && is(resource, 'certificates.k8s.io', 'certificatesigningrequests') && subresource === part;

async function allowed(verb: string, signer: string, { context }: AdmissionAttributes, { authorizer }: AdmissionServices): Promise<boolean> {
  const names = [signer, `${signer.split('/')[0]}/*`];
  for (const name of names) {
    const info = { isResourceRequest: true, path: '', verb, apiPrefix: '', group: 'certificates.k8s.io', version: '*', namespace: '', resource: 'signers', subresource: '', name, parts: [] };
    if ((await authorizer.authorize(context.user, info)).allowed) return true;
  }
  return false;
}

export function certificateApproval(services: AdmissionServices): AdmissionPlugin {
  return {
    name: 'CertificateApproval',
    handles: about('approval'),
    async validate(attributes) {
      const { signerName } = as<CertificateSigningRequest>(attributes.oldObject).spec;
      if (!(await allowed('approve', signerName, attributes, services))) throw reject(attributes, `user not permitted to approve requests with signerName ${JSON.stringify(signerName)}`);
    },
  };
}

export function certificateSigning(services: AdmissionServices): AdmissionPlugin {
  return {
    name: 'CertificateSigning',
    handles: about('status'),
    async validate(attributes) {
      const [object, old] = [as<CertificateSigningRequest>(attributes.object), as<CertificateSigningRequest>(attributes.oldObject)];
      if (object.status?.certificate === old.status?.certificate && equalJson(object.status?.conditions, old.status?.conditions)) return;
      const { signerName } = old.spec;
      if (!(await allowed('sign', signerName, attributes, services))) throw reject(attributes, `user not permitted to sign requests with signerName ${JSON.stringify(signerName)}`);
    },
  };
}

/** Nobody becomes an administrator by a certificate. */
export const certificateSubjectRestriction: AdmissionPlugin = {
  name: 'CertificateSubjectRestriction',
  handles: (operation, resource, subresource) => operation === 'CREATE' && !subresource && is(resource, 'certificates.k8s.io', 'certificatesigningrequests'),
  async validate(attributes) {
    const { spec } = as<CertificateSigningRequest>(attributes.object);
    if (spec.signerName !== 'kubernetes.io/kube-apiserver-client') return;
    const request = await parseCertificateRequest(spec.request);
    if (request.organizations.includes('system:masters')) throw reject(attributes, 'use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed');
  },
};
