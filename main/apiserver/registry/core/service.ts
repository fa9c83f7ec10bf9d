import type { Service, ServicePort } from '../../../api/index.ts';
import { equalJson } from '../../../api/json.ts';
import { isDns1123Label } from '../../../api/names.ts';
import { internalError, invalid } from '../../../api/status.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { isExternal, isHeadless, needsClusterIP, needsHealthCheck, needsNodePort, serviceWarnings, validateClusterIPs, validateFamilyPolicy, validateLoadBalancer, validateService } from '../../validation/service.ts';
import { addressFamily, type AddressFamily } from '../../../api/serviceAddress.ts';
import { loadBalancerWarnings } from '../../validation/warnings.ts';
import { check, columns, define, statusSubresource } from '../define.ts';
import { age, formatLabels, nameOf } from '../printers.ts';
import type { RequestContext, Strategy } from '../strategy.ts';
import { AddressError, type ServiceAddresses } from './serviceAddresses.ts';
import { portsOf, type ServicePorts } from './servicePorts.ts';

/* Mirrors pkg/registry/core/service/strategy.go and storage/{storage,alloc}.go. */

const definition = define('', 'v1', 'Service', 'services', { shortNames: ['svc'], categories: ['all'] });

/** What Services are given of what there is a limited number of. */
export interface ServiceAllocators {
  addresses: ServiceAddresses;
  ports: ServicePorts;
}

export function service(allocators: ServiceAllocators): Strategy<Service> {
  const { families } = allocators.addresses;
  return {
    definition,
    returnsDeletedObject: true,
    hasGeneration: false,
    nameRule: 'dnsLabel',
    allowCreateOnUpdate: true,
    allowUnconditionalUpdate: true,
    defaults,
    prepareForCreate(_context, object) {
      object.status = { loadBalancer: {} };
      if (object.spec?.type === 'ExternalName') delete object.spec.internalTrafficPolicy;
    },
    prepareForUpdate(_context, object, old) {
      object.status = old.status;
      dropTypeDependentFields(object, old);
    },
    validate: (_context, object) => check((errors) => validateService(errors, object, undefined)),
    validateUpdate: (_context, object, old) => check((errors) => validateService(errors, object, old)),
    warnings: serviceWarnings,
    async beginWrite(context, object, old) {
      if (old) patchAllocated(object, old);
      normalizeClusterIPs(object, old);
      initFamilies(object, old, families);
      await allocators.ports.load();
      const allocation = new Allocation(allocators, context, object, old);
      try {
        await allocation.take();
      } catch (error) {
        await allocation.undo();
        throw error;
      }
      return (committed) => (committed ? allocation.releaseOld() : allocation.undo());
    },
    async afterDelete(object, context) {
      for (const port of portsOf(object)) await allocators.ports.release(context, port);
      for (const ip of addressesOf(object)) await allocators.addresses.release(context, ip);
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
      status: {
        ...statusSubresource<Service>(definition, (errors, object, old) => validateLoadBalancer(errors, object, old)),
        warnings: loadBalancerWarnings,
      },
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
  if (isExternal(object)) spec.externalTrafficPolicy ||= 'Cluster';
  if (spec.type === 'NodePort' || spec.type === 'LoadBalancer' || spec.type === 'ClusterIP') spec.internalTrafficPolicy ??= 'Cluster';
  if (spec.type === 'LoadBalancer') {
    spec.allocateLoadBalancerNodePorts ??= true;
    for (const ingress of object.status?.loadBalancer?.ingress ?? []) if (ingress.ip) ingress.ipMode ??= 'VIP';
  }
  (object.status ??= {}).loadBalancer ??= {};
}

/**
 * Which families the Service has; a headless one without selector is its maker's business and has both. Throws 422 where they,
 * its addresses and what the cluster has do not go together. Mirrors alloc.go (initIPFamilyFields).
 */
function initFamilies(object: Service, old: Service | undefined, families: readonly AddressFamily[]): void {
  const spec = object.spec!;
  if (!needsClusterIP(object) || isLeftAsItWas(object, old)) return;
  const selectorless = spec.clusterIP === 'None' && !Object.keys(spec.selector ?? {}).length;
  spec.ipFamilyPolicy ??= old?.spec?.ipFamilyPolicy ?? (selectorless ? 'RequireDualStack' : 'SingleStack');
  refuse(object, (errors) => validateClusterIPs(errors, object, old));
  const single = spec.ipFamilyPolicy === 'SingleStack';
  // The wish for one family is clear where nothing else was said.
  if (old && single) {
    if (equalJson(spec.clusterIPs, old.spec?.clusterIPs) && spec.clusterIPs) spec.clusterIPs = spec.clusterIPs.slice(0, 1);
    if (equalJson(spec.ipFamilies, old.spec?.ipFamilies) && spec.ipFamilies) spec.ipFamilies = spec.ipFamilies.slice(0, 1);
  }
  const chosen = [...(spec.ipFamilies ?? [])] as AddressFamily[];
  refuse(object, (errors) => {
    validateFamilyPolicy(errors, spec, old?.spec);
    for (const [i, ip] of (spec.clusterIPs ?? []).entries()) {
      if (ip === 'None') break;
      if (i < chosen.length) continue;
      const family = addressFamily(ip);
      // The address was given, its family was not.
      if (families.includes(family)) chosen.push(family);
      else errors.invalid(`spec.clusterIPs[${i}]`, spec.clusterIPs, `${family} is not configured on this cluster`);
    }
  });
  const missing = (): AddressFamily => (chosen[0] === 'IPv4' ? 'IPv6' : 'IPv4');
  if (!selectorless)
    refuse(object, (errors) => {
      if (spec.ipFamilyPolicy === 'RequireDualStack' && families.length < 2)
        errors.invalid('spec.ipFamilyPolicy', spec.ipFamilyPolicy, 'this cluster is not configured for dual-stack services');
      chosen.forEach((family, i) => {
        if (!families.includes(family)) errors.invalid(`spec.ipFamilies[${i}]`, family, 'not configured on this cluster');
      });
    });
  if (!chosen.length) chosen.push(families[0]!);
  if (chosen.length < 2 && !single && (selectorless || families.length === 2)) chosen.push(missing());
  spec.ipFamilies = chosen;
}

function refuse(object: Service, judge: (errors: FieldErrors) => void): void {
  const errors = check(judge);
  if (errors.length) throw invalid({ group: '', kind: 'Service' }, nameOf(object), errors);
}

/** Who prefers two families is not given a second one only because the cluster has got one. */
function isLeftAsItWas({ spec }: Service, old: Service | undefined): boolean {
  const before = old?.spec;
  return (
    before?.ipFamilyPolicy === 'PreferDualStack' &&
    spec?.ipFamilyPolicy === 'PreferDualStack' &&
    before.type === spec.type &&
    equalJson(before.clusterIPs ?? [], spec.clusterIPs ?? []) &&
    equalJson(before.ipFamilies ?? [], spec.ipFamilies ?? [])
  );
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
function normalizeClusterIPs({ spec }: Service, old: Service | undefined): void {
  const after = spec!;
  if (!old) {
    if (after.clusterIP && !after.clusterIPs?.length) after.clusterIPs = [after.clusterIP];
    return;
  }
  const before = old.spec!;
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
  if (isExternal(old) && !isExternal(object) && same('externalTrafficPolicy')) delete after.externalTrafficPolicy;
  if (after.type === 'ExternalName' && same('internalTrafficPolicy')) delete after.internalTrafficPolicy;
}

const beforeDryPorts = 32768;
const portTaken = 'provided port is already allocated';

/** What one write takes and, once it is stored, gives back. */
class Allocation {
  readonly #had: { addresses: Set<string>; ports: Set<number> };
  readonly #took = { addresses: [] as string[], ports: [] as number[] };

  constructor(
    private readonly allocators: ServiceAllocators,
    private readonly context: RequestContext,
    private readonly object: Service,
    private readonly old: Service | undefined,
  ) {
    this.#had = { addresses: new Set(addressesOf(old)), ports: new Set(portsOf(old)) };
  }

  /** Takes what the Service asks for or needs; throws 422 where something is taken already. */
  async take(): Promise<void> {
    if (this.#needsAddresses()) await this.#takeAddresses();
    await this.#takePorts();
  }

  async undo(): Promise<void> {
    for (const port of this.#took.ports) await this.allocators.ports.release(this.context, port);
    for (const ip of this.#took.addresses) await this.allocators.addresses.release(this.context, ip);
  }

  async releaseOld(): Promise<void> {
    const kept = { addresses: new Set(addressesOf(this.object)), ports: new Set(portsOf(this.object)) };
    for (const port of this.#had.ports) if (!kept.ports.has(port)) await this.allocators.ports.release(this.context, port);
    for (const ip of this.#had.addresses) if (!kept.addresses.has(ip)) await this.allocators.addresses.release(this.context, ip);
  }

  /** A Service that had an address gets no other, at most one of a second family. */
  #needsAddresses(): boolean {
    const { object, old } = this;
    // Nobody can own an address by a name that will be refused.
    if (!needsClusterIP(object) || isHeadless(object) || isDns1123Label(object.metadata?.name ?? '').length) return false;
    if (!old || !needsClusterIP(old)) return true;
    return !isHeadless(old) && !isLeftAsItWas(object, old) && old.spec?.ipFamilies?.length === 1 && object.spec?.ipFamilies?.length === 2;
  }

  async #takeAddresses(): Promise<void> {
    const spec = this.object.spec!;
    const { addresses } = this.allocators;
    const ips = [...(spec.clusterIPs ?? [])];
    for (const [i, family] of (spec.ipFamilies ?? []).entries()) {
      const asked = ips[i];
      if (i === 0 && this.#had.addresses.size) continue;
      if (asked && this.#had.addresses.has(asked)) continue;
      try {
        if (asked) await addresses.take(this.context, this.object, asked);
        else {
          const ip = await addresses.next(this.context, this.object, family as AddressFamily);
          if (ip === undefined) throw internalError(`failed to allocate a serviceIP for Service ${JSON.stringify(nameOf(this.object))}: range is full`);
          ips[i] = ip;
        }
      } catch (error) {
        if (!(error instanceof AddressError)) throw error;
        throw this.#refusal('spec.clusterIPs', spec.clusterIPs, `failed to allocate IP ${asked}: ${error.message}`);
      }
      this.#took.addresses.push(ips[i]!);
    }
    spec.clusterIPs = ips;
    spec.clusterIP = ips[0];
  }

  async #takePorts(): Promise<void> {
    const { object } = this;
    const spec = object.spec!;
    if (spec.type === 'NodePort' || spec.type === 'LoadBalancer') {
      const takenFor = new Map<number, number>();
      for (const [i, { nodePort, port }] of (spec.ports ?? []).entries()) {
        if (!nodePort) continue;
        const field = `spec.ports[${i}].nodePort`;
        // TCP and UDP of one service port share a node port; an update may let others share one, too (alloc.go).
        if (!this.old && (takenFor.get(nodePort) ?? port) !== port) throw this.#refusal(field, nodePort, portTaken);
        takenFor.set(nodePort, port);
        await this.#takePort(nodePort, field);
      }
      const byPort = new Map((spec.ports ?? []).filter((port) => port.nodePort).map((port) => [port.port, port.nodePort!]));
      for (const port of spec.ports ?? []) {
        if (port.nodePort || !needsNodePort(object)) continue;
        port.nodePort = byPort.get(port.port) ?? (await this.#newPort());
        byPort.set(port.port, port.nodePort);
      }
    }
    if (!needsHealthCheck(object)) return;
    const wanted = spec.healthCheckNodePort;
    if (wanted && wanted === this.old?.spec?.healthCheckNodePort) return;
    if (wanted && (this.#had.ports.has(wanted) || this.#took.ports.includes(wanted))) throw this.#refusal('spec.healthCheckNodePort', wanted, portTaken);
    if (wanted) await this.#takePort(wanted, 'spec.healthCheckNodePort');
    else spec.healthCheckNodePort = await this.#newPort();
  }

  async #takePort(port: number, field: string): Promise<void> {
    const { ports } = this.allocators;
    if (this.#had.ports.has(port) || this.#took.ports.includes(port)) return;
    // A dry run asks for no more than that a write's ports differ (portallocator/operation.go).
    if (this.context.dryRun) return void this.#took.ports.push(port);
    if (!ports.contains(port))
      throw this.#refusal(field, port, `provided port is not in the valid range. The range of valid ports is ${ports.first}-${ports.last}`);
    if (!(await ports.take(this.context, port))) throw this.#refusal(field, port, portTaken);
    this.#took.ports.push(port);
  }

  async #newPort(): Promise<number> {
    // A dry run shows a port that stands for any (pkg/registry/core/service/portallocator/operation.go).
    const dry = this.#took.ports.length ? Math.max(...this.#took.ports) : beforeDryPorts;
    const port = this.context.dryRun ? dry + 1 : await this.allocators.ports.next(this.context);
    this.#took.ports.push(port);
    return port;
  }

  #refusal(field: string, value: unknown, why: string): Error {
    return invalid({ group: '', kind: 'Service' }, nameOf(this.object), check((errors) => errors.invalid(field, value, why)));
  }
}

function addressesOf(service: Service | undefined): string[] {
  if (!service || service.spec?.type === 'ExternalName') return [];
  return (service.spec?.clusterIPs ?? []).filter((ip) => ip !== 'None');
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
