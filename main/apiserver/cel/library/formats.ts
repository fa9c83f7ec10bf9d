import * as names from '../../../api/names.ts';
import { member, type Declare } from '../functions.ts';
import { parseTimestamp } from '../time.ts';
import { listType, objectType, optionalType, stringType } from '../types.ts';
import { ArrayList, Opaque, Optional } from '../values.ts';
import { urlFault } from './urls.ts';

export const formatType = objectType('kubernetes.NamedFormat', {});

class Format extends Opaque {
  readonly typeName = formatType.name;
  constructor(
    readonly name: string,
    readonly check: (text: string) => string[],
    /** How long the regular expression behind it is, or would be. */
    override readonly costSize: number,
  ) {
    super();
  }
  equals(other: Format): boolean {
    return this.name === other.name;
  }
}

/** The start of a name: what follows is generated. */
const prefixOf = (rule: (text: string) => string[]) => (text: string) => rule(text.endsWith('-') ? `${text.slice(0, -1)}a` : text);
const when = (valid: (text: string) => boolean, message: string) => (text: string) => (valid(text) ? [] : [message]);
const isDate = (text: string) => /^\d{4}-\d\d-\d\d$/.test(text) && parseTimestamp(`${text}T00:00:00Z`) !== undefined;
const isUuid = (text: string) => /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(text);
const isBase64 = (text: string) => /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$/.test(text);

const formats: Record<string, Format> = {
  dns1123Label: new Format('DNS1123Label', names.isDns1123Label, 30),
  dns1123Subdomain: new Format('DNS1123Subdomain', names.isDns1123Subdomain, 60),
  dns1035Label: new Format('DNS1035Label', names.isDns1035Label, 30),
  qualifiedName: new Format('QualifiedName', names.isQualifiedName, 60),
  dns1123LabelPrefix: new Format('DNS1123LabelPrefix', prefixOf(names.isDns1123Label), 30),
  dns1123SubdomainPrefix: new Format('DNS1123SubdomainPrefix', prefixOf(names.isDns1123Subdomain), 60),
  dns1035LabelPrefix: new Format('DNS1035LabelPrefix', prefixOf(names.isDns1035Label), 30),
  labelValue: new Format('LabelValue', names.isLabelValue, 40),
  uri: new Format('URI', (text) => [urlFault(text)].filter((fault) => fault !== undefined), 1103),
  uuid: new Format('uuid', when(isUuid, 'does not match the UUID format'), 82),
  byte: new Format('byte', when(isBase64, 'invalid base64'), 84),
  date: new Format('date', when(isDate, 'invalid date'), 80),
  datetime: new Format('datetime', when((text) => parseTimestamp(text) !== undefined, 'invalid datetime'), 80),
};

/** Kubernetes' own formats by name; mirrors k8s.io/apiserver/pkg/cel/library (format.go). */
export function formatsLibrary(add: Declare): void {
  for (const [name, format] of Object.entries(formats)) add(`format.${name}`, `format.${name}`, [], formatType, () => format);
  add('format.named', 'format-named', [stringType], optionalType(formatType), (name: string) => {
    return Object.hasOwn(formats, name) ? Optional.of(formats[name]!) : Optional.none;
  });
  add('validate', 'format-validate', [formatType, stringType], optionalType(listType(stringType)), (format: Format, text: string) => {
    const faults = format.check(text);
    return faults.length ? Optional.of(new ArrayList(faults)) : Optional.none;
  }, member);
}
