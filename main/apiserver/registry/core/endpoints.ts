import type { Endpoints } from '../../../api/index.ts';
import { equalJson } from '../../../api/json.ts';
import { isPortNumber } from '../../../api/names.ts';
import { protocol } from '../../validation/containers.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { dns1123Label, dns1123Subdomain, ipAddress, qualifiedName } from '../../validation/names.ts';
import { endpointIP } from '../../validation/service.ts';
import { endpointsWarnings } from '../../validation/warnings.ts';
import { check, columns, define } from '../define.ts';
import { age, firstThree, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/core/endpoint/strategy.go and ValidateEndpoints. */

export const endpoints: Strategy<Endpoints> = {
  definition: define('', 'v1', 'Endpoints', 'endpoints', { shortNames: ['ep'] }),
  deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  hasGeneration: false,
  nameRule: 'dnsSubdomain',
  judgedAgain: true,
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: true,
  defaults(object) {
    for (const subset of object.subsets ?? []) for (const port of subset.ports ?? []) port.protocol ||= 'TCP';
  },
  validate: (_context, object) => check((errors) => validate(errors, object)),
  validateUpdate(_context, object, old) {
    return equalJson(object.subsets, old.subsets) ? [] : check((errors) => validate(errors, object));
  },
  warnings: endpointsWarnings,
  columns: columns('Name', 'Endpoints', 'Age'),
  row(object, now) {
    const found = (object.subsets ?? []).flatMap(({ addresses = [], ports = [] }) =>
      ports.length
        ? ports.flatMap((port) => addresses.map(({ ip }) => `${ip.includes(':') ? `[${ip}]` : ip}:${port.port}`))
        : addresses.map(({ ip }) => ip),
    );
    return [nameOf(object), object.subsets?.length ? firstThree(found) : '<none>', age(object, now)];
  },
};

function validate(errors: FieldErrors, object: Endpoints): void {
  object.subsets?.forEach((subset, i) => {
    const path = `subsets[${i}]`;
    if (!subset.addresses?.length && !subset.notReadyAddresses?.length)
      errors.required(path, 'must specify `addresses` or `notReadyAddresses`');
    for (const kind of ['addresses', 'notReadyAddresses'] as const)
      subset[kind]?.forEach((address, j) => {
        const field = `${path}.${kind}[${j}]`;
        ipAddress(errors, `${field}.ip`, address.ip ?? '');
        if (address.hostname) dns1123Label(errors, `${field}.hostname`, address.hostname);
        if (address.nodeName !== undefined) dns1123Subdomain(errors, `${field}.nodeName`, address.nodeName);
        endpointIP(errors, `${field}.ip`, address.ip ?? '');
      });
    subset.ports?.forEach((port, j) => {
      const field = `${path}.ports[${j}]`;
      if (subset.ports!.length > 1 && !port.name) errors.required(`${field}.name`);
      else if (port.name) dns1123Label(errors, `${field}.name`, port.name);
      errors.invalidEach(`${field}.port`, port.port ?? 0, isPortNumber(port.port ?? 0));
      protocol(errors, `${field}.protocol`, port.protocol);
      if (port.appProtocol !== undefined) qualifiedName(errors, `${field}.appProtocol`, port.appProtocol);
    });
  });
}
