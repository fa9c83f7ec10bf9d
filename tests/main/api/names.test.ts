import { describe, expect, it } from 'vitest';
import * as names from '../../../main/api/names.ts';

const long = 'a'.repeat(300);

describe('names', () => {
  it.each<[keyof typeof names & `is${string}`, string[]]>([
    ['isDns1123Label', ['a', '0', 'a-1', 'a--b', 'a'.repeat(63)]],
    ['isDns1123Subdomain', ['a', '0.0.0.0', 'a.b-c.d', 'a'.repeat(253)]],
    ['isDns1035Label', ['a', 'a-1']],
    ['isQualifiedName', ['a', 'A_b.c-1', 'example.com/Name', `${'a'.repeat(63)}`]],
    ['isLabelValue', ['', 'A_b.c', '1']],
    ['isConfigMapKey', ['a', '.a', 'A_b-c.d']],
    ['isEnvVarName', ['A', '_a.b-c']],
    ['isRelaxedEnvVarName', ['1 a', '@']],
    ['isPortName', ['http', 'a-1']],
    ['isPathSegmentName', ['a:b', '', '...']],
    ['isIP', ['10.0.0.1', '::', 'FE80:0:0::1', '1::1.2.3.4']],
    ['isCanonicalIP', ['10.0.0.1', '::', '2001:db8::1', '1:0:2::']],
    ['isCIDR', ['10.0.0.0/8', '0.0.0.0/0', 'FE80::/10']],
    ['isCanonicalCIDR', ['10.0.0.0/8', 'fe80::/10']],
    ['isPercent', ['25%']],
    ['isHttpHeaderName', ['X-Name']],
    ['isCIdentifier', ['_a1']],
    ['isWildcardDns1123Subdomain', ['*.a.b']],
    ['isDns1123SubdomainWithUnderscore', ['_a.b_c']],
  ])('%s takes what Kubernetes takes', (rule, values) => {
    for (const value of values) expect((names[rule] as (value: string) => string[])(value), value).toEqual([]);
  });

  const label =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
  const subdomain =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

  it.each<[keyof typeof names & `is${string}`, string, string[]]>([
    ['isDns1123Label', 'a.b', ['must not contain dots']],
    ['isDns1123Label', 'A', [label]],
    ['isDns1123Label', '', [label]],
    ['isDns1123Label', 'a'.repeat(64), ['must be no more than 63 characters']],
    ['isDns1123Subdomain', 'a_b', [subdomain]],
    ['isDns1123Subdomain', long, ['must be no more than 253 characters']],
    ['isDns1123Subdomain', 'a\n', [subdomain]],
    [
      'isDns1035Label',
      '1a',
      [
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
      ],
    ],
    [
      'isQualifiedName',
      '/',
      [
        'prefix part must be non-empty',
        'name part must be non-empty',
        "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
      ],
    ],
    ['isQualifiedName', 'a'.repeat(64), ['name part must be no more than 63 bytes']],
    ['isLabelValue', 'a'.repeat(64), ['must be no more than 63 bytes']],
    ['isConfigMapKey', '..', ["must not be '..'"]],
    ['isConfigMapKey', '..a', ["must not start with '..'"]],
    ['isEnvVarName', '.', ["must not be '.'"]],
    ['isRelaxedEnvVarName', 'a=b', ["a valid environment variable name must consist only of printable ASCII characters other than '='"]],
    ['isPortName', '1--', ['must contain at least one letter (a-z)', 'must not contain consecutive hyphens', 'must not begin or end with a hyphen']],
    ['isPathSegmentName', '..', ["may not be '..'"]],
    ['isPathSegmentName', 'a/b%', ["may not contain '/'", "may not contain '%'"]],
    ['isIP', '10.0.0', ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']],
    ['isIP', '1::2::3', ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']],
    ['isIP', '1:2:3:4:5:6:7::8', ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']],
    ['isIP', '10.0.0.01', ['must not have leading 0s']],
    ['isIP', '::ffff:1.2.3.4', ['must not be an IPv4-mapped IPv6 address']],
    ['isCanonicalIP', '1:2:3:4:0:0:0:0', ['must be in canonical form ("1:2:3:4::")']],
    ['isCIDR', '10.0.0.1/24', ['must not have bits set beyond the prefix length']],
    ['isCIDR', '10.0.0.0/33', ['must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)']],
    ['isCIDR', '10.0.0.0/08', ['must not have leading 0s in IP or prefix length']],
    ['isCanonicalCIDR', '2001:0db8::/64', ['must be in canonical form ("2001:db8::/64")']],
  ])('%s says what is wrong with %j', (rule, value, messages) => {
    expect((names[rule] as (value: string) => string[])(value)).toEqual(messages);
  });
});
