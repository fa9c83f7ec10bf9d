import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { beforeAll, expect, it } from 'vitest';
import { createAuthority, signRequest, type Authority } from '../../../main/bootstrap/authority.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const now = Date.parse('2026-03-01T00:00:00Z');
const hour = 3_600_000;
const usages = ['key encipherment', 'digital signature', 'client auth'];
let authority: Authority;
beforeAll(async () => {
  x509.cryptoProvider.set(webcrypto as unknown as Crypto);
  authority = await createAuthority(now, 24 * hour);
});

async function signed(name: x509.JsonNameParams, extensions: x509.Extension[] = [], at = now): Promise<x509.X509Certificate> {
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as unknown as CryptoKeyPair;
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ name: new x509.Name(name), keys, signingAlgorithm: algorithm, extensions });
  return new x509.X509Certificate(await signRequest(authority, Buffer.from(request.rawData), usages, at, hour));
}
const namesOf = (certificate: x509.X509Certificate) => certificate.getExtension('2.5.29.17') as x509.SubjectAlternativeNameExtension | null;

it('names come in the order of their kinds, and kinds that nobody knows stay out', async () => {
  const asked: x509.JsonGeneralNames = [
    { type: 'url', value: 'spiffe://x/y' },
    { type: 'ip', value: '10.0.0.7' },
    { type: 'id', value: '1.2.3.4' },
    { type: 'dns', value: 'b.example' },
    { type: 'email', value: 'who@example.com' },
    { type: 'dn', value: 'CN=elsewhere' },
    { type: 'dns', value: 'a.example' },
  ];
  const extension = namesOf(await signed([{ CN: ['jane'] }], [new x509.SubjectAlternativeNameExtension(asked, true)]));
  expect(extension!.names.items.map(({ type, value }) => `${type} ${value}`)).toEqual(['dns b.example', 'dns a.example', 'email who@example.com', 'ip 10.0.0.7', 'url spiffe://x/y']);
  expect(extension!.critical).toBe(false);
});

it('without names of a kind that is known there is no such extension', async () => {
  expect(namesOf(await signed([{ CN: ['jane'] }], [new x509.SubjectAlternativeNameExtension([{ type: 'id', value: '1.2.3.4' }])]))).toBeNull();
});

it('names are critical where there is no subject', async () => {
  const certificate = await signed([{ E: ['only@mail.example'] }], [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'solo' }])]);
  expect(certificate.subject).toBe('');
  expect(namesOf(certificate)!.critical).toBe(true);
});

it('a subject is put together anew out of what is known of it', async () => {
  const { subjectName } = await signed([
    { DC: ['example'] },
    { CN: ['first'] },
    { O: ['zeta'] },
    { O: ['alpha'] },
    { OU: ['unit'] },
    { C: ['DE'] },
    { CN: [{ utf8String: '#"Zoë"' } as unknown as string] },
    { E: ['in@subject.example'] },
  ]);
  expect(subjectName.toJSON()).toEqual([{ C: ['DE'] }, { O: ['zeta', 'alpha'] }, { OU: ['unit'] }, { CN: ['#"Zoë"'] }]);
});

it('of the extensions that a request asks for none but its names is taken over', async () => {
  const certificate = await signed([{ CN: ['jane'] }], [new x509.BasicConstraintsExtension(true, 3, true), new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true)]);
  expect(certificate.extensions.map(({ type }) => type)).toEqual(['2.5.29.15', '2.5.29.37', '2.5.29.19', '2.5.29.35']);
  expect((certificate.getExtension('2.5.29.19') as x509.BasicConstraintsExtension).ca).toBe(false);
  expect((certificate.getExtension('2.5.29.15') as x509.KeyUsagesExtension).usages).toBe(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment);
});

it('an authority that has expired signs nothing', async () => {
  expect((await signed([{ CN: ['jane'] }], [], now + 23.5 * hour)).notAfter.getTime()).toBe(now + 24 * hour);
  await expect(signed([{ CN: ['jane'] }], [], now + 24 * hour)).rejects.toThrow('refusing to sign a certificate that expired in the past: NotAfter=2026-03-02T00:00:00.000Z');
  await expect(signed([{ CN: ['jane'] }], [], now + 25 * hour)).rejects.toThrow('the signer has expired: NotAfter=2026-03-02T00:00:00.000Z');
});
