import type { Service, ServicePort } from '../../../api/index.ts';
import { equalJson } from '../../../api/json.ts';
import { invalid } from '../../../api/status.ts';
import { FieldErrors } from '../../validation/field.ts';
import { isHeadless, needsClusterIP, needsHealthCheck, needsNodePort, serviceWarnings, validateLoadBalancer, validateService, validateServiceUpdate } from '../../validation/service.ts';
import { check, columns, define, statusSubresource } from '../define.ts';
import { age, formatLabels, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';
import { addressesOf, ipToNumber, portsOf, type ServiceAllocators } from './serviceAllocator.ts';

/* Mirrors pkg/registry/core/service/strategy.go and storage/{storage,alloc}.go, for one family of addresses (IPv4). */

const definition = define('', 'v1', 'Service', 'services', { shortNames: ['svc'], categories: ['all'] });

export function service(allocators: ServiceAllocators): Strategy<Service> {
  return {
    definition,
    hasGeneration: false,
    nameRule: 'dnsLabel',
    allowCreateOnUpdate: true,
    allowUnconditionalUpdate: true,
    defaults,
    prepareForCreate(_context, object) {
      object.status = { loadBalancer: {} };
      const spec = object.spec!;
      if (spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP];
      initFamilies(object, undefined);
    },
    prepareForUpdate(_context, object, old) {
      object.status = old.status;
      patchAllocated(object, old);
      normalizeClusterIPs(object, old);
      initFamilies(object, old);
      dropTypeDependentFields(object, old);
    },
    validate: (_context, object) => check((errors) => validateService(errors, object, undefined)),
    validateUpdate: (_context, object, old) => check((errors) => validateServiceUpdate(errors, object, old)),
    warnings: serviceWarnings,
    async beginWrite(context, object, old) {
      await allocators.load();
      const taken = allocate(allocators, object, old);
      if (context.dryRun) {
        taken.undo();
        return () => {};
      }
      return (committed) => (committed ? taken.releaseOld() : taken.undo());
    },
    afterDelete(object) {
      for (const n of addressesOf(object)) allocators.addresses.release(n);
      for (const n of portsOf(object)) allocators.ports.release(n);
    },
    fields: (object) => ({ 'spec.clusterIP': object.spec?.clusterIP ?? '', 'spec.type': object.spec?.type ?? '' }),
    columns: columns('Name', 'Type', 'Cluster-IP', 'External-IP', 'Port(s)', 'Age', 'Selector!'),
    row: (object, now) => [
      nameOf(object),
      object.spec?.type ?? '',
      object.spec?.clusterIPs?.[0] ?? '<none>',
      externalIP(object),
      ports(object.spec?.ports) || '<none>',
      age(object, now),
      formatLabels(object.spec?.selector),
    ],
    subresources: {
      status: statusSubresource<Service>(definition, (errors, object, old) => validateLoadBalancer(errors, object, old)),
    },
  };
}

/** Mirrors SetDefaults_Service. */
function defaults(object: Service): void {
  const spec = (object.spec ??= {});
  spec.sessionAffinity ||= 'None';
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  if (spec.sessionAffinity === 'ClientIP' && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined)
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: 10800 } };
  spec.type ||= 'ClusterIP';
  for (const port of spec.ports ?? []) {
    port.protocol ||= 'TCP';
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '') port.targetPort = port.port;
  }
  const external = spec.type === 'LoadBalancer' || spec.type === 'NodePort' || (spec.type === 'ClusterIP' && !!spec.externalIPs?.length);
  if (external) spec.externalTrafficPolicy ||= 'Cluster';
  if (spec.type === 'NodePort' || spec.type === 'LoadBalancer' || spec.type === 'ClusterIP') spec.internalTrafficPolicy ??= 'Cluster';
  if (spec.type === 'LoadBalancer') {
    spec.allocateLoadBalancerNodePorts ??= true;
    for (const ingress of object.status?.loadBalancer?.ingress ?? []) if (ingress.ip) ingress.ipMode ??= 'VIP';
  }
  (object.status ??= {}).loadBalancer ??= {};
}

/** Which families the Service has: one, IPv4; a headless one without selector is its maker's business and has both. */
function initFamilies(object: Service, old: Service | undefined): void {
  const spec = object.spec!;
  if (!needsClusterIP(object)) return;
  const selectorless = spec.clusterIP === 'None' && !Object.keys(spec.selector ?? {}).length;
  spec.ipFamilyPolicy ??= old?.spec?.ipFamilyPolicy ?? (selectorless ? 'RequireDualStack' : 'SingleStack');
  const families = [...(spec.ipFamilies ?? [])];
  spec.clusterIPs?.forEach((ip, i) => {
    if (ip !== 'None' && i >= families.length) families.push(ip.includes(':') ? 'IPv6' : 'IPv4');
  });
  if (!families.length) families.push(old?.spec?.ipFamilies?.[0] ?? 'IPv4');
  if (selectorless && families.length < 2 && spec.ipFamilyPolicy !== 'SingleStack') families.push(families[0] === 'IPv4' ? 'IPv6' : 'IPv4');
  spec.ipFamilies = families;
}

/** An update that leaves out what the cluster chose keeps it. */
function patchAllocated({ spec }: Service, old: Service): void {
  const [after, before] = [spec!, old.spec!];
  const given = { spec: after };
  if (needsClusterIP(old) && needsClusterIP(given)) {
    after.clusterIP ||= before.clusterIP;
    if (!after.clusterIPs?.length && before.clusterIPs?.length) after.clusterIPs = [...before.clusterIPs];
  }
  if (needsNodePort(old) && needsNodePort(given)) {
    const inOld = new Set((before.ports ?? []).map((port) => port.nodePort));
    const used = new Set((after.ports ?? []).map((port) => port.nodePort).filter((port) => port && inOld.has(port)));
    const byName = new Map((before.ports ?? []).map((port) => [port.name ?? '', port.nodePort]));
    for (const port of after.ports ?? []) {
      const previous = byName.get(port.name ?? '');
      if (!port.nodePort && previous && !used.has(previous)) port.nodePort = previous;
    }
  }
  if (needsHealthCheck(old) && needsHealthCheck(given)) after.healthCheckNodePort ||= before.healthCheckNodePort;
}

/** Old clients know `clusterIP` only: the plural field follows it. */
function normalizeClusterIPs({ spec }: Service, old: Service): void {
  const [after, before] = [spec!, old.spec!];
  if (before.clusterIPs?.length && !after.clusterIPs?.length && before.clusterIP === after.clusterIP) after.clusterIPs = [...before.clusterIPs];
  if (before.clusterIP === after.clusterIP || !equalJson(before.clusterIPs ?? [], after.clusterIPs ?? [])) return;
  after.clusterIPs = after.clusterIP ? [after.clusterIP] : undefined;
}

/** Fields that the old type needed and the new one may not have go, unless the update changed them too. */
function dropTypeDependentFields(object: Service, old: Service): void {
  const [after, before] = [object.spec!, old.spec!];
  const same = (name: keyof typeof after) => equalJson(after[name], before[name]);
  if (needsClusterIP(old) && !needsClusterIP(object) && same('clusterIP') && same('clusterIPs')) {
    delete after.clusterIP;
    delete after.clusterIPs;
    delete after.ipFamilies;
    delete after.ipFamilyPolicy;
  }
  if (needsNodePort(old) && !needsNodePort(object)) {
    const nodePorts = (list: ServicePort[] | undefined) => new Set((list ?? []).map((port) => port.nodePort ?? 0));
    const [now, was] = [nodePorts(after.ports), nodePorts(before.ports)];
    if ([...now].every((port) => was.has(port))) for (const port of after.ports ?? []) delete port.nodePort;
  }
  if (needsHealthCheck(old) && !needsHealthCheck(object) && same('healthCheckNodePort')) delete after.healthCheckNodePort;
  if (before.type === 'LoadBalancer' && after.type !== 'LoadBalancer') {
    if (same('allocateLoadBalancerNodePorts')) delete after.allocateLoadBalancerNodePorts;
    if (same('loadBalancerClass')) delete after.loadBalancerClass;
  }
  const external = (type: string | undefined) => type === 'LoadBalancer' || type === 'NodePort';
  if (external(before.type) && !external(after.type) && same('externalTrafficPolicy') && !after.externalIPs?.length) delete after.externalTrafficPolicy;
  if (after.type === 'ExternalName' && same('internalTrafficPolicy')) delete after.internalTrafficPolicy;
}

/** Takes what the Service asks for or needs; throws 422 where something is taken already. */
function allocate(allocators: ServiceAllocators, object: Service, old: Service | undefined): { undo(): void; releaseOld(): void } {
  const { addresses, ports: nodePorts } = allocators;
  const spec = object.spec!;
  const had = { addresses: new Set(addressesOf(old)), ports: new Set(portsOf(old)) };
  const took = { addresses: [] as number[], ports: [] as number[] };
  const undo = () => {
    took.addresses.forEach((n) => addresses.release(n));
    took.ports.forEach((n) => nodePorts.release(n));
  };
  const refuse = (field: string, value: unknown, why: string): never => {
    undo();
    const errors = new FieldErrors();
    errors.invalid(field, value, why);
    throw invalid({ group: '', kind: 'Service' }, nameOf(object), errors.all);
  };
  const takePort = (port: number, field: string) => {
    if (had.ports.has(port) || took.ports.includes(port)) return;
    if (!nodePorts.contains(port))
      refuse(field, port, `provided port is not in the valid range. The range of valid ports is ${nodePorts.first}-${nodePorts.last}`);
    if (!nodePorts.take(port)) refuse(field, port, 'provided port is already allocated');
    took.ports.push(port);
  };
  const newPort = () => {
    const port = allocators.nextPort();
    took.ports.push(port);
    return port;
  };

  try {
    if (needsClusterIP(object) && !isHeadless(object)) {
      const asked = spec.clusterIPs?.[0];
      if (asked) {
        const n = ipToNumber(asked);
        if (n === undefined || !addresses.contains(n))
          refuse('spec.clusterIPs', spec.clusterIPs, `failed to allocate IP ${asked}: the provided network does not match the current range`);
        else if (!had.addresses.has(n)) {
          if (!addresses.take(n)) refuse('spec.clusterIPs', spec.clusterIPs, `failed to allocate IP ${asked}: provided IP is already allocated`);
          took.addresses.push(n);
        }
      } else {
        const ip = allocators.nextAddress(nameOf(object));
        took.addresses.push(ipToNumber(ip)!);
        spec.clusterIP = ip;
        spec.clusterIPs = [ip];
      }
    }
    if (spec.type === 'NodePort' || spec.type === 'LoadBalancer') {
      spec.ports?.forEach((port, i) => port.nodePort && takePort(port.nodePort, `spec.ports[${i}].nodePort`));
      // TCP and UDP of one service port share a node port.
      const byPort = new Map((spec.ports ?? []).filter((port) => port.nodePort).map((port) => [port.port, port.nodePort!]));
      for (const port of spec.ports ?? []) {
        if (port.nodePort || !needsNodePort(object)) continue;
        port.nodePort = byPort.get(port.port) ?? newPort();
        byPort.set(port.port, port.nodePort);
      }
    }
    if (needsHealthCheck(object)) {
      if (spec.healthCheckNodePort) takePort(spec.healthCheckNodePort, 'spec.healthCheckNodePort');
      else spec.healthCheckNodePort = newPort();
    }
  } catch (error) {
    undo();
    throw error;
  }
  const kept = { addresses: new Set(addressesOf(object)), ports: new Set(portsOf(object)) };
  return {
    undo,
    releaseOld() {
      for (const n of had.addresses) if (!kept.addresses.has(n)) addresses.release(n);
      for (const n of had.ports) if (!kept.ports.has(n)) nodePorts.release(n);
    },
  };
}

const ports = (list: ServicePort[] | undefined) =>
  (list ?? []).map((port) => `${port.port}${port.nodePort ? `:${port.nodePort}` : ''}/${port.protocol}`).join(',');

function externalIP({ spec, status }: Service): string {
  const given = spec?.externalIPs ?? [];
  switch (spec?.type) {
    case 'ClusterIP':
    case 'NodePort':
      return given.join(',') || '<none>';
    case 'LoadBalancer': {
      const balancers = [...new Set((status?.loadBalancer?.ingress ?? []).map((ingress) => ingress.ip || ingress.hostname || ''))].filter(Boolean).sort();
      return [...balancers, ...given].join(',') || '<pending>';
    }
    case 'ExternalName':
      return spec.externalName ?? '';
    default:
      return '<unknown>';
  }
}
