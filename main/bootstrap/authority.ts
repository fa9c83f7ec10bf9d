import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';
import type { KeyPair } from './certificates.ts';
import { requestedNames, requestedSubject } from './requested.ts';

/* Loaded only when certificates have to be made: see certificates.ts. */

export interface Subject {
  commonName: string;
  organizations?: readonly string[];
  hosts?: readonly string[];
  use: 'server' | 'client';
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
/** Clocks of clients may be behind. */
const backdated = 5 * 60 * 1000;
/** What is asked for less than this (ms) has its whole time still before it; all else counts from where it is dated back to. */
const short = 8 * 3600 * 1000;

x509.cryptoProvider.set(webcrypto as unknown as Crypto);

/** A certificate authority of one's own. */
export class Authority {
  constructor(
    private readonly issuer: x509.X509Certificate,
    private readonly privateKey: CryptoKey,
    readonly certificate: string,
    readonly key: string,
  ) {}

  /** Times are milliseconds since the epoch, and from then on. */
  async issue(subject: Subject, now: number, lifetime: number): Promise<KeyPair> {
    const keys = await newKeys();
    const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
    const extensions: x509.Extension[] = [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([subject.use === 'server' ? serverAuth : clientAuth]),
      await x509.AuthorityKeyIdentifierExtension.create(this.issuer.publicKey),
    ];
    if (subject.hosts?.length)
      extensions.push(
        new x509.SubjectAlternativeNameExtension(subject.hosts.map((host) => ({ type: isIP(host) ? ('ip' as const) : ('dns' as const), value: host }))),
      );
    const made = await x509.X509CertificateGenerator.create({
      serialNumber: newSerial(),
      subject: nameOf(subject),
      issuer: this.issuer.subjectName,
      notBefore: new Date(now - backdated),
      notAfter: new Date(now + lifetime),
      signingKey: this.privateKey,
      publicKey: keys.publicKey,
      signingAlgorithm: algorithm,
      extensions,
    });
    return { certificate: `${made.toString('pem')}\n`, key: await pemOf(keys.privateKey) };
  }

  /** Takes over no more of a request than its key, its subject and its names. Rejects when this authority has expired. */
  async sign(request: x509.Pkcs10CertificateRequest, usages: readonly string[], now: number, lifetime: number): Promise<string> {
    const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
    const extended = [...(usages.includes('server auth') ? [serverAuth] : []), ...(usages.includes('client auth') ? [clientAuth] : [])];
    const flags = (usages.includes('digital signature') ? x509.KeyUsageFlags.digitalSignature : 0) | (usages.includes('key encipherment') ? x509.KeyUsageFlags.keyEncipherment : 0);
    const { notAfter } = this.issuer;
    const expiry = notAfter.toISOString();
    if (now - backdated >= notAfter.getTime()) throw new Error(`the signer has expired: NotAfter=${expiry}`);
    if (now >= notAfter.getTime()) throw new Error(`refusing to sign a certificate that expired in the past: NotAfter=${expiry}`);
    const subject = requestedSubject(request);
    const names = requestedNames(request, subject.toJSON().length === 0);
    const made = await x509.X509CertificateGenerator.create({
      serialNumber: newSerial(),
      subject,
      issuer: this.issuer.subjectName,
      notBefore: new Date(now - backdated),
      notAfter: new Date(Math.min(now + lifetime - (lifetime < short ? 0 : backdated), notAfter.getTime())),
      signingKey: this.privateKey,
      publicKey: request.publicKey,
      signingAlgorithm: algorithm,
      extensions: [
        ...(flags ? [new x509.KeyUsagesExtension(flags, true)] : []),
        ...(extended.length ? [new x509.ExtendedKeyUsageExtension(extended)] : []),
        new x509.BasicConstraintsExtension(false, undefined, true),
        await x509.AuthorityKeyIdentifierExtension.create(this.issuer.publicKey),
        ...(names ? [names] : []),
      ],
    });
    return `${made.toString('pem')}\n`;
  }
}

/** What is signed for somebody who keeps their key: PEM. `usages` are those of a CertificateSigningRequest. */
export async function signRequest(authority: Authority, request: Buffer, usages: readonly string[], now: number, lifetime: number): Promise<string> {
  return authority.sign(new x509.Pkcs10CertificateRequest(new Uint8Array(request)), usages, now, lifetime);
}

export async function createAuthority(now: number, lifetime: number, commonName = 'skiff-ca'): Promise<Authority> {
  const keys = await newKeys();
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: nameOf({ commonName }),
    notBefore: new Date(now - backdated),
    notAfter: new Date(now + lifetime),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return new Authority(made, keys.privateKey, `${made.toString('pem')}\n`, await pemOf(keys.privateKey));
}

/** An authority from its PEM files. */
export async function openAuthority(certificate: string, key: string): Promise<Authority> {
  const der = createPrivateKey(key).export({ type: 'pkcs8', format: 'der' });
  const privateKey = (await webcrypto.subtle.importKey('pkcs8', der, algorithm, true, ['sign'])) as CryptoKey;
  return new Authority(new x509.X509Certificate(certificate), privateKey, certificate, key);
}

const newKeys = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) as Promise<CryptoKeyPair>;

async function pemOf(key: CryptoKey): Promise<string> {
  const der = await webcrypto.subtle.exportKey('pkcs8', key);
  return createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' }).export({ type: 'pkcs8', format: 'pem' }) as string;
}

/** A positive number of 127 bits. */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString('hex');
}

function nameOf({ commonName, organizations = [] }: Pick<Subject, 'commonName' | 'organizations'>): x509.Name {
  return new x509.Name([...organizations.map((name) => ({ O: [name] })), { CN: [commonName] }]);
}
