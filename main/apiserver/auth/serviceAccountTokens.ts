import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import type { Secret, ServiceAccount } from '../../api/index.ts';
import { dayOf, invalidSinceLabel, lastUsedLabel, legacyTokenType } from '../../api/legacyTokens.ts';
import type { KubeObject } from '../../api/meta.ts';
import { unauthorized } from '../../api/status.ts';
import type { Clock } from '../../util/clock.ts';
import type { Random } from '../../util/random.ts';
import type { Answer } from '../call.ts';
import type { Objects } from '../registry/strategy.ts';
import type { Authenticator, Credentials, UserInfo } from './types.ts';

interface Ref {
  name: string;
  uid: string;
}

/** What a token is to say. */
export interface TokenSubject {
  namespace: string;
  name: string;
  uid: string;
  audiences: string[];
  seconds: number;
  /** Seconds after which whoever still uses it is noted in the audit log. */
  warnAfter?: number;
  /** Milliseconds since the epoch. */
  now: number;
  /** The token ends with this pod, secret or node. */
  pod?: Ref;
  secret?: Ref;
  node?: Ref;
}

interface Claims {
  iss?: string;
  sub?: string;
  aud?: string | string[];
  exp?: number;
  nbf?: number;
  jti?: string;
  'kubernetes.io'?: { namespace?: string; serviceaccount?: Partial<Ref>; pod?: Ref; secret?: Ref; node?: Ref; warnafter?: number };
}

/** Seconds by which clocks may differ, and for which a deleted object still counts. */
const leeway = 60;
const remembered = 2000;

/**
 * Signs the tokens of service accounts and recognizes them again. A token counts only as long as its account, and the
 * pod, secret or node that it is bound to, are there with the same uid.
 * Mirrors pkg/serviceaccount/{claims,jwt}.go.
 */
export class ServiceAccountTokens implements Authenticator {
  readonly #privateKey: KeyObject;
  readonly #publicKey: KeyObject;
  readonly #keyId: string;
  /** Tokens whose signature was checked before; the claims are looked at each time. */
  readonly #verified = new Map<string, Claims>();
  /** Hears of a token in a Secret that is used for the first time on a day (`YYYY-MM-DD`). */
  onLegacyUse: ((secret: Secret, day: string) => void) | undefined;

  /** `privateKey`: PEM of an ECDSA P-256 key. `issuer` is also the audience that the API server answers to. */
  constructor(
    privateKey: string,
    readonly issuer: string,
    private readonly objects: Objects,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {
    this.#privateKey = createPrivateKey(privateKey);
    this.#publicKey = createPublicKey(this.#privateKey);
    this.#keyId = createHash('sha256').update(this.#publicKey.export({ type: 'spki', format: 'der' })).digest('base64url');
  }

  /** By which others find out who signs these tokens and with which key. Mirrors pkg/serviceaccount/openidmetadata.go. */
  pages(): Record<string, () => Answer> {
    const document = (contentType: string, body: object) => (): Answer => ({ type: 'text', code: 200, contentType, body: JSON.stringify(body), headers: { 'cache-control': 'public, max-age=3600' } });
    const key = { use: 'sig', kid: this.#keyId, alg: 'ES256', ...this.#publicKey.export({ format: 'jwk' }) };
    return {
      '/.well-known/openid-configuration': document('application/json', {
        issuer: this.issuer,
        jwks_uri: `${this.issuer}/openid/v1/jwks`,
        response_types_supported: ['id_token'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['ES256'],
      }),
      '/openid/v1/jwks': document('application/jwk-set+json', { keys: [key] }),
    };
  }

  get audience(): string {
    return this.issuer;
  }

  async issue(subject: TokenSubject): Promise<{ token: string; /** What the audit log calls it. */ credentialId: string }> {
    const { SignJWT } = await import('jose');
    const { namespace, name, uid, audiences, seconds, warnAfter, pod, secret, node } = subject;
    const now = Math.floor(subject.now / 1000);
    const id = this.random.uuid();
    const token = await new SignJWT({
      'kubernetes.io': {
        namespace,
        ...(node ? { node } : {}),
        ...(pod ? { pod } : {}),
        ...(secret ? { secret } : {}),
        serviceaccount: { name, uid },
        ...(warnAfter ? { warnafter: now + warnAfter } : {}),
      },
    })
      .setProtectedHeader({ alg: 'ES256', kid: this.#keyId })
      .setIssuer(this.issuer)
      .setSubject(usernameOf(namespace, name))
      .setAudience(audiences)
      .setJti(id)
      .setIssuedAt(now)
      .setNotBefore(now)
      .setExpirationTime(now + seconds)
      .sign(this.#privateKey);
    return { token, credentialId: `JTI=${id}` };
  }

  /** Other bearer tokens are left to others; one of ours that does not count any more ends the request with 401. */
  async authenticate({ authorization, note }: Credentials): Promise<UserInfo | undefined> {
    const token = /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    if (!token) return undefined;
    return (await this.review(token, [this.audience], note))?.user;
  }

  /** Who a token stands for, and which of the audiences it was made for. Undefined when it is not one of ours; throws 401 when it is void. */
  async review(token: string, audiences: readonly string[], note?: Credentials['note']): Promise<{ user: UserInfo; audiences: string[] } | undefined> {
    const claims = await this.#verify(token);
    if (!claims) return undefined;
    const now = this.clock.now() / 1000;
    if (now > (claims.exp ?? 0) + leeway || now < (claims.nbf ?? 0) - leeway) throw unauthorized();
    const made = [claims.aud ?? []].flat();
    const common = audiences.filter((audience) => made.includes(audience));
    if (!common.length) throw unauthorized();
    const user = await this.#userOf(claims, token, note);
    const stale = Math.floor(now) - (claims['kubernetes.io']?.warnafter ?? Infinity);
    if (stale > 0) note?.('authentication.k8s.io/stale-token', `subject: ${user.name}, seconds after warning threshold: ${stale}`);
    return { user, audiences: common };
  }

  async #verify(token: string): Promise<Claims | undefined> {
    const known = this.#verified.get(token);
    if (known) return known;
    const { compactVerify, decodeJwt } = await import('jose');
    try {
      if (decodeJwt(token).iss !== this.issuer) return undefined;
    } catch {
      return undefined;
    }
    let claims: Claims;
    try {
      const { payload } = await compactVerify(token, this.#publicKey, { algorithms: ['ES256'] });
      claims = JSON.parse(Buffer.from(payload).toString()) as Claims;
    } catch {
      throw unauthorized();
    }
    // A map keeps the order of insertion: the oldest goes first.
    if (this.#verified.size >= remembered) this.#verified.delete(this.#verified.keys().next().value!);
    this.#verified.set(token, claims);
    return claims;
  }

  async #userOf(claims: Claims, token: string, note: Credentials['note']): Promise<UserInfo> {
    const { namespace = '', serviceaccount, pod, secret, node } = claims['kubernetes.io'] ?? {};
    const name = serviceaccount?.name ?? '';
    const uid = serviceaccount?.uid ?? '';
    const [account, holder] = await Promise.all([
      this.#mustExist<ServiceAccount>('serviceaccounts', namespace, { name, uid }),
      secret && this.#mustExist<Secret>('secrets', namespace, secret),
      pod && this.#mustExist('pods', namespace, pod),
      node && !pod && this.#mustExist('nodes', '', node),
    ]);
    if (holder?.type === legacyTokenType && holder.data?.token === Buffer.from(token).toString('base64')) this.#followUse(holder, account, note);
    const extra: Record<string, string[]> = {};
    if (claims.jti) extra['authentication.kubernetes.io/credential-id'] = [`JTI=${claims.jti}`];
    for (const [kind, ref] of Object.entries({ node, pod })) {
      if (!ref) continue;
      extra[`authentication.kubernetes.io/${kind}-name`] = [ref.name];
      if (ref.uid) extra[`authentication.kubernetes.io/${kind}-uid`] = [ref.uid];
    }
    return { name: usernameOf(namespace, name), uid, groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`], extra };
  }

  /** Of a token that lies in a Secret: whether it counts still, and that it was used. Mirrors pkg/serviceaccount/legacy.go. */
  #followUse(secret: Secret, account: ServiceAccount, note: Credentials['note']): void {
    const { name, namespace, labels } = secret.metadata!;
    const now = this.clock.now();
    const lastUsed = labels?.[lastUsedLabel];
    const [today, tomorrow] = [dayOf(now), dayOf(now + 24 * 3600_000)];
    // The clock of another server may be a day ahead.
    if (lastUsed !== today && lastUsed !== tomorrow) this.onLegacyUse?.(secret, today);
    if (labels?.[invalidSinceLabel]) {
      note?.('authentication.k8s.io/legacy-token-invalidated', `${name}/${namespace}`);
      throw unauthorized();
    }
    const byItself = account.secrets?.some((reference) => reference.name === name);
    note?.(`authentication.k8s.io/legacy-token-${byItself ? 'autogenerated' : 'manual'}-secret`, name!);
  }

  async #mustExist<T extends KubeObject = KubeObject>(resource: string, namespace: string, { name, uid }: Ref): Promise<T> {
    const object = await this.objects.get<T>({ group: '', version: 'v1', resource }, namespace, name);
    const deleted = object?.metadata?.deletionTimestamp;
    const gone = deleted && Date.parse(deleted) < this.clock.now() - leeway * 1000;
    if (!object || gone || object.metadata!.uid !== uid) throw unauthorized();
    return object;
  }
}

/** `system:serviceaccount:<namespace>:<name>` */
export const usernameOf = (namespace: string, name: string) => `system:serviceaccount:${namespace}:${name}`;
