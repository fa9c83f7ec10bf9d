import { expect, test } from 'vitest';
import { collectImageFiles, parseLdd } from '../../../main/runtime/docker/imageFiles.ts';
import { addressOf, candidates, overlaps, placeIPv6, podCIDROf, rangeBeside } from '../../../main/runtime/docker/machinesNetwork.ts';

test('the libraries of a program, as ldd names them', () => {
  const glibc = [
    '\tlinux-vdso.so.1 (0x00007f62d2b2e000)',
    '\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f62d25fe000)',
    '\tlibgone.so => not found',
    '\t/lib64/ld-linux-x86-64.so.2 (0x00007f62d2b30000)',
  ].join('\n');
  expect(parseLdd(glibc)).toEqual(['/lib/x86_64-linux-gnu/libc.so.6', '/lib64/ld-linux-x86-64.so.2']);
  expect(
    parseLdd('\t/lib/ld-musl-x86_64.so.1 (0x7f)\n\tlibc.musl-x86_64.so.1 => /lib/ld-musl-x86_64.so.1 (0x7f)\n'),
  ).toEqual(['/lib/ld-musl-x86_64.so.1']);
  expect(parseLdd('\tstatically linked\n')).toEqual([]);
});

test.skipIf(process.platform !== 'linux')(
  'an image put together has what nodes and pods call, each parent before its child',
  async () => {
    const files = await collectImageFiles(process.env).catch((error: Error) => error);
    // A machine without nft cannot make the image, and says so.
    if (files instanceof Error) return expect(files.message).toMatch(/^this machine lacks /);
    const paths = files.map((file) => file.path);
    expect(paths).toEqual(
      expect.arrayContaining([
        'usr/bin/node',
        'usr/bin/nft',
        'bin/sh',
        'bin/ip',
        'bin/sleep',
        'bin/mkfifo',
        'etc/passwd',
        'etc/nsswitch.conf',
        'var/lib/skiff',
      ]),
    );
    expect(new Set(paths).size).toBe(paths.length);
    for (const [index, file] of files.entries()) {
      const parent = file.path.split('/').slice(0, -1).join('/');
      if (parent) expect(paths.indexOf(parent)).toBeLessThan(index);
    }
  },
);

test('addresses of nodes and their pods', () => {
  const network = { id: 'x', subnet: '10.245.0.0/16', labels: {} };
  expect([addressOf(network, 1), addressOf(network, 253)]).toEqual(['10.245.0.2', '10.245.0.254']);
  expect([podCIDROf(network, 1), podCIDROf('10.245.0.9', 200)]).toEqual(['10.245.1.0/24', '10.245.200.0/24']);
  expect(() => addressOf(network, 254)).toThrow('at most 253 nodes');
});

test('addresses of IPv6 have the numbers of those of IPv4', () => {
  expect(rangeBeside('10.244.0.0/16')).toBe('fd00:10:244::/64');
  const network = { id: '', subnet: '10.244.0.0/16', subnetIPv6: 'fd00:10:244::/64', labels: {} };
  expect(placeIPv6(network, 1)).toEqual({ ipv6: 'fd00:10:244::2', podCIDRv6: 'fd00:10:244:0:1::/80' });
  expect(placeIPv6(network, 200)).toEqual({ ipv6: 'fd00:10:244::c9', podCIDRv6: 'fd00:10:244:0:c8::/80' });
  expect(placeIPv6({ id: '', subnet: '10.244.0.0/16', labels: {} }, 1)).toEqual({});
});

test('a cluster takes the next range when its own is taken, and never that of Services', () => {
  expect(overlaps('10.244.0.0/16', '10.244.7.0/24')).toBe(true);
  expect(overlaps('10.244.0.0/16', '10.245.0.0/16')).toBe(false);
  expect(overlaps('10.244.0.0/16', 'fd00::/64')).toBe(false);
  expect(candidates('10.244.0.0/16', ['10.244.0.0/16', '10.245.3.0/24', '172.17.0.0/16', ''])[0]).toBe('10.246.0.0/16');
  const all = candidates('10.244.0.0/16', []);
  expect(all[0]).toBe('10.244.0.0/16');
  expect(all).not.toContain('10.96.0.0/16');
  expect(candidates('10.244.0.0/16', ['10.0.0.0/8'])).toEqual([]);
});
