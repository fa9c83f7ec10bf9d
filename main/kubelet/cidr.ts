/** The IPv4 addresses of a range from its `first`th on, without the broadcast address. */
export function addressesOf(cidr: string, first: number): string[] {
  const [base, bits] = cidr.split('/') as [string, string];
  const start = base.split('.').reduce((value, part) => value * 256 + Number(part), 0);
  const size = 2 ** (32 - Number(bits));
  const addresses: string[] = [];
  for (let offset = first; offset < size - 1; offset++) {
    const value = start + offset;
    addresses.push([24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.'));
  }
  return addresses;
}
