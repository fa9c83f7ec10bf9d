import { parseCertificateRequest } from '../../api/certificateRequest.ts';
import type { CertificateSigningRequest, SubjectAccessReview } from '../../api/index.ts';
import { resources, type Client, type Informer } from '../../client/index.ts';
import { QueueController, type ControllerContext } from '../controller.ts';
import { has, kubeletClientFault, kubeletClientSigner } from './requests.ts';

/** Milliseconds until it is looked whether who was not allowed is by now. */
const askAgain = 30_000;

const kinds = [
  { subresource: 'selfnodeclient', own: true, message: 'Auto approving self kubelet client certificate after SubjectAccessReview.' },
  { subresource: 'nodeclient', own: false, message: 'Auto approving kubelet client certificate after SubjectAccessReview.' },
];

/** Lets kubelets that may have certificates have them. Mirrors pkg/controller/certificates/approver/sarapprove.go. */
export class CertificateApprover extends QueueController {
  readonly #requests: Informer<CertificateSigningRequest>;

  constructor(context: ControllerContext) {
    super(context, 'csrapproving');
    this.#requests = context.informers.informer(resources.certificateSigningRequests);
    this.#requests.on({ add: (csr) => this.enqueueObject(csr), update: (_, csr) => this.enqueueObject(csr) });
  }

  protected async sync(name: string, client: Client): Promise<void> {
    const csr = this.#requests.get(name);
    if (!csr || csr.status?.certificate || has(csr, 'Approved') || has(csr, 'Denied') || csr.spec.signerName !== kubeletClientSigner) return;
    const request = await parseCertificateRequest(csr.spec.request);
    if (kubeletClientFault(request, csr.spec.usages ?? [])) return;
    for (const { subresource, own, message } of kinds) {
      if (own && csr.spec.username !== request.commonName) continue;
      if (!(await this.#allowed(client, csr, subresource))) continue;
      const conditions = [...(csr.status?.conditions ?? []), { type: 'Approved', status: 'True', reason: 'AutoApproved', message }];
      const approved = { apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', ...csr, status: { ...csr.status, conditions } };
      await client.of(resources.certificateSigningRequests).subresource('', name, 'approval', 'PUT', approved);
      return;
    }
    // Roles that allow it may come after the request.
    this.enqueueAfter(name, askAgain);
  }

  async #allowed(client: Client, { spec }: CertificateSigningRequest, subresource: string): Promise<boolean> {
    const review = await client.request<SubjectAccessReview>({
      method: 'POST',
      path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: {
          user: spec.username,
          uid: spec.uid,
          groups: spec.groups,
          extra: spec.extra,
          resourceAttributes: { group: 'certificates.k8s.io', resource: 'certificatesigningrequests', verb: 'create', subresource, version: '*' },
        },
      },
    });
    return review.status?.allowed ?? false;
  }
}
