import { parseCertificateRequest } from '../../api/certificateRequest.ts';
import type { CertificateSigningRequest } from '../../api/index.ts';
import { timestamp } from '../../api/meta.ts';
import { resources, type Client, type Informer } from '../../client/index.ts';
import { QueueController, type ControllerContext } from '../controller.ts';
import { clientFault, clientSigner, has, kubeletClientFault, kubeletClientSigner, kubeletServingFault, kubeletServingSigner, type RequestCheck } from './requests.ts';

const faults: Record<string, RequestCheck> = { [clientSigner]: clientFault, [kubeletClientSigner]: kubeletClientFault, [kubeletServingSigner]: kubeletServingFault };
const year = 365 * 24 * 3600;

/** Signs what is approved for the signers of Kubernetes itself. Mirrors pkg/controller/certificates/signer/signer.go. */
export class CertificateSigner extends QueueController {
  readonly #requests: Informer<CertificateSigningRequest>;

  constructor(private readonly context: ControllerContext) {
    super(context, 'csrsigning');
    this.#requests = context.informers.informer(resources.certificateSigningRequests);
    this.#requests.on({ add: (csr) => this.enqueueObject(csr), update: (_, csr) => this.enqueueObject(csr) });
  }

  protected async sync(name: string, client: Client): Promise<void> {
    const csr = this.#requests.get(name);
    const { signCertificate } = this.context;
    if (!csr || !signCertificate || csr.status?.certificate || !has(csr, 'Approved') || has(csr, 'Denied') || has(csr, 'Failed')) return;
    const faultOf = faults[csr.spec.signerName];
    if (!faultOf) return;
    const requests = client.of(resources.certificateSigningRequests);
    const request = await parseCertificateRequest(csr.spec.request);
    const usages = csr.spec.usages ?? [];
    const fault = faultOf(request, usages);
    if (fault) {
      const failed = { type: 'Failed', status: 'True', reason: 'SignerValidationFailure', message: fault, lastUpdateTime: timestamp(this.clock.now()) };
      await requests.updateStatus({ ...csr, status: { ...csr.status, conditions: [...(csr.status?.conditions ?? []), failed] } });
      return;
    }
    const certificate = await signCertificate(request.bytes, usages, Math.min(csr.spec.expirationSeconds ?? year, year));
    await requests.updateStatus({ ...csr, status: { ...csr.status, certificate: Buffer.from(certificate).toString('base64') } });
  }
}
