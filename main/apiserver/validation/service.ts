import { isCIDR, isDns1123Subdomain, isPortNumber } from '../../api/names.ts';
import { parseIP } from '../../api/ip.ts';
import type { Service, ServiceSpec } from '../../api/index.ts';
import { protocol } from './containers.ts';
import type { FieldErrors } from './field.ts';
import { cidrWarnings, ipWarnings } from './warnings.ts';
import { dns1123Label, dns1123Subdomain, ipAddress, labels, portNumberOrName, qualifiedName } from './names.ts';

/* Mirrors pkg/apis/core/validation/validation.go (validateService and around). */

type HasSpec = Pick<Service, 'spec'>;

export const needsClusterIP = ({ spec }: HasSpec) => spec?.type !== 'ExternalName';
export const needsNodePort = ({ spec }: HasSpec) =>
  spec?.type === 'NodePort' || (spec?.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);
export const needsHealthCheck = ({ spec }: HasSpec) => spec?.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';
export const isHeadless = ({ spec }: HasSpec) => spec?.clusterIPs?.length === 1 && spec.clusterIPs[0] === 'None';
export const isExternal = ({ spec }: HasSpec) =>
  spec?.type === 'LoadBalancer' || spec?.type === 'NodePort' || (spec?.type === 'ClusterIP' && !!spec.externalIPs?.length);

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const families = ['IPv4', 'IPv6'];
const policies = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];

function oneOf(errors: FieldErrors, field: string, value: string | undefined, supported: string[]): void {
  if (!value) errors.required(field);
  else if (!supported.includes(value)) errors.notSupported(field, value, supported);
}

export function validateService(errors: FieldErrors, object: Service, old: Service | undefined): void {
  if (old) validateChange(errors, object, old);
  validateRest(errors, object, old);
}

function validateRest(errors: FieldErrors, object: Service, old: Service | undefined): void {
  validateClusterIPs(errors, object, old);
  const spec = object.spec ?? {};
  const annotations = object.metadata?.annotations ?? {};
  const [mode, hints] = ['service.kubernetes.io/topology-mode', 'service.kubernetes.io/topology-aware-hints'];
  if (annotations[mode] !== undefined && annotations[hints] !== undefined && annotations[mode] !== annotations[hints])
    errors.invalid(`metadata.annotations[${mode}]`, annotations[mode], `must match annotations[${hints}] when both are specified`);
  const headless = isHeadless(object);
  if (!spec.ports?.length && !headless && spec.type !== 'ExternalName') errors.required('spec.ports');
  if (headless && (spec.type === 'LoadBalancer' || spec.type === 'NodePort'))
    errors.invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`);
  if (spec.type === 'ExternalName') {
    for (const name of ['clusterIPs', 'ipFamilies'] as const)
      if (spec[name]?.length) errors.forbidden(`spec.${name}`, 'may not be set for ExternalName services');
    if (spec.ipFamilyPolicy !== undefined) errors.forbidden('spec.ipFamilyPolicy', 'may not be set for ExternalName services');
    const name = (spec.externalName ?? '').replace(/\.$/, '');
    if (name) dns1123Subdomain(errors, 'spec.externalName', name);
    else errors.required('spec.externalName');
  }
  validatePorts(errors, object);
  labels(errors, 'spec.selector', spec.selector);
  oneOf(errors, 'spec.sessionAffinity', spec.sessionAffinity, ['ClientIP', 'None']);
  if (spec.sessionAffinity === 'ClientIP') {
    const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
    const path = 'spec.sessionAffinityConfig';
    const when = 'when session affinity type is ClientIP';
    if (!spec.sessionAffinityConfig) errors.required(path, when);
    else if (!spec.sessionAffinityConfig.clientIP) errors.required(`${path}.clientIP`, when);
    else if (seconds === undefined) errors.required(`${path}.clientIP.timeoutSeconds`, when);
    else if (seconds <= 0 || seconds > 86400) errors.invalid(`${path}.clientIP.timeoutSeconds`, seconds, 'must be greater than 0 and less than 86400');
  } else if (spec.sessionAffinity === 'None' && spec.sessionAffinityConfig) {
    errors.forbidden('spec.sessionAffinityConfig', 'must not be set when session affinity is None');
  }
  spec.externalIPs?.forEach((ip, i) => {
    const path = `spec.externalIPs[${i}]`;
    if (ipAddress(errors, path, ip, old?.spec?.externalIPs)) endpointIP(errors, path, ip);
  });
  oneOf(errors, 'spec.type', spec.type, types);
  validateSourceRanges(errors, object, old);
  if (spec.type === 'LoadBalancer') {
    if (spec.allocateLoadBalancerNodePorts === undefined) errors.required('allocateLoadBalancerNodePorts');
  } else if (spec.allocateLoadBalancerNodePorts !== undefined) errors.forbidden('spec.allocateLoadBalancerNodePorts', balancersOnly);
  loadBalancerClass(errors, object);
  validateTrafficPolicies(errors, object);
}

const balancersOnly = "may only be used when `type` is 'LoadBalancer'";

function loadBalancerClass(errors: FieldErrors, { spec = {} }: Service): void {
  if (spec.loadBalancerClass === undefined) return;
  if (spec.type === 'LoadBalancer') qualifiedName(errors, 'spec.loadBalancerClass', spec.loadBalancerClass);
  else errors.forbidden('spec.loadBalancerClass', balancersOnly);
}

function validatePorts(errors: FieldErrors, object: Service): void {
  const { ports = [], type } = object.spec ?? {};
  const names = new Set<string>();
  ports.forEach((port, i) => {
    const path = `spec.ports[${i}]`;
    if (ports.length > 1 && !port.name) errors.required(`${path}.name`);
    else if (port.name) {
      dns1123Label(errors, `${path}.name`, port.name);
      if (names.has(port.name)) errors.duplicate(`${path}.name`, port.name);
      names.add(port.name);
    }
    errors.invalidEach(`${path}.port`, port.port ?? 0, isPortNumber(port.port ?? 0));
    protocol(errors, `${path}.protocol`, port.protocol);
    portNumberOrName(errors, `${path}.targetPort`, port.targetPort);
    if (port.appProtocol !== undefined) qualifiedName(errors, `${path}.appProtocol`, port.appProtocol);
  });
  if (type === 'ClusterIP')
    ports.forEach((port, i) => {
      if (port.nodePort) errors.forbidden(`spec.ports[${i}].nodePort`, "may not be used when `type` is 'ClusterIP'");
    });
  const nodePorts = new Set<string>();
  ports.forEach((port, i) => {
    if (!port.nodePort) return;
    const key = `${port.protocol}/${port.nodePort}`;
    if (nodePorts.has(key)) errors.duplicate(`spec.ports[${i}].nodePort`, port.nodePort);
    nodePorts.add(key);
  });
  const numbers = new Set<string>();
  ports.forEach((port, i) => {
    const key = `${port.protocol}/${port.port}`;
    // Upstream shows its internal type here, whose fields have Go's names.
    if (numbers.has(key))
      errors.duplicate(`spec.ports[${i}]`, { Name: '', Protocol: port.protocol, AppProtocol: null, Port: port.port, TargetPort: 0, NodePort: 0 });
    numbers.add(key);
  });
}

/** Addresses and families by themselves. Mirrors ValidateServiceClusterIPsRelatedFields. */
export function validateClusterIPs(errors: FieldErrors, object: Service, old: Service | undefined): void {
  const spec = object.spec ?? {};
  if (spec.type === 'ExternalName') return;
  const { clusterIP = '', clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = spec;
  if (clusterIP) {
    if (!clusterIPs.length) errors.required('spec.clusterIPs');
    else if (clusterIPs[0] !== clusterIP) errors.invalid('spec.clusterIPs', clusterIPs, 'first value must match `clusterIP`');
  } else if (clusterIPs.length) errors.invalid('spec.clusterIPs', clusterIPs, 'must be empty when `clusterIP` is not specified');
  const seen = new Set<string>();
  ipFamilies.forEach((family, i) => {
    if (!families.includes(family)) errors.notSupported(`spec.ipFamilies[${i}]`, family, families);
    if (seen.has(family)) errors.duplicate(`spec.ipFamilies[${i}]`, family);
    seen.add(family);
  });
  if (ipFamilyPolicy !== undefined && !policies.includes(ipFamilyPolicy)) errors.notSupported('spec.ipFamilyPolicy', ipFamilyPolicy, policies);
  let sound = true;
  clusterIPs.forEach((ip, i) => {
    if (i === 0 && ip === 'None') {
      if (clusterIPs.length > 1) {
        sound = false;
        errors.invalid('spec.clusterIPs', clusterIPs, "'None' must be the first and only value");
      }
    } else if (!ipAddress(errors, `spec.clusterIPs[${i}]`, ip, old?.spec?.clusterIPs)) sound = false;
  });
  if (clusterIPs.length > 2) errors.invalid('spec.clusterIPs', clusterIPs, 'may only hold up to 2 values');
  if (!sound) return;
  const isIPv6 = (ip: string) => ip.includes(':');
  if (clusterIPs.length > 1 && clusterIPs.every(isIPv6) === clusterIPs.some(isIPv6))
    errors.invalid('spec.clusterIPs', clusterIPs, 'may specify no more than one IP for each IP family');
  if (isHeadless(object)) return;
  clusterIPs.forEach((ip, i) => {
    const family = ipFamilies[i];
    if (families.includes(family!) && isIPv6(ip) !== (family === 'IPv6'))
      errors.invalid(`spec.clusterIPs[${i}]`, ip, `expected an ${family} value as indicated by \`ipFamilies[${i}]\``);
  });
}

/** One family or two, as the policy has it; of what there was nothing goes without a word. */
export function validateFamilyPolicy(errors: FieldErrors, after: ServiceSpec, before: ServiceSpec | undefined): void {
  const [ips, families] = [after.clusterIPs?.length ?? 0, after.ipFamilies?.length ?? 0];
  const refuse = (why: string) => errors.invalid('spec.ipFamilyPolicy', after.ipFamilyPolicy, why);
  if (after.ipFamilyPolicy !== 'SingleStack') {
    if (ips && ips < (before?.clusterIPs?.length ?? 0)) refuse("must be 'SingleStack' to release the secondary cluster IP");
    if (families && families < (before?.ipFamilies?.length ?? 0)) refuse("must be 'SingleStack' to release the secondary IP family");
    return;
  }
  if (ips === 2) refuse("must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified");
  if (families === 2) refuse("must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified");
}

/** ValidateEndpointIP: an address that something else can reach. */
export function endpointIP(errors: FieldErrors, field: string, ip: string): void {
  const parsed = parseIP(ip);
  if (!parsed) return errors.invalid(field, ip, 'must be a valid IP address');
  const { bytes } = parsed;
  const v4 = bytes.length === 4;
  const [a = 0, b = 0, c = 0] = bytes;
  if (bytes.every((byte) => byte === 0)) errors.invalid(field, ip, `may not be unspecified (${ip})`);
  if (v4 ? a === 127 : bytes.slice(0, 15).every((byte) => byte === 0) && bytes[15] === 1)
    errors.invalid(field, ip, 'may not be in the loopback range (127.0.0.0/8, ::1/128)');
  if (v4 ? a === 169 && b === 254 : a === 0xfe && (b & 0xc0) === 0x80)
    errors.invalid(field, ip, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)');
  if (v4 ? a === 224 && b === 0 && c === 0 : a === 0xff && (b & 0x0f) === 0x02)
    errors.invalid(field, ip, 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)');
}

function validateSourceRanges(errors: FieldErrors, object: Service, old: Service | undefined): void {
  const { loadBalancerSourceRanges: ranges = [], type } = object.spec ?? {};
  const annotation = 'service.beta.kubernetes.io/load-balancer-source-ranges';
  const text = object.metadata?.annotations?.[annotation];
  const take = (path: string, given: string, existing: readonly string[] = []) => {
    const value = given.trim();
    if (!existing.some((known) => known.trim() === value)) errors.invalidEach(path, value, isCIDR(value));
  };
  if (ranges.length) {
    const path = 'spec.LoadBalancerSourceRanges';
    if (type !== 'LoadBalancer') errors.forbidden(path, balancersOnly);
    ranges.forEach((range, i) => take(`${path}[${i}]`, range, old?.spec?.loadBalancerSourceRanges));
  } else if (text !== undefined) {
    const path = `metadata.annotations[${annotation}]`;
    if (type !== 'LoadBalancer') errors.forbidden(path, balancersOnly);
    if (text.trim() && text !== old?.metadata?.annotations?.[annotation]) for (const range of text.split(',')) take(path, range);
  }
}

function validateTrafficPolicies(errors: FieldErrors, object: Service): void {
  const { externalTrafficPolicy: external, internalTrafficPolicy: internal, healthCheckNodePort: check, type, trafficDistribution } = object.spec ?? {};
  if (isExternal(object)) oneOf(errors, 'spec.externalTrafficPolicy', external, ['Cluster', 'Local']);
  else if (external) errors.invalid('spec.externalTrafficPolicy', external, 'may only be set for externally-accessible services');
  // Where one is needed and none given, the cluster chooses one after this.
  if (check) {
    if (!needsHealthCheck(object))
      errors.invalid('spec.healthCheckNodePort', check, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'");
    else errors.invalidEach('spec.healthCheckNodePort', check, isPortNumber(check));
  }
  if (internal === undefined) {
    if (type === 'NodePort' || type === 'LoadBalancer' || type === 'ClusterIP') errors.required('spec.internalTrafficPolicy');
  } else if (internal !== 'Cluster' && internal !== 'Local') errors.notSupported('spec.internalTrafficPolicy', internal, ['Cluster', 'Local']);
  const distributions = ['PreferClose', 'PreferSameZone', 'PreferSameNode'];
  if (trafficDistribution !== undefined && !distributions.includes(trafficDistribution))
    errors.notSupported('spec.trafficDistribution', trafficDistribution, distributions);
}

function validateChange(errors: FieldErrors, object: Service, old: Service): void {
  const [after, before] = [object.spec!, old.spec!];
  if (after.type !== 'ExternalName' && before.type !== 'ExternalName') {
    const [ips, oldIPs] = [after.clusterIPs ?? [], before.clusterIPs ?? []];
    if (!(isHeadless(object) && isHeadless(old))) {
      if (oldIPs.length && !ips.length) errors.invalid('spec.clusterIPs[0]', ips, 'primary clusterIP can not be unset');
      else
        oldIPs.forEach((ip, i) => {
          if (i < ips.length && ip !== ips[i]) errors.invalid(`spec.clusterIPs[${i}]`, ips, 'may not change once set');
        });
    }
    if (isHeadless(object) === isHeadless(old) && !isHeadless(object)) {
      const [now, was] = [after.ipFamilies ?? [], before.ipFamilies ?? []];
      if (was.length && now.length && was[0] !== now[0]) errors.invalid('spec.ipFamilies[0]', now, 'may not change once set');
    }
  }
  if (before.type === 'LoadBalancer' && after.type === 'LoadBalancer' && before.loadBalancerClass !== after.loadBalancerClass)
    errors.invalid('spec.loadBalancerClass', after.loadBalancerClass, 'may not change once set');
  // Upstream judges it twice.
  loadBalancerClass(errors, object);
  if (needsHealthCheck(old) && needsHealthCheck(object) && before.healthCheckNodePort !== after.healthCheckNodePort)
    errors.forbidden('spec.healthCheckNodePort', 'field is immutable');
}

export function validateLoadBalancer(errors: FieldErrors, object: Service, old: Service): void {
  const ingress = object.status?.loadBalancer?.ingress ?? [];
  const path = 'status.loadBalancer.ingress';
  if (object.spec?.type !== 'LoadBalancer' && ingress.length)
    return errors.forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'");
  const existing = (old.status?.loadBalancer?.ingress ?? []).map((entry) => entry.ip ?? '');
  ingress.forEach((entry, i) => {
    if (entry.ip) ipAddress(errors, `${path}[${i}].ip`, entry.ip, existing);
    if (entry.ipMode === undefined) {
      if (entry.ip) errors.required(`${path}[${i}].ipMode`, 'must be specified when `ip` is set');
    } else if (!entry.ip) errors.forbidden(`${path}[${i}].ipMode`, 'may not be specified when `ip` is not set');
    else if (entry.ipMode !== 'VIP' && entry.ipMode !== 'Proxy') errors.notSupported(`${path}[${i}].ipMode`, entry.ipMode, ['Proxy', 'VIP']);
    if (entry.hostname) {
      errors.invalidEach(`${path}[${i}].hostname`, entry.hostname, isDns1123Subdomain(entry.hostname));
      if (parseIP(entry.hostname)) errors.invalid(`${path}[${i}].hostname`, entry.hostname, 'must be a DNS name, not an IP address');
    }
  });
}

/** Mirrors pkg/api/service/warnings.go. */
export function serviceWarnings(object: Service): string[] {
  const warnings: string[] = [];
  const spec = object.spec ?? {};
  const [mode, hints] = ['service.kubernetes.io/topology-mode', 'service.kubernetes.io/topology-aware-hints'];
  if (object.metadata?.annotations?.[hints] !== undefined) warnings.push(`annotation ${hints} is deprecated, please use ${mode} instead`);
  if (spec.type !== 'ExternalName' && spec.clusterIP !== 'None') spec.clusterIPs?.forEach((ip, i) => warnings.push(...ipWarnings(`spec.clusterIPs[${i}]`, ip)));
  const headless = spec.type === 'ClusterIP' && spec.clusterIP === 'None';
  if (headless) {
    if (spec.loadBalancerIP) warnings.push('spec.loadBalancerIP is ignored for headless services');
    if (spec.externalIPs?.length) warnings.push('spec.externalIPs is ignored for headless services');
    if (spec.sessionAffinity !== 'None') warnings.push('spec.SessionAffinity is ignored for headless services');
  }
  spec.externalIPs?.forEach((ip, i) => warnings.push(...ipWarnings(`spec.externalIPs[${i}]`, ip)));
  if (spec.externalIPs?.length && !headless && spec.type !== 'ExternalName')
    warnings.push('spec.externalIPs is deprecated and may no longer be implemented in some clusters');
  if (spec.loadBalancerIP) warnings.push(...ipWarnings('spec.loadBalancerIP', spec.loadBalancerIP));
  spec.loadBalancerSourceRanges?.forEach((range, i) => warnings.push(...cidrWarnings(`spec.loadBalancerSourceRanges[${i}]`, range)));
  if (spec.type === 'ExternalName' && spec.externalIPs?.length) warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"');
  if (spec.type !== 'ExternalName' && spec.externalName) warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  if (spec.trafficDistribution === 'PreferClose') warnings.push('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"');
  return warnings;
}
