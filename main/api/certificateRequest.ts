/** What somebody wants to have certified (PKCS #10). */
export interface CertificateRequest {
  /** DER. */
  bytes: Buffer;
  commonName: string;
  organizations: string[];
  dnsNames: string[];
  addresses: string[];
  emails: string[];
  uris: string[];
}

/**
 * Reads the request in a CertificateSigningRequest (base64 of PEM). Rejects with upstream's words when it is none, or was
 * not signed by its own key. The library that reads it is loaded only then.
 */
export async function parseCertificateRequest(base64: string): Promise<CertificateRequest> {
  const pem = Buffer.from(base64, 'base64').toString('utf8');
  const block = /-----BEGIN ((?:NEW )?CERTIFICATE REQUEST)-----([\s\S]+?)-----END \1-----/.exec(pem);
  if (!block || block[1] !== 'CERTIFICATE REQUEST') throw new Error('PEM block type must be CERTIFICATE REQUEST');
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const bytes = Buffer.from(block[2]!.replaceAll(/\s/g, ''), 'base64');
  let request;
  try {
    request = new x509.Pkcs10CertificateRequest(new Uint8Array(bytes));
  } catch (error) {
    throw new Error(`asn1: structure error: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  if (!(await request.verify())) throw new Error('x509: signature does not fit the key of the request');
  const extension = request.getExtension('2.5.29.17') as InstanceType<typeof x509.SubjectAlternativeNameExtension> | null;
  const names = extension?.names.items ?? [];
  const of = (...types: string[]) => names.filter(({ type }) => types.includes(type)).map(({ value }) => value);
  return {
    bytes,
    commonName: request.subjectName.getField('CN')[0] ?? '',
    organizations: request.subjectName.getField('O'),
    dnsNames: of('dns'),
    addresses: of('ip'),
    emails: of('email'),
    uris: of('url'),
  };
}
