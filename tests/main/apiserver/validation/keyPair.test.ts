import { expect, it } from 'vitest';
import { keyPairProblem } from '../../../../main/apiserver/validation/keyPair.ts';
import { TestAuthority } from '../support/certificates.ts';

const authority = await TestAuthority.create();
const [one, other] = [await authority.server(), await authority.server()];

it.each<[string, string, string, string | undefined]>([
  ['that belong together', one.certificate, one.key, undefined],
  ['of two pairs', one.certificate, other.key, 'tls: private key does not match public key'],
  ['that are nothing', 'x', one.key, 'tls: failed to find any PEM data in certificate input'],
  ['of which one is missing', one.certificate, '', 'tls: failed to find any PEM data in key input'],
  ['that changed places', one.key, one.certificate, 'tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched'],
  ['that are both certificates', one.certificate, other.certificate, 'tls: found a certificate rather than a key in the PEM for the private key'],
  ['with a broken certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', one.key, 'x509: malformed certificate'],
])('certificate and key %s', (_name, certificate, key, expected) => expect(keyPairProblem(certificate, key)).toBe(expected));
