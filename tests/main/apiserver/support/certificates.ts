import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

export interface PemPair {
  certificate: string;
  key: string;
}

/** A small authority for tests: one CA that signs servers and clients. */
export class TestAuthority {
  private constructor(
    readonly certificate: string,
    private readonly issuer: string,
    private readonly keys: CryptoKeyPair,
  ) {}

  static async create(): Promise<TestAuthority> {
    const keys = await generate();
    const ca = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: '01',
      name: 'CN=test-ca',
      notBefore: new Date('2020-01-01'),
      notAfter: new Date('2100-01-01'),
      signingAlgorithm: algorithm,
      keys,
      extensions: [new x509.BasicConstraintsExtension(true, 1, true)],
    });
    return new TestAuthority(ca.toString('pem'), ca.subject, keys);
  }

  server(): Promise<PemPair> {
    return this.#issue('CN=kube-apiserver', [
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'dns', value: 'kubernetes.default.svc' },
        { type: 'ip', value: '127.0.0.1' },
      ]),
    ]);
  }

  client(name: string, groups: string[]): Promise<PemPair> {
    return this.#issue([`CN=${name}`, ...groups.map((g) => `O=${g}`)].join(', '), []);
  }

  async #issue(subject: string, extensions: x509.Extension[]): Promise<PemPair> {
    const keys = await generate();
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: String(Math.abs(hash(subject)) + 2).padStart(4, '0').replace(/^(.(..)*)$/, '0$1'),
      subject,
      issuer: this.issuer,
      notBefore: new Date('2020-01-01'),
      notAfter: new Date('2100-01-01'),
      signingAlgorithm: algorithm,
      publicKey: keys.publicKey,
      signingKey: this.keys.privateKey,
      extensions,
    });
    const der = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    return { certificate: certificate.toString('pem'), key: x509.PemConverter.encode(der, 'PRIVATE KEY') };
  }
}

function generate(): Promise<CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) as Promise<CryptoKeyPair>;
}

function hash(text: string): number {
  let value = 0;
  for (const char of text) value = (value * 31 + char.charCodeAt(0)) | 0;
  return value;
}
