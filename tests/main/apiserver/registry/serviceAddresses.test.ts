import { afterEach, beforeEach, expect, it } from 'vitest';
import type { IPAddress, Service, ServiceCIDR } from '../../../../main/api/index.ts';
import { bootstrapCluster } from '../../../../main/bootstrap/index.ts';
import { TestCluster } from './testCluster.ts';

let cluster: TestCluster;
beforeEach(async () => {
  cluster = await TestCluster.start();
  await bootstrapCluster(cluster.client());
});
afterEach(() => cluster.close());

const networking = '/apis/networking.k8s.io/v1';
const services = '/api/v1/namespaces/default/services';
const web = (over: object = {}, name = 'web') => ({ metadata: { name }, spec: { ports: [{ port: 80 }], ...over } });
const make = (over: object = {}, name = 'web') => cluster.ask<Service>('POST', services, web(over, name));
const address = (ip: string) => cluster.ask<IPAddress>('GET', `${networking}/ipaddresses/${ip}`);
const addresses = async () => (await cluster.ask<{ items: IPAddress[] }>('GET', `${networking}/ipaddresses`)).items.map(({ metadata }) => metadata!.name!);
const range = (name: string, cidr: string) => cluster.ask<ServiceCIDR>('POST', `${networking}/servicecidrs`, { metadata: { name }, spec: { cidrs: [cidr] } });
const say = (name: string, status: 'True' | 'False') =>
  cluster.ask('PUT', `${networking}/servicecidrs/${name}/status`, {
    metadata: { name },
    status: { conditions: [{ type: 'Ready', status, reason: 'x', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' }] },
  });

it('an address that a Service holds is an object that says whose it is, and goes with the Service', async () => {
  const { spec } = await make();
  const ip = spec!.clusterIP!;
  expect(await address(ip)).toMatchObject({
    metadata: { labels: { 'ipaddress.kubernetes.io/ip-family': 'IPv4', 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io' } },
    spec: { parentRef: { resource: 'services', namespace: 'default', name: 'web' } },
  });
  expect((await address(ip)).metadata!.managedFields).toEqual([
    {
      manager: 'kube-apiserver',
      operation: 'Update',
      apiVersion: 'networking.k8s.io/v1',
      time: expect.any(String) as string,
      fieldsType: 'FieldsV1',
      fieldsV1: {
        'f:metadata': { 'f:labels': { '.': {}, 'f:ipaddress.kubernetes.io/ip-family': {}, 'f:ipaddress.kubernetes.io/managed-by': {} } },
        'f:spec': { 'f:parentRef': { '.': {}, 'f:name': {}, 'f:namespace': {}, 'f:resource': {} } },
      },
    },
  ]);
  await cluster.ask('DELETE', `${services}/web`);
  expect(await addresses()).not.toContain(ip);
});

it('gives random addresses from the upper part and leaves the first ones to who asks for them', async () => {
  const { spec } = await make();
  const [, , third, fourth] = spec!.clusterIP!.split('.').map(Number);
  expect(third! * 256 + fourth!).toBeGreaterThan(256);
  expect((await make({ clusterIP: '10.96.0.77' }, 'asks')).spec!.clusterIP).toBe('10.96.0.77');
});

it.each([
  ['that another has', '10.96.0.1', 'provided IP is already allocated'],
  ['of no range', '10.97.0.5', 'the provided network does not match the current range'],
  ['that is the network itself', '10.96.0.0', 'the provided IP (10.96.0.0) is not in the valid range. The range of valid IPs is 10.96.0.0/16'],
])('refuses an address %s and takes nothing', async (_name, clusterIP, why) => {
  const before = await addresses();
  expect(await cluster.refusal('POST', services, web({ clusterIP }))).toBe(`Service "web" is invalid: spec.clusterIPs: Invalid value: ["${clusterIP}"]: failed to allocate IP ${clusterIP}: ${why}`);
  expect(await addresses()).toEqual(before);
});

it('a Service whose name is taken leaves no address behind', async () => {
  await make();
  const before = await addresses();
  expect(await cluster.refusal('POST', services, web())).toContain('already exists');
  expect(await addresses()).toEqual(before);
});

it('becomes an ExternalName and gives its address back, and gets another as it returns', async () => {
  const made = await make();
  const ip = made.spec!.clusterIP!;
  const outside = await cluster.ask<Service>('PUT', `${services}/web`, { ...made, spec: { type: 'ExternalName', externalName: 'example.com' } });
  expect(await addresses()).not.toContain(ip);
  const back = await cluster.ask<Service>('PUT', `${services}/web`, { ...outside, spec: { type: 'ClusterIP', ports: [{ port: 80 }] } });
  expect(await addresses()).toContain(back.spec!.clusterIP);
});

it('takes addresses from another range when one is full, and from none that is not ready', async () => {
  await range('small', '10.200.0.0/30');
  await say('kubernetes', 'False');
  const given = [(await make({}, 'a')).spec!.clusterIP!, (await make({}, 'b')).spec!.clusterIP!];
  expect(given.sort()).toEqual(['10.200.0.1', '10.200.0.2']);
  expect(await cluster.refusal('POST', services, web())).toContain('failed to allocate a serviceIP for Service "web": range is full');
  await say('kubernetes', 'True');
  expect((await make()).spec!.clusterIP).toMatch(/^10\.96\./);
  await say('small', 'False');
  await cluster.ask('DELETE', `${services}/a`);
  expect(await cluster.refusal('POST', services, web({ clusterIP: given[0] }, 'c'))).toContain('the provided network does not match the current range');
});

it.each([
  ['asks for two families', { ipFamilyPolicy: 'RequireDualStack' }, 'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services'],
  ['asks for another family', { ipFamilies: ['IPv6'] }, 'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster'],
])('a Service that %s is refused in a cluster of one', async (_name, over, why) => {
  expect(await cluster.refusal('POST', services, web(over))).toContain(why);
});

it('a headless Service without a selector has both families all the same', async () => {
  const { spec } = await make({ clusterIP: 'None' });
  expect(spec).toMatchObject({ ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv4', 'IPv6'], clusterIPs: ['None'] });
});

it('who prefers two families gets the one that there is', async () => {
  const { spec } = await make({ ipFamilyPolicy: 'PreferDualStack' });
  expect(spec).toMatchObject({ ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv4'] });
  expect(spec!.clusterIPs).toHaveLength(1);
});
