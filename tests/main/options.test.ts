import fs from 'node:fs';
import { describe, expect, test } from 'vitest';
import { defaultData, parseOptions, usage, UsageError, desktopOptions } from '../../main/options.ts';

describe('the options of a start', () => {
  test('nothing asked is one node on whatever runtime answers', () => {
    expect(parseOptions([])).toMatchObject({ action: 'start', headless: false, name: 'default', runtime: 'auto', nodes: 1, port: 0 });
  });

  test('values come behind the flag or behind an equals sign', () => {
    expect(parseOptions(['--name', 'dev', '--nodes=3', '--runtime=simulated', '--port', '7443', '--data=/var/skiff', '--scheduler-config=/etc/s.yaml', '--admission-config=/etc/a.yaml', '--audit-policy=/etc/p.yaml', '--audit-log', '/var/a.log', '--dual-stack', '--headless', '--feature-gates=MaxUnavailableStatefulSet=true'])).toMatchObject({
      name: 'dev',
      nodes: 3,
      runtime: 'simulated',
      port: 7443,
      data: '/var/skiff',
      schedulerConfig: '/etc/s.yaml',
      admissionConfig: '/etc/a.yaml',
      auditPolicy: '/etc/p.yaml',
      auditLog: '/var/a.log',
      dualStack: true,
      featureGates: { MaxUnavailableStatefulSet: true },
      headless: true,
    });
  });

  test('an etcd is named by its servers', () => {
    expect(parseOptions([]).etcd).toBeUndefined();
    expect(parseOptions(['--etcd-servers', 'https://10.0.0.5:2379,http://localhost:2379/']).etcd).toEqual({ servers: ['https://10.0.0.5:2379', 'http://localhost:2379'], prefix: '/skiff' });
    expect(parseOptions(['--etcd-prefix=/registry/skiff/', '--etcd-servers=http://[::1]:2379', '--etcd-cafile=/ca.crt', '--etcd-certfile=/c.crt', '--etcd-keyfile=/c.key']).etcd).toEqual({
      servers: ['http://[::1]:2379'],
      prefix: '/registry/skiff',
      caFile: '/ca.crt',
      certFile: '/c.crt',
      keyFile: '/c.key',
    });
  });

  test.each([
    [['--etcd-servers', '10.0.0.5:2379'], '--etcd-servers takes URLs such as https://10.0.0.5:2379, not "10.0.0.5:2379"'],
    [['--etcd-servers', 'https://a:2379/path'], '--etcd-servers takes URLs such as https://10.0.0.5:2379, not "https://a:2379/path"'],
    [['--etcd-servers=http://a:1', '--etcd-prefix', 'skiff'], '--etcd-prefix takes a path such as /skiff, not "skiff"'],
    [['--etcd-servers=http://a:1', '--etcd-prefix', '/'], '--etcd-prefix takes a path such as /skiff, not ""'],
    [['--etcd-prefix', '/skiff'], '--etcd-prefix, --etcd-cafile, --etcd-certfile and --etcd-keyfile go with --etcd-servers'],
    [['--etcd-servers=http://a:1', '--etcd-certfile', '/c.crt'], '--etcd-certfile and --etcd-keyfile go together'],
    [['--etcd-servers=http://a:1', '--reset'], '--reset cannot be used with --etcd-servers, since other engines may use what is there: end them, remove the keys with "etcdctl del --prefix /skiff/", and start with --delete and then anew'],
    [['--nodes', '0'], '--nodes takes a whole number from 1 to 5000, not "0"'],
    [['--nodes', '1.5'], '--nodes takes a whole number from 1 to 5000, not "1.5"'],
    [['--port', '70000'], '--port takes a whole number from 0 to 65535, not "70000"'],
    [['--runtime', 'podman'], '--runtime takes docker, simulated or auto, not "podman"'],
    [['--name', '../x'], '--name takes at most 40 lower case letters, digits and dashes, not "../x"'],
    [['--name'], '--name needs a value'],
    [['--feature-gates', 'Frob=true'], '--feature-gates: unrecognized feature gate: Frob'],
    [['--feature-gates', 'MaxUnavailableStatefulSet'], '--feature-gates: missing bool value for MaxUnavailableStatefulSet'],
    [['--feature-gates', 'MaxUnavailableStatefulSet=yes'], '--feature-gates: invalid value of MaxUnavailableStatefulSet=yes'],
    [['up'], '"up" is not an option of Skiff'],
  ])('%j is refused with the reason', (words, message) => {
    expect(() => parseOptions(words)).toThrow(new UsageError(message));
  });

  test('data lies where the platform keeps it', () => {
    expect(defaultData({ XDG_DATA_HOME: '/d' }, 'linux')).toBe('/d/skiff');
    expect(defaultData({}, 'darwin')).toMatch(/Library\/Application Support\/Skiff$/);
  });

  test('each of them is in the table of the README', () => {
    const flags = usage.match(/^ {2}--[a-z-]+/gm)!.map((flag) => flag.trim());
    const table = fs.readFileSync(new URL('../../README.md', import.meta.url), 'utf8').match(/^\| `--[a-z-]+/gm)!.map((flag) => flag.slice(3));
    expect(flags.length).toBeGreaterThan(10);
    expect(table).toEqual(flags);
  });
});

describe('the words that the desktop app was started with', () => {
  test('hold options with their values, files to open and a switch of Chromium', () => {
    expect(desktopOptions(['--no-sandbox', '--data', '/srv/skiff', 'pod.yaml', '--name=blue', '--audit-policy', 'policy.yaml', '--reset'])).toMatchObject({ data: '/srv/skiff', name: 'blue', auditPolicy: expect.stringMatching(/policy\.yaml$/), action: 'reset' });
  });

  test('are refused where they are no options', () => {
    expect(desktopOptions(['--etcd-servers', 'http://127.0.0.1:2379', '--etcd-prefix', '/a', 'pod.yaml'])).toMatchObject({ etcd: { servers: ['http://127.0.0.1:2379'], prefix: '/a' } });
    expect(() => desktopOptions(['--nodes', 'many'])).toThrow('--nodes takes a whole number');
    expect(() => desktopOptions(['--heedless'])).toThrow('is not an option of Skiff');
  });
});
