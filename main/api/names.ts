import { formatIP, parseCIDR, parseIP } from './ip.ts';

/**
 * The syntax rules of Kubernetes' names. Each function returns what is wrong in upstream's own words; nothing wrong:
 * an empty list. Mirrors k8s.io/apimachinery/pkg/util/validation and pkg/api/validate/content.
 */
type Rule = (value: string) => string[];

const encoder = new TextEncoder();

/** Go counts a string's bytes. */
function longerThan(value: string, max: number): boolean {
  return value.length > max || (value.length * 3 > max && encoder.encode(value).length > max);
}

function patternMessage(what: string, pattern: string, ...examples: string[]): string {
  if (!examples.length) return `${what} (regex used for validation is '${pattern}')`;
  return `${what} (e.g. ${examples.map((example) => `'${example}', `).join(' or ')}regex used for validation is '${pattern}')`;
}

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const labelPattern = new RegExp(`^${label}$`);
const labelMessage = patternMessage(
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  label,
  'my-name',
  '123-abc',
);

const subdomain = `${label}(\\.${label})*`;
const subdomainPattern = new RegExp(`^${subdomain}$`);
const subdomainMessage = patternMessage(
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  subdomain,
  'example.com',
);

const underscoreLabel = '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const underscoreSubdomain = `${underscoreLabel}(\\.${underscoreLabel})*`;
const underscoreSubdomainPattern = new RegExp(`^${underscoreSubdomain}$`);
const underscoreSubdomainMessage = patternMessage(
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character",
  underscoreSubdomain,
  'example.com',
);

const label1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const label1035Pattern = new RegExp(`^${label1035}$`);
const label1035Message = patternMessage(
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  label1035,
  'my-name',
  'abc-123',
);

const wildcard = `\\*\\.${subdomain}`;
const wildcardPattern = new RegExp(`^${wildcard}$`);
const wildcardMessage = patternMessage(
  "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
  wildcard,
  '*.example.com',
);

const qualified = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const qualifiedPattern = new RegExp(`^${qualified}$`);
const qualifiedMessage = patternMessage(
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  qualified,
  'MyName',
  'my.name',
  '123-abc',
);

const labelValue = `(${qualified})?`;
const labelValuePattern = new RegExp(`^${labelValue}$`);
const labelValueMessage = patternMessage(
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  labelValue,
  'MyValue',
  'my_value',
  '12345',
);

const configMapKey = '[-._a-zA-Z0-9]+';
const configMapKeyPattern = new RegExp(`^${configMapKey}$`);
const configMapKeyMessage = patternMessage(
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
  configMapKey,
  'key.name',
  'KEY_NAME',
  'key-name',
);

const envVarName = '[-._a-zA-Z][-._a-zA-Z0-9]*';
const envVarNamePattern = new RegExp(`^${envVarName}$`);
const envVarNameMessage = patternMessage(
  "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit",
  envVarName,
  'my.env-name',
  'MY_ENV.NAME',
  'MyEnvName1',
);

const cIdentifier = '[A-Za-z_][A-Za-z0-9_]*';
const cIdentifierPattern = new RegExp(`^${cIdentifier}$`);
const cIdentifierMessage = patternMessage(
  "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
  cIdentifier,
  'my_name',
  'MY_NAME',
  'MyName',
);

const httpHeaderName = '[-A-Za-z0-9]+';
const httpHeaderNamePattern = new RegExp(`^${httpHeaderName}$`);
const httpHeaderNameMessage = patternMessage(
  "a valid HTTP header must consist of alphanumeric characters or '-'",
  httpHeaderName,
  'X-Header-Name',
);

const percent = '[0-9]+%';
const percentPattern = new RegExp(`^${percent}$`);
const percentMessage = patternMessage("a valid percent string must be a numeric string followed by an ending '%'", percent, '1%', '93%');

const tooManyCharacters = (max: number) => `must be no more than ${max} characters`;
const tooManyBytes = (max: number) => `must be no more than ${max} bytes`;

function check(value: string, max: number, pattern: RegExp, message: string, tooLong = tooManyCharacters): string[] {
  const found: string[] = [];
  if (longerThan(value, max)) found.push(tooLong(max));
  if (!pattern.test(value)) found.push(message);
  return found;
}

/** `my-name`: at most 63 lower case letters, digits and inner hyphens. */
export const isDns1123Label: Rule = (value) =>
  check(value, 63, labelPattern, subdomainPattern.test(value) ? 'must not contain dots' : labelMessage);

/** `example.com`: labels joined by dots, at most 253 characters. */
export const isDns1123Subdomain: Rule = (value) => check(value, 253, subdomainPattern, subdomainMessage);

export const isDns1123SubdomainWithUnderscore: Rule = (value) =>
  check(value, 253, underscoreSubdomainPattern, underscoreSubdomainMessage);

/** `my-name`, as a Service is named: starts with a letter. */
export const isDns1035Label: Rule = (value) => check(value, 63, label1035Pattern, label1035Message);

/** `*.example.com` */
export const isWildcardDns1123Subdomain: Rule = (value) => check(value, 253, wildcardPattern, wildcardMessage);

/** The key of a label or annotation: `name` or `example.com/name`. */
export const isQualifiedName: Rule = (value) => {
  const parts = value.split('/');
  if (parts.length > 2)
    return [`a valid label key ${qualifiedMessage} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  const found: string[] = [];
  const name = parts[parts.length - 1]!;
  if (parts.length === 2) {
    const prefix = parts[0]!;
    if (!prefix) found.push('prefix part must be non-empty');
    else found.push(...check(prefix, 253, subdomainPattern, subdomainMessage, tooManyBytes).map((message) => `prefix part ${message}`));
  }
  if (!name) found.push('name part must be non-empty');
  else if (longerThan(name, 63)) found.push(`name part ${tooManyBytes(63)}`);
  if (!qualifiedPattern.test(name)) found.push(`name part ${qualifiedMessage}`);
  return found;
};

export const isLabelValue: Rule = (value) => check(value, 63, labelValuePattern, labelValueMessage, tooManyBytes);

function relativePathProblem(value: string): string[] {
  if (value === '.' || value === '..') return [`must not be '${value}'`];
  return value.startsWith('..') ? ["must not start with '..'"] : [];
}

/** A key of a ConfigMap or Secret: it becomes a file name. */
export const isConfigMapKey: Rule = (value) => [
  ...check(value, 253, configMapKeyPattern, configMapKeyMessage),
  ...relativePathProblem(value),
];

export const isEnvVarName: Rule = (value) => [
  ...(envVarNamePattern.test(value) ? [] : [envVarNameMessage]),
  ...relativePathProblem(value),
];

/** What 1.36 asks of a container's variables: printable ASCII without `=`. */
export const isRelaxedEnvVarName: Rule = (value) => {
  if (!value) return ['environment variable name must be non-empty'];
  return /^[ -<>-~]+$/.test(value)
    ? []
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
};

/** A port's name (RFC 6335, lower case only). */
export const isPortName: Rule = (value) => {
  const found: string[] = [];
  if (longerThan(value, 15)) found.push(tooManyCharacters(15));
  if (!/^[-a-z0-9]+$/.test(value)) found.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(value)) found.push('must contain at least one letter (a-z)');
  if (value.includes('--')) found.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) found.push('must not begin or end with a hyphen');
  return found;
};

export function isPortNumber(port: number): string[] {
  return Number.isInteger(port) && port >= 1 && port <= 65535 ? [] : ['must be between 1 and 65535, inclusive'];
}

/** The part of a generated name before its random end. */
export const isPathSegmentPrefix: Rule = (value) =>
  ['/', '%'].filter((character) => value.includes(character)).map((character) => `may not contain '${character}'`);

/** Whether the name can stand in a URL's path. */
export const isPathSegmentName: Rule = (value) =>
  value === '.' || value === '..' ? [`may not be '${value}'`] : isPathSegmentPrefix(value);

export const isCIdentifier: Rule = (value) => (cIdentifierPattern.test(value) ? [] : [cIdentifierMessage]);

export const isHttpHeaderName: Rule = (value) => (httpHeaderNamePattern.test(value) ? [] : [httpHeaderNameMessage]);

/** `25%` */
export const isPercent: Rule = (value) => (percentPattern.test(value) ? [] : [percentMessage]);

/** Fields that have always existed (pod and service addresses): any spelling, but no leading zeros, no IPv4-mapped IPv6. */
export const isIP: Rule = (value) => {
  const parsed = parseIP(value);
  if (!parsed) return ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'];
  if (parsed.leadingZeros) return ['must not have leading 0s'];
  return parsed.ipv4Mapped ? ['must not be an IPv4-mapped IPv6 address'] : [];
};

/** Newer fields: only the canonical spelling. */
export const isCanonicalIP: Rule = (value) => {
  const found = isIP(value);
  if (found.length) return found;
  const canonical = formatIP(parseIP(value)!);
  return canonical === value ? [] : [`must be in canonical form ("${canonical}")`];
};

/** Fields that have always existed: any spelling of a network. */
export const isCIDR: Rule = (value) => {
  const parsed = parseCIDR(value);
  if (!parsed) return ['must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'];
  if (parsed.leadingZeros) return ['must not have leading 0s in IP or prefix length'];
  if (parsed.address.ipv4Mapped) return ['must not have an IPv4-mapped IPv6 address'];
  return parsed.hostBits ? ['must not have bits set beyond the prefix length'] : [];
};

/** Newer fields: only the canonical spelling of a network. */
export const isCanonicalCIDR: Rule = (value) => {
  const found = isCIDR(value);
  if (found.length) return found;
  const { network } = parseCIDR(value)!;
  return network === value ? [] : [`must be in canonical form ("${network}")`];
};

/** The canonical spelling of an address with the length of its network's prefix. */
export const isInterfaceAddress: Rule = (value) => {
  const [text = '', length = ''] = value.split('/');
  const address = parseIP(text);
  const network = address && parseCIDR(value);
  if (!network) return ['must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)'];
  const canonical = `${formatIP(address)}/${Number(length)}`;
  return canonical === value ? [] : [`must be in canonical form ("${canonical}")`];
};
