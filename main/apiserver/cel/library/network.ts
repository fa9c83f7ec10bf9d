import { formatIP, parseCIDR, parseIP, type ParsedCIDR, type ParsedIP } from '../../../api/ip.ts';
import { member, type Declare } from '../functions.ts';
import { boolType, intType, opaqueType, stringType } from '../types.ts';
import { CelError, Opaque } from '../values.ts';

export const ipType = opaqueType('net.IP');
export const cidrType = opaqueType('net.CIDR');

class IPValue extends Opaque {
  readonly typeName = ipType.name;
  override readonly costSize: number;
  constructor(readonly ip: ParsedIP) {
    super();
    this.costSize = ip.bytes.length;
  }
  equals(other: IPValue): boolean {
    return formatIP(this.ip) === formatIP(other.ip);
  }
}

class CIDRValue extends Opaque {
  readonly typeName = cidrType.name;
  override readonly costSize: number;
  constructor(readonly cidr: ParsedCIDR) {
    super();
    this.costSize = Math.ceil(cidr.prefixLength / 8);
  }
  equals(other: CIDRValue): boolean {
    return textOf(this) === textOf(other);
  }
  contains(bytes: readonly number[]): boolean {
    const { address, prefixLength } = this.cidr;
    if (bytes.length !== address.bytes.length) return false;
    for (let bit = 0; bit < prefixLength; bit++) {
      const mask = 0x80 >> bit % 8;
      if ((bytes[bit >> 3]! & mask) !== (address.bytes[bit >> 3]! & mask)) return false;
    }
    return true;
  }
}

const textOf = ({ cidr }: CIDRValue) => `${formatIP(cidr.address)}/${cidr.prefixLength}`;

function ip(text: string): IPValue {
  const at = text.indexOf('%');
  const parsed = parseIP(at < 0 ? text : text.slice(0, at));
  const quoted = JSON.stringify(text);
  if (!parsed) throw new CelError(`IP Address ${quoted} parse error during conversion from string: ParseAddr(${quoted}): ${text ? 'unable to parse IP' : 'unable to parse IP'}`);
  if (parsed.leadingZeros) throw new CelError(`IP Address ${quoted} parse error during conversion from string: ParseAddr(${quoted}): IPv4 field has octet with leading zero`);
  if (at >= 0) throw new CelError(`IP address ${quoted} with zone value is not allowed`);
  if (parsed.ipv4Mapped) throw new CelError(`IPv4-mapped IPv6 address ${quoted} is not allowed`);
  return new IPValue(parsed);
}

function cidr(text: string): CIDRValue {
  const parsed = parseCIDR(text);
  const quoted = JSON.stringify(text);
  const context = 'network address parse error during conversion from string: ';
  if (!parsed) throw new CelError(`${context}${context}netip.ParsePrefix(${quoted}): ${text.includes('/') ? 'bad bits after slash or address' : "no '/'"}`);
  if (parsed.leadingZeros) throw new CelError(`${context}${context}netip.ParsePrefix(${quoted}): leading zeros`);
  if (parsed.address.ipv4Mapped) throw new CelError(`${context}IPv4-mapped IPv6 address ${quoted} is not allowed`);
  return new CIDRValue(parsed);
}

function succeeds(parse: (text: string) => unknown, text: string): boolean {
  try {
    parse(text);
    return true;
  } catch {
    return false;
  }
}

const isMulticast = (bytes: readonly number[]) => (bytes.length === 4 ? bytes[0]! >> 4 === 0xe : bytes[0] === 0xff);
const isUnspecified = (bytes: readonly number[]) => bytes.every((byte) => byte === 0);
const isLoopback = (bytes: readonly number[]) => (bytes.length === 4 ? bytes[0] === 127 : bytes.slice(0, 15).every((byte) => byte === 0) && bytes[15] === 1);
const isLinkLocal = (bytes: readonly number[]) =>
  bytes.length === 4 ? bytes[0] === 169 && bytes[1] === 254 : bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80;
const isLinkLocalMulticast = (bytes: readonly number[]) =>
  bytes.length === 4 ? bytes[0] === 224 && bytes[1] === 0 && bytes[2] === 0 : bytes[0] === 0xff && (bytes[1]! & 0x0f) === 0x02;
const isGlobal = (bytes: readonly number[]) =>
  !isUnspecified(bytes) && !isLoopback(bytes) && !isMulticast(bytes) && !isLinkLocal(bytes) && !(bytes.length === 4 && bytes.every((byte) => byte === 255));

/** Addresses and networks; mirrors k8s.io/apiserver/pkg/cel/library (ip.go, cidr.go). */
export function networkLibrary(add: Declare): void {
  add('ip', 'string_to_ip', [stringType], ipType, ip);
  add('ip', 'cidr_ip', [cidrType], ipType, (value: CIDRValue) => new IPValue(value.cidr.address), member);
  add('isIP', 'is_ip', [stringType], boolType, (text: string) => succeeds(ip, text));
  add('ip.isCanonical', 'ip_is_canonical', [stringType], boolType, (text: string) => formatIP(ip(text).ip) === text);
  add('string', 'ip_to_string', [ipType], stringType, (value: IPValue) => formatIP(value.ip));
  add('family', 'ip_family', [ipType], intType, (value: IPValue) => (value.ip.bytes.length === 4 ? 4n : 6n), member);
  const tests: Array<[string, string, (bytes: readonly number[]) => boolean]> = [
    ['isUnspecified', 'ip_is_unspecified', isUnspecified],
    ['isLoopback', 'ip_is_loopback', isLoopback],
    ['isLinkLocalMulticast', 'ip_is_link_local_multicast', isLinkLocalMulticast],
    ['isLinkLocalUnicast', 'ip_is_link_local_unicast', isLinkLocal],
    ['isGlobalUnicast', 'ip_is_global_unicast', isGlobal],
  ];
  for (const [name, id, test] of tests) add(name, id, [ipType], boolType, (value: IPValue) => test(value.ip.bytes), member);

  add('cidr', 'string_to_cidr', [stringType], cidrType, cidr);
  add('isCIDR', 'is_cidr', [stringType], boolType, (text: string) => succeeds(cidr, text));
  add('string', 'cidr_to_string', [cidrType], stringType, textOf);
  add('containsIP', 'cidr_contains_ip_string', [cidrType, stringType], boolType, (net: CIDRValue, text: string) => net.contains(ip(text).ip.bytes), member);
  add('containsIP', 'cidr_contains_ip_ip', [cidrType, ipType], boolType, (net: CIDRValue, value: IPValue) => net.contains(value.ip.bytes), member);
  const containsNet = (net: CIDRValue, other: CIDRValue) => net.cidr.prefixLength <= other.cidr.prefixLength && net.contains(other.cidr.address.bytes);
  add('containsCIDR', 'cidr_contains_cidr_string', [cidrType, stringType], boolType, (net: CIDRValue, text: string) => containsNet(net, cidr(text)), member);
  add('containsCIDR', 'cidr_contains_cidr', [cidrType, cidrType], boolType, containsNet, member);
  add('prefixLength', 'cidr_prefix_length', [cidrType], intType, (net: CIDRValue) => BigInt(net.cidr.prefixLength), member);
  add('masked', 'cidr_masked', [cidrType], cidrType, (net: CIDRValue) => new CIDRValue(parseCIDR(net.cidr.network)!), member);
}
