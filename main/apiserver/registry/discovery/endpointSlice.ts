import type { EndpointSlice } from '../../../api/index.ts';
import { equalJson } from '../../../api/json.ts';
import { isDns1123Label, isDns1123Subdomain, isLabelValue } from '../../../api/names.ts';
import { FieldErrors } from '../../validation/field.ts';
import { fieldImmutable, ipAddress, labels, protocols, qualifiedName } from '../../validation/names.ts';
import { endpointIP } from '../../validation/service.ts';
import { ipWarnings } from '../../validation/warnings.ts';
import { check, columns, define } from '../define.ts';
import { age, firstThree, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/discovery/endpointslice/strategy.go and pkg/apis/discovery/validation/validation.go. */

const ownControllers = ['endpointslice-controller.k8s.io', 'endpointslicemirroring-controller.k8s.io'];
const addressTypes = ['FQDN', 'IPv4', 'IPv6'];

const counted = ({ addressType, endpoints, ports, metadata }: EndpointSlice) => [addressType, endpoints, ports, metadata?.labels];

export const endpointSlice: Strategy<EndpointSlice> = {
  definition: define('discovery.k8s.io', 'v1', 'EndpointSlice', 'endpointslices'),
  hasGeneration: true,
  generationChanged: (object, old) => !equalJson(counted(object), counted(old)),
  nameRule: 'dnsSubdomain',
  allowUnconditionalUpdate: true,
  defaults(object) {
    for (const port of object.ports ?? []) {
      port.name ??= '';
      port.protocol ??= 'TCP';
    }
  },
  prepareForCreate: (_context, object) => dropTopology(object, undefined),
  prepareForUpdate: (_context, object, old) => dropTopology(object, old),
  validate: (_context, object) => check((errors) => validate(errors, object)),
  validateUpdate: (_context, object, old) => check((errors) => {
    validate(errors, object, old);
    if (object.addressType !== old.addressType) errors.invalid('addressType', object.addressType, fieldImmutable);
  }),
  warnings(object, old) {
    const deprecated = object.addressType === 'FQDN' && !old ? ['spec.addressType: FQDN endpoints are deprecated'] : [];
    // What the cluster's own controllers write is sound.
    if (ownControllers.includes(object.metadata?.labels?.['endpointslice.kubernetes.io/managed-by'] ?? '')) return deprecated;
    return [...deprecated, ...(object.endpoints ?? []).flatMap(({ addresses = [] }, i) => addresses.flatMap((ip, j) => ipWarnings(`endpoints[${i}].addresses[${j}]`, ip)))];
  },
  columns: columns('Name', 'AddressType', 'Ports', 'Endpoints', 'Age'),
  row: (object, now) => [
    nameOf(object),
    object.addressType,
    firstThree((object.ports ?? []).map((port) => String(port.port ?? port.name ?? '*'))) || '<unset>',
    firstThree((object.endpoints ?? []).flatMap((endpoint) => endpoint.addresses ?? [])) || '<unset>',
    age(object, now),
  ],
};

/** What a version before this one knew of an endpoint's place stays only where it has been before. */
function dropTopology(object: EndpointSlice, old: EndpointSlice | undefined): void {
  if (old?.endpoints?.some(({ deprecatedTopology }) => deprecatedTopology)) return;
  for (const endpoint of object.endpoints ?? []) delete endpoint.deprecatedTopology;
}

/** How many zones or nodes one endpoint may be for. */
const maxHints = 8;

function validate(errors: FieldErrors, object: EndpointSlice, old?: EndpointSlice): void {
  const type = object.addressType;
  if (!type) errors.required('addressType');
  else if (!addressTypes.includes(type)) errors.notSupported('addressType', type, addressTypes);
  const { endpoints = [], ports = [] } = object;
  // Endpoints that were stored before are taken as they are, as long as none of them changes.
  const judged = new FieldErrors();
  if (endpoints.length > 1000) judged.tooMany('endpoints', endpoints.length, 1000);
  else endpoints.forEach((endpoint, i) => validateEndpoint(judged, `endpoints[${i}]`, endpoint, type));
  if (judged.length && !(old && equalJson(old.endpoints ?? [], endpoints))) errors.add(judged.all);
  if (ports.length > 20000) return errors.tooMany('ports', ports.length, 20000);
  const names = new Set<string>();
  ports.forEach((port, i) => {
    const path = `ports[${i}]`;
    if (port.name) errors.invalidEach(`${path}.name`, port.name, isDns1123Label(port.name));
    if (names.has(port.name ?? '')) errors.duplicate(`${path}.name`, port.name ?? '');
    names.add(port.name ?? '');
    if (!protocols.includes((port.protocol ?? '') as 'TCP')) errors.notSupported(`${path}.protocol`, port.protocol ?? '', protocols);
    if (port.appProtocol !== undefined) qualifiedName(errors, `${path}.appProtocol`, port.appProtocol);
  });
}

function validateEndpoint(errors: FieldErrors, path: string, endpoint: NonNullable<EndpointSlice['endpoints']>[number], type: string): void {
  const addresses = endpoint.addresses ?? [];
  if (!addresses.length) errors.required(`${path}.addresses`, 'must contain at least 1 address');
  else if (addresses.length > 100) errors.tooMany(`${path}.addresses`, addresses.length, 100);
  addresses.forEach((address, i) => {
    const field = `${path}.addresses[${i}]`;
    if (type === 'FQDN') errors.invalidEach(field, address, isDns1123Subdomain(address.replace(/\.$/, '')));
    else if ((type === 'IPv4' || type === 'IPv6') && ipAddress(errors, field, address)) {
      if (address.includes(':') !== (type === 'IPv6')) errors.invalid(`${path}.addresses`, address, `must be an ${type} address`);
      endpointIP(errors, field, address);
    }
  });
  if (endpoint.nodeName !== undefined) errors.invalidEach(`${path}.nodeName`, endpoint.nodeName, isDns1123Subdomain(endpoint.nodeName));
  if (endpoint.hostname !== undefined) errors.invalidEach(`${path}.hostname`, endpoint.hostname, isDns1123Label(endpoint.hostname));
  if (Object.keys(endpoint.deprecatedTopology ?? {}).length > 16)
    errors.tooMany(`${path}.deprecatedTopology`, Object.keys(endpoint.deprecatedTopology!).length, 16);
  labels(errors, `${path}.deprecatedTopology`, endpoint.deprecatedTopology);
  const { forNodes = [], forZones = [] } = endpoint.hints ?? {};
  if (forZones.length > maxHints) errors.tooMany(`${path}.hints.forZones`, forZones.length, maxHints);
  if (forNodes.length > maxHints) errors.tooMany(`${path}.hints.forNodes`, forNodes.length, maxHints);
  const nodes = new Set<string>();
  endpoint.hints?.forNodes?.forEach(({ name = '' }, i) => {
    const field = `${path}.hints.forNodes[${i}].name`;
    if (nodes.has(name)) errors.duplicate(field, name);
    nodes.add(name);
    errors.invalidEach(field, name, isDns1123Subdomain(name));
  });
  const zones = new Set<string>();
  endpoint.hints?.forZones?.forEach((zone, i) => {
    const field = `${path}.hints.forZones[${i}].name`;
    if (zones.has(zone.name)) errors.duplicate(field, zone.name);
    zones.add(zone.name);
    errors.invalidEach(field, zone.name, isLabelValue(zone.name));
  });
}
