import type { AuthenticationTokenRequest, Pod, ServiceAccountTokenProjection } from '../../api/index.ts';
import type { Client } from '../../client/index.ts';
import { resources } from '../../client/index.ts';
import type { Clock } from '../../util/clock.ts';
import { uidOf } from '../spec.ts';

const defaultSeconds = 3600;
const dayMs = 24 * 3600 * 1000;

/** Tokens of service accounts, bound to their pods and renewed in time. Mirrors pkg/kubelet/token/token_manager.go. */
export class TokenManager {
  /** By pod: a token each audience and lifetime. */
  readonly #tokens = new Map<string, Map<string, { token: string; renewAt: number; expiresAt: number }>>();

  constructor(
    private readonly client: Client,
    private readonly clock: Clock,
    /** Whether anybody can read what is written: where nobody can, no token is made. */
    private readonly isRead = () => true,
  ) {}

  async token(pod: Pod, projection: ServiceAccountTokenProjection): Promise<string> {
    if (!this.isRead()) return '';
    const uid = uidOf(pod);
    const seconds = projection.expirationSeconds ?? defaultSeconds;
    const key = `${projection.audience ?? ''}|${seconds}`;
    let ofPod = this.#tokens.get(uid);
    if (!ofPod) this.#tokens.set(uid, (ofPod = new Map()));
    const known = ofPod.get(key);
    const now = this.clock.now();
    if (known && now < known.renewAt) return known.token;
    try {
      const request: AuthenticationTokenRequest = {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        metadata: {},
        spec: {
          audiences: projection.audience ? [projection.audience] : [],
          expirationSeconds: seconds,
          boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: pod.metadata!.name!, uid },
        },
      };
      const { status } = await this.client
        .of(resources.serviceAccounts)
        .subresource<AuthenticationTokenRequest>(pod.metadata!.namespace!, pod.spec!.serviceAccountName || 'default', 'token', 'POST', request);
      const { token, expirationTimestamp } = status!;
      const expiresAt = Date.parse(expirationTimestamp!);
      // Renewed when four fifths of its life or a day have passed.
      ofPod.set(key, { token: token!, expiresAt, renewAt: Math.min(now + (expiresAt - now) * 0.8, now + dayMs) });
      return token!;
    } catch (error) {
      // An old token is better than none as long as it holds.
      if (known && now < known.expiresAt) return known.token;
      throw error;
    }
  }

  forget(podUid: string): void {
    this.#tokens.delete(podUid);
  }
}
