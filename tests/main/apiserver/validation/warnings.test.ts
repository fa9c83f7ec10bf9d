import { describe, expect, it } from 'vitest';
import { cidrWarnings, ipWarnings, loadBalancerWarnings } from '../../../../main/apiserver/validation/warnings.ts';

describe('addresses', () => {
  it.each([
    ['10.0.0.1', []],
    ['010.0.0.1', ['f: non-standard IP address "010.0.0.1" is invalid: use "10.0.0.1"']],
    ['::ffff:1.2.3.4', ['f: non-standard IP address "::ffff:1.2.3.4" is invalid: use "1.2.3.4"']],
    ['FD00::1', ['f: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")']],
    ['none', []],
  ])('%s', (ip, expected) => expect(ipWarnings('f', ip)).toEqual(expected));

  it.each([
    ['10.0.0.0/24', []],
    ['10.0.0.1/24', ['f: CIDR value "10.0.0.1/24" is ambiguous in this context (should be "10.0.0.0/24" or "10.0.0.1/32"?)']],
    ['10.0.0.0/024', ['f: non-standard CIDR value "10.0.0.0/024" is invalid: use "10.0.0.0/24"']],
    ['FD00::/64', ['f: IPv6 CIDR value "FD00::/64" should be in RFC 5952 canonical format ("fd00::/64")']],
  ])('%s', (cidr, expected) => expect(cidrWarnings('f', cidr)).toEqual(expected));

  it('of load balancers are told by their place; names are none', () => {
    expect(loadBalancerWarnings({ status: { loadBalancer: { ingress: [{ ip: '10.0.0.1' }, {}, { ip: '001.002.003.004' }] } } })).toEqual([
      'status.loadBalancer.ingress[2]: non-standard IP address "001.002.003.004" is invalid: use "1.2.3.4"',
    ]);
  });
});
