import { createPrivateKey, createPublicKey, X509Certificate, type KeyObject } from 'node:crypto';

interface Block {
  type: string;
  pem: string;
}

/** What stands around PEM blocks is not looked at. */
function blocksOf(text: string): Block[] {
  return [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----\s[\s\S]*?-----END \1-----/g)].map((match) => ({ type: match[1]!, pem: match[0] }));
}

/** Why a certificate and a key do not belong together, in the words of Go's crypto/tls (X509KeyPair); undefined: they do. */
export function keyPairProblem(certificate: string, key: string): string | undefined {
  const found = blocksOf(certificate);
  const chain = found.filter(({ type }) => type === 'CERTIFICATE');
  const types = (blocks: Block[]) => `[${blocks.map(({ type }) => type).join(' ')}]`;
  if (!found.length) return 'tls: failed to find any PEM data in certificate input';
  if (!chain.length)
    return found.length === 1 && found[0]!.type.endsWith('PRIVATE KEY')
      ? 'tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched'
      : `tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following types: ${types(found)}`;
  const inKey = blocksOf(key);
  const own = inKey.find(({ type }) => type === 'PRIVATE KEY' || type.endsWith(' PRIVATE KEY'));
  if (!inKey.length) return 'tls: failed to find any PEM data in key input';
  if (!own)
    return inKey.length === 1 && inKey[0]!.type === 'CERTIFICATE'
      ? 'tls: found a certificate rather than a key in the PEM for the private key'
      : `tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the following types: ${types(inKey)}`;
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(chain[0]!.pem);
  } catch {
    return 'x509: malformed certificate';
  }
  let secret: KeyObject;
  try {
    secret = createPrivateKey(own.pem);
  } catch {
    return 'tls: failed to parse private key';
  }
  if (leaf.publicKey.asymmetricKeyType !== secret.asymmetricKeyType) return 'tls: private key type does not match public key type';
  return leaf.publicKey.equals(createPublicKey(secret)) ? undefined : 'tls: private key does not match public key';
}

/** Whether there is a certificate in a base64 text of PEM, whatever is in it. */
export const holdsCertificate = (text: string): boolean => Buffer.from(text, 'base64').toString('latin1').includes('-----BEGIN CERTIFICATE-----');
