import { X509Certificate } from 'node:crypto';
import type { CertificateSigningRequest } from '../../api/index.ts';
import { isNotFound } from '../../api/status.ts';
import { resources, type Client, type Informer } from '../../client/index.ts';
import { QueueController, type ControllerContext } from '../controller.ts';
import { has } from './requests.ts';

const hour = 3600_000;
/** Milliseconds for which a request is kept: until somebody decides, and after. */
const lifetimes = { pending: 24 * hour, decided: hour };

/** Takes away requests that nobody will look at any more. Mirrors pkg/controller/certificates/cleaner. */
export class CertificateCleaner extends QueueController {
  readonly #requests: Informer<CertificateSigningRequest>;

  constructor(context: ControllerContext) {
    super(context, 'csrcleaner');
    this.#requests = context.informers.informer(resources.certificateSigningRequests);
    this.#requests.on({ add: (csr) => this.enqueueObject(csr), update: (_, csr) => this.enqueueObject(csr) });
  }

  protected async sync(name: string, client: Client): Promise<void> {
    const csr = this.#requests.get(name);
    if (!csr) return;
    const wait = endOf(csr) - this.clock.now();
    if (wait > 0) return this.enqueueAfter(name, Math.min(wait, hour));
    await client
      .of(resources.certificateSigningRequests)
      .delete('', name)
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
  }
}

/** When a request may go, milliseconds since the epoch. */
function endOf(csr: CertificateSigningRequest): number {
  const since = (type: string) => csr.status?.conditions?.find((condition) => condition.type === type)?.lastUpdateTime;
  const decided = ['Approved', 'Denied', 'Failed'].map(since).find((time) => time !== undefined);
  const created = Date.parse(csr.metadata!.creationTimestamp!);
  const { certificate } = csr.status ?? {};
  const expiry = certificate && has(csr, 'Approved') ? expiryOf(certificate) : Infinity;
  return Math.min(expiry, decided ? Date.parse(decided) + lifetimes.decided : created + lifetimes.pending);
}

function expiryOf(base64: string): number {
  try {
    return Date.parse(new X509Certificate(Buffer.from(base64, 'base64')).validTo);
  } catch {
    return Infinity;
  }
}
