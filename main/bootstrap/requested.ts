import * as x509 from '@peculiar/x509';

/* What a certificate takes over from its request. Mirrors pkg/controller/certificates/authority with what crypto/x509 makes of its template. */

/** Country, province, locality, street, postal code, organization and unit, in the order in which a certificate has them. */
const several = ['2.5.4.6', '2.5.4.8', '2.5.4.7', '2.5.4.9', '2.5.4.17', '2.5.4.10', '2.5.4.11'];
/** Common name and serial number, of which the last one counts. */
const single = ['2.5.4.3', '2.5.4.5'];

/** The subject: only what is known of it, values of one attribute together. */
export function requestedSubject({ subjectName }: x509.Pkcs10CertificateRequest): x509.Name {
  const together = several.map((id) => ({ id, values: subjectName.getField(id) })).filter(({ values }) => values.length > 0);
  const last = single.map((id) => ({ id, values: subjectName.getField(id).slice(-1) })).filter(({ values }) => values[0]);
  return new x509.Name([...together, ...last].map(({ id, values }) => ({ [id]: asSet(values) })));
}

/** The names of the kinds that are known, each kind together; undefined where there are none. Without a subject they say who it is. */
export function requestedNames(request: x509.Pkcs10CertificateRequest, subjectIsEmpty: boolean): x509.SubjectAlternativeNameExtension | undefined {
  const extension = request.getExtension('2.5.29.17') as x509.SubjectAlternativeNameExtension | null;
  const asked = extension?.names.items ?? [];
  const names = (['dns', 'email', 'ip', 'url'] as const).flatMap((type) => asked.filter((name) => name.type === type).map(({ value }) => ({ type, value })));
  return names.length > 0 ? new x509.SubjectAlternativeNameExtension(names, subjectIsEmpty) : undefined;
}

/** As strings of ASN.1, in the order that DER gives to a set: the shorter first, UTF-8 before what can be printed. */
function asSet(values: readonly string[]): x509.JsonAttributeObject[] {
  const rank = (value: string) => ({ bytes: Buffer.from(value), isPlain: x509.Name.isPrintableString(value) });
  const ranked = values.map(rank).sort((a, b) => a.bytes.length - b.bytes.length || Number(a.isPlain) - Number(b.isPlain) || a.bytes.compare(b.bytes));
  return ranked.map(({ bytes, isPlain }) => (isPlain ? { printableString: bytes.toString() } : { utf8String: bytes.toString() }));
}
