import { X509Certificate } from 'node:crypto';
import type { CertificateSigningRequest } from '../../api/index.ts';
import { isNotFound } from '../../api/status.ts';
import { resources, type Client, type Informer } from '../../client/index.ts';
import { QueueController, type ControllerContext } from '../controller.ts';

const hour = 3600_000;
/** Milliseconds for which a request is kept that nobody has done anything about. */
const pendingLifetime = 24 * hour;
/** … by what was decided; one that is approved may still be waiting for its certificate. */
const lifetimes = { issued: hour, Denied: hour, Failed: hour, unissued: pendingLifetime };

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
function endOf({ metadata, status }: CertificateSigningRequest): number {
  const { conditions = [], certificate } = status ?? {};
  if (conditions.length === 0) return Date.parse(metadata!.creationTimestamp!) + pendingLifetime;
  const ends = conditions.map(({ type, lastUpdateTime }) => {
    const lifetime = type === 'Approved' ? lifetimes[certificate ? 'issued' : 'unissued'] : type === 'Denied' || type === 'Failed' ? lifetimes[type] : Infinity;
    const end = lastUpdateTime ? Date.parse(lastUpdateTime) + lifetime : Infinity;
    return type === 'Approved' && certificate ? Math.min(end, expiryOf(certificate)) : end;
  });
  return Math.min(...ends);
}

function expiryOf(base64: string): number {
  try {
    return Date.parse(new X509Certificate(Buffer.from(base64, 'base64')).validTo);
  } catch {
    return Infinity;
  }
}
