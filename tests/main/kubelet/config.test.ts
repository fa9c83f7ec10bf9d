import { describe, expect, it } from 'vitest';
import type { ConfigMap, Pod, Secret, Service } from '../../../main/api/index.ts';
import { notFound } from '../../../main/api/status.ts';
import { dnsOf, hostnameOf } from '../../../main/kubelet/config/dns.ts';
import { environmentOf, type ObjectSource } from '../../../main/kubelet/config/environment.ts';
import { valueInEnvFile } from '../../../main/kubelet/config/envFile.ts';
import { expand } from '../../../main/kubelet/config/expansion.ts';
import { serviceEnvironment } from '../../../main/kubelet/config/serviceEnv.ts';
import { AddressPool } from '../../../main/kubelet/addresses.ts';
import { formatSeconds } from '../../../main/kubelet/duration.ts';
import { pullPolicyOf, withDefaultTag } from '../../../main/api/imageReference.ts';
import { cgroupResources, oomScoreAdjust, qosClassOf } from '../../../main/kubelet/qos.ts';

const pod = (spec: Partial<Pod['spec']> = {}): Pod => ({
  metadata: { name: 'web', namespace: 'shop', uid: 'u1', labels: { app: 'web' } },
  spec: { containers: [{ name: 'main', image: 'i' }], nodeName: 'node-1', serviceAccountName: 'robot', ...spec },
});
const facts = { hostIP: '10.0.0.1', hostIPs: ['10.0.0.1', 'fd00::1'], podIP: '10.0.1.2', podIPs: ['10.0.1.2', 'fd00::1:2'], allocatable: { cpu: '4', memory: '1024' } };
const source: ObjectSource = {
  async configMap(_, name): Promise<ConfigMap> {
    if (name !== 'c') throw notFound({ group: '', kind: 'configmap' }, name);
    return { data: { a: '1', b: '2' } };
  },
  async secret(): Promise<Secret> {
    return { data: { p: Buffer.from('pw').toString('base64') } };
  },
};

const noVolumes = async () => undefined;

describe('variables', () => {
  it.each([
    ['$(A)', 'x'],
    ['$$(A)', '$(A)'],
    ['$(MISSING)', '$(MISSING)'],
    ['$(A', '$(A'],
    ['a$', 'a$'],
    ['$A', '$A'],
    ['$$$(A)', '$x'],
  ])('%s becomes %s', (text, result) => {
    expect(expand(text, (name) => (name === 'A' ? 'x' : undefined))).toBe(result);
  });

  it('of a container win over those of envFrom, and those over Services’', async () => {
    const env = await environmentOf(
      pod(),
      {
        name: 'main',
        envFrom: [{ prefix: 'P_', configMapRef: { name: 'c' } }, { configMapRef: { name: 'gone', optional: true } }],
        env: [
          { name: 'P_a', value: 'own' },
          { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          { name: 'IPS', valueFrom: { fieldRef: { fieldPath: 'status.podIPs' } } },
          { name: 'HOST', valueFrom: { fieldRef: { fieldPath: 'status.hostIP' } } },
          { name: 'HOSTS', valueFrom: { fieldRef: { fieldPath: 'status.hostIPs' } } },
          { name: 'SA', valueFrom: { fieldRef: { fieldPath: 'spec.serviceAccountName' } } },
          { name: 'LABEL', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
          { name: 'MEM', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Ki' } } },
          { name: 'PW', valueFrom: { secretKeyRef: { name: 's', key: 'p' } } },
          { name: 'ALL', value: '$(P_b) $(SVC) $(LATER)' },
          { name: 'NOT', valueFrom: { configMapKeyRef: { name: 'c', key: 'z', optional: true } } },
        ],
      },
      new Map([['SVC', 's'], ['P_b', 'service']]),
      source,
      facts,
      noVolumes,
    );
    expect(Object.fromEntries(env)).toEqual({ P_a: 'own', P_b: '2', IP: '10.0.1.2', IPS: '10.0.1.2,fd00::1:2', HOST: '10.0.0.1', HOSTS: '10.0.0.1,fd00::1', SA: 'robot', LABEL: 'web', MEM: '1', PW: 'pw', ALL: '2 s $(LATER)', SVC: 's' });
  });

  it('come from files of volumes', async () => {
    const text = "# made by an init container\nA='one'\nB='two\nlines' # both\nC= 'x'\n";
    const read = async (volume: string, path: string) => (`${volume}/${path}` === 'shared/app.env' ? text : undefined);
    const one = (key: string, optional = false, path = 'app.env') =>
      environmentOf(pod(), { name: 'main', env: [{ name: 'X', valueFrom: { fileKeyRef: { volumeName: 'shared', path, key, optional } } }] }, new Map(), source, facts, read);
    expect((await one('A')).get('X')).toBe('one');
    expect((await one('B')).get('X')).toBe('two\nlines');
    expect((await one('C', true)).has('X')).toBe(false);
    await expect(one('D')).rejects.toThrow('environment variable key "D" not found in file "app.env"');
    await expect(one('A', false, 'gone')).rejects.toThrow("couldn't parse env file");
  });

  it.each([
    ['A', "invalid environment variable format at line 1: missing '='"],
    ["A ='x'", "invalid environment variable format at line 1: whitespace before '=' is not allowed"],
    ['A=x', 'invalid environment variable format at line 1: value must be enclosed in single quotes'],
    ["\nA='x\ny", 'invalid environment variable format starting at line 2: unclosed single quote'],
    ["A='x'y", 'invalid environment variable format at line 1: unexpected content after closing quote'],
  ])('are not read from %j', (text, message) => {
    expect(() => valueInEnvFile(text, 'Z')).toThrow(message);
  });

  it('that are missing are named', async () => {
    const one = (valueFrom: object) => environmentOf(pod(), { name: 'main', env: [{ name: 'X', valueFrom }] }, new Map(), source, facts, noVolumes);
    await expect(one({ configMapKeyRef: { name: 'c', key: 'z' } })).rejects.toThrow("couldn't find key z in ConfigMap shop/c");
    await expect(one({ configMapKeyRef: { name: 'gone', key: 'z' } })).rejects.toThrow('configmap "gone" not found');
  });

  it('tell the limits of the pod, or else of the node, where a container has none', async () => {
    const limit = async (changes: object, resource: string, divisor?: string) =>
      (await environmentOf(pod(changes), { name: 'main', env: [{ name: 'X', valueFrom: { resourceFieldRef: { resource, containerName: 'main', ...(divisor ? { divisor } : {}) } } }] }, new Map(), source, facts, noVolumes)).get('X');
    const containers = (resources: object) => [{ name: 'main', image: 'i', resources }];
    expect(await limit({ containers: containers({}) }, 'limits.memory')).toBe('1024');
    expect(await limit({ containers: containers({ limits: { memory: '0' } }) }, 'limits.memory')).toBe('1024');
    expect(await limit({ containers: containers({}), resources: { limits: { cpu: '1250m', memory: '64Mi' } } }, 'limits.memory')).toBe(String(64 * 2 ** 20));
    expect(await limit({ containers: containers({}), resources: { limits: { cpu: '1250m' } } }, 'limits.cpu')).toBe('2');
    expect(await limit({ containers: containers({ limits: { cpu: '3' } }), resources: { limits: { cpu: '4' } } }, 'limits.cpu')).toBe('3');
    expect(await limit({ containers: containers({ limits: { cpu: '3' } }) }, 'requests.cpu')).toBe('3');
  });

  it('of Services are as Docker’s links were', () => {
    const service: Service = { metadata: { name: 'my-db', namespace: 'shop' }, spec: { clusterIP: '10.96.1.1', ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }] } };
    expect(Object.fromEntries(serviceEnvironment(pod(), [service, { metadata: { name: 'h' }, spec: { clusterIP: 'None' } }], undefined))).toEqual({
      MY_DB_SERVICE_HOST: '10.96.1.1',
      MY_DB_SERVICE_PORT: '5432',
      MY_DB_SERVICE_PORT_SQL: '5432',
      MY_DB_PORT: 'tcp://10.96.1.1:5432',
      MY_DB_PORT_5432_TCP: 'tcp://10.96.1.1:5432',
      MY_DB_PORT_5432_TCP_PROTO: 'tcp',
      MY_DB_PORT_5432_TCP_PORT: '5432',
      MY_DB_PORT_5432_TCP_ADDR: '10.96.1.1',
    });
    expect(serviceEnvironment(pod({ enableServiceLinks: false }), [service], undefined).size).toBe(0);
  });
});

describe('names', () => {
  const settings = { clusterDNS: ['10.96.0.10'], clusterDomain: 'cluster.local' };
  it('are looked for in the cluster first', () => {
    expect(dnsOf(pod(), settings)).toEqual({ servers: ['10.96.0.10'], searches: ['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local'], options: ['ndots:5'] });
  });
  it('are looked for where the pod says', () => {
    const own = pod({ dnsPolicy: 'None', dnsConfig: { nameservers: ['1.1.1.1'], searches: ['x.org'], options: [{ name: 'ndots', value: '2' }] } });
    expect(dnsOf(own, settings)).toEqual({ servers: ['1.1.1.1'], searches: ['x.org'], options: ['ndots:2'] });
  });
  it('leaves out what no resolver takes, and says so', () => {
    const said: string[] = [];
    const domains = Array.from({ length: 31 }, (_, index) => `d${index}.org`);
    const dns = dnsOf(pod({ dnsConfig: { nameservers: ['1.1.1.1', '2.2.2.2', '3.3.3.3'], searches: domains } }), settings, (message) => said.push(message));
    expect(dns.servers).toEqual(['10.96.0.10', '1.1.1.1', '2.2.2.2']);
    expect(dns.searches).toEqual(['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local', ...domains.slice(0, 29)]);
    expect(said).toEqual([
      'Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 10.96.0.10 1.1.1.1 2.2.2.2',
      `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${dns.searches.join(' ')}`,
    ]);
  });
  it('of a pod with a subdomain are complete', () => {
    expect(hostnameOf(pod({ hostname: 'db-0', subdomain: 'db' }), 'cluster.local')).toEqual({ hostname: 'db-0', domainName: 'db.shop.svc.cluster.local' });
    expect(hostnameOf(pod({ hostname: 'db-0', subdomain: 'db', setHostnameAsFQDN: true }), 'cluster.local')).toEqual({
      hostname: 'db-0',
      domainName: 'db.shop.svc.cluster.local',
      hostnameAsFQDN: true,
    });
    expect(() => hostnameOf(pod({ hostname: 'x'.repeat(60), subdomain: 'db', setHostnameAsFQDN: true }), 'cluster.local')).toThrow('is too long (64 is the max, 86 characters requested)');
  });
});

describe('quality of service', () => {
  const of = (resources: object) => pod({ containers: [{ name: 'main', image: 'i', resources }] });
  it.each([
    [{}, 'BestEffort', 1000],
    [{ requests: { memory: '512' } }, 'Burstable', 500],
    [{ limits: { cpu: '1', memory: '512' } }, 'Guaranteed', -997],
    [{ requests: { cpu: '1' }, limits: { cpu: '2', memory: '512' } }, 'Burstable', 999],
  ])('%j is %s with score %i', (resources, qos, score) => {
    const subject = of(resources);
    expect(qosClassOf(subject)).toBe(qos);
    expect(oomScoreAdjust(subject, subject.spec!.containers[0]!, 1024)).toBe(score);
  });
  it.each([
    ['system-node-critical', 2_000_001_000, -997],
    ['system-cluster-critical', 2_000_000_000, 1000],
  ])('%s: the node keeps what it needs itself to the last, not what the cluster needs', (priorityClassName, priority, score) => {
    const subject = pod({ priorityClassName, priority, containers: [{ name: 'main', image: 'i' }] });
    expect(oomScoreAdjust(subject, subject.spec!.containers[0]!, 1024)).toBe(score);
  });
  it('shares what the pod as a whole asks for among its containers', () => {
    const container = (name: string, memory: string) => ({ name, image: 'i', resources: { requests: { memory } } });
    const subject = pod({ resources: { requests: { memory: '512' } }, containers: [container('a', '256'), container('b', '128')] });
    expect(subject.spec!.containers.map((one) => oomScoreAdjust(subject, one, 1024))).toEqual([688, 813]);
  });
  it('becomes shares, quota and limit', () => {
    const subject = of({ requests: { cpu: '250m' }, limits: { cpu: '1500m', memory: '64Mi' } });
    expect(cgroupResources(subject, subject.spec!.containers[0]!, 2 ** 30)).toMatchObject({ cpuShares: 256, cpuQuota: 150_000, cpuPeriod: 100_000, memoryLimit: 67_108_864 });
  });
  it('of a container that says nothing are those of its pod: its share too', () => {
    const subject = pod({ resources: { limits: { cpu: '2' } }, containers: [{ name: 'main', image: 'i' }] });
    expect(cgroupResources(subject, subject.spec!.containers[0]!, 2 ** 30)).toMatchObject({ cpuShares: 2048, cpuQuota: 200_000 });
  });
});

describe('an image', () => {
  it.each([
    ['busybox', 'busybox:latest'],
    ['busybox:1', 'busybox:1'],
    ['localhost:5000/x', 'localhost:5000/x:latest'],
    [`x@sha256:${'a'.repeat(64)}`, `x@sha256:${'a'.repeat(64)}`],
  ])('%s means %s', (image, full) => expect(withDefaultTag(image)).toBe(full));
  it('without a tag is always asked for', () => {
    expect(pullPolicyOf('busybox', undefined)).toBe('Always');
    expect(pullPolicyOf('busybox:1', undefined)).toBe('IfNotPresent');
    expect(pullPolicyOf('busybox', 'Never')).toBe('Never');
  });
});

describe('addresses', () => {
  it('are never given out twice, and a free one comes last again', () => {
    const pool = new AddressPool('10.244.1.0/29', []);
    expect([pool.take('a'), pool.take('b'), pool.take('a')]).toEqual(['10.244.1.2', '10.244.1.3', '10.244.1.2']);
    pool.release('a');
    expect([pool.take('c'), pool.take('d'), pool.take('e'), pool.take('f')]).toEqual(['10.244.1.4', '10.244.1.5', '10.244.1.6', '10.244.1.2']);
    expect(() => pool.take('g')).toThrow('no IP addresses available');
  });

  it('of IPv6 are at the same place of their own range', () => {
    const pool = new AddressPool('10.244.1.0/24', [], 'fd00:10:244:0:1::/80');
    expect(['10.244.1.2', '10.244.1.255'].map((ip) => pool.ipv6Of(ip))).toEqual(['fd00:10:244:0:1::2', 'fd00:10:244:0:1::ff']);
    expect(pool.ipv6Of('10.244.2.2')).toBeUndefined();
    expect(new AddressPool('10.244.1.0/24', []).ipv6Of('10.244.1.2')).toBeUndefined();
  });
});

it('durations read as Go writes them', () => {
  expect([10_000, 80_000, 300_000, 3_600_000].map(formatSeconds)).toEqual(['10s', '1m20s', '5m0s', '1h0m0s']);
});
