import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '../../../api/index.ts';
import { parseIP } from '../../../api/ip.ts';
import { isCIDR, isPortName, isPortNumber } from '../../../api/names.ts';
import { selectorFromLabelSelector } from '../../../api/labels.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { labelSelector } from '../../validation/names.ts';
import { cidrWarnings } from '../../validation/warnings.ts';
import { check, columns, define } from '../define.ts';
import { age, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/networking/networkpolicy/strategy.go. */

const protocols = ['TCP', 'UDP', 'SCTP'];

export const networkPolicy: Strategy<NetworkPolicy> = {
  definition: define('networking.k8s.io', 'v1', 'NetworkPolicy', 'networkpolicies', { shortNames: ['netpol'] }),
  hasGeneration: true,
  nameRule: 'dnsSubdomain',
  allowUnconditionalUpdate: true,
  defaults(object) {
    const spec = (object.spec ??= {} as NonNullable<NetworkPolicy['spec']>);
    spec.podSelector ??= {};
    if (!spec.policyTypes?.length) spec.policyTypes = spec.egress?.length ? ['Ingress', 'Egress'] : ['Ingress'];
    for (const rule of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) for (const port of rule.ports ?? []) port.protocol ??= 'TCP';
  },
  validate: (_context, object) => check((errors) => validate(errors, object)),
  validateUpdate: (_context, object, old) => check((errors) => validate(errors, object, rangesOf(old))),
  warnings: ({ spec }) => [
    ...(spec?.ingress ?? []).flatMap((rule, i) => blockWarnings(`spec.ingress[${i}].from`, rule.from)),
    ...(spec?.egress ?? []).flatMap((rule, i) => blockWarnings(`spec.egress[${i}].to`, rule.to)),
  ],
  columns: columns('Name', 'Pod-Selector', 'Age'),
  row: (object, now) => [nameOf(object), selectorFromLabelSelector(object.spec?.podSelector ?? {}).toString() || '<none>', age(object, now)],
};

function blockWarnings(field: string, peers: NetworkPolicyPeer[] = []): string[] {
  return peers.flatMap(({ ipBlock }, i) =>
    ipBlock
      ? [...cidrWarnings(`${field}[${i}].ipBlock.cidr`, ipBlock.cidr), ...(ipBlock.except ?? []).flatMap((except, j) => cidrWarnings(`${field}[${i}].ipBlock.except[${j}]`, except))]
      : [],
  );
}

/** Ranges that were stored before are taken as they are. */
function rangesOf({ spec }: NetworkPolicy): string[] {
  const peers = [...(spec?.ingress ?? []).flatMap(({ from = [] }) => from), ...(spec?.egress ?? []).flatMap(({ to = [] }) => to)];
  return peers.flatMap(({ ipBlock }) => (ipBlock ? [ipBlock.cidr, ...(ipBlock.except ?? [])] : []));
}

function validate(errors: FieldErrors, { spec }: NetworkPolicy, existing: readonly string[] = []): void {
  if (!spec) return;
  labelSelector(errors, 'spec.podSelector', spec.podSelector);
  spec.ingress?.forEach((rule, i) => {
    rule.ports?.forEach((port, j) => validatePort(errors, `spec.ingress[${i}].ports[${j}]`, port));
    rule.from?.forEach((peer, j) => validatePeer(errors, `spec.ingress[${i}].from[${j}]`, peer, existing));
  });
  spec.egress?.forEach((rule, i) => {
    rule.ports?.forEach((port, j) => validatePort(errors, `spec.egress[${i}].ports[${j}]`, port));
    rule.to?.forEach((peer, j) => validatePeer(errors, `spec.egress[${i}].to[${j}]`, peer, existing));
  });
  const types = spec.policyTypes ?? [];
  if (types.length > 2) return errors.invalid('spec.policyTypes', types, 'may not specify more than two policyTypes');
  types.forEach((type, i) => {
    if (type !== 'Ingress' && type !== 'Egress') errors.notSupported(`spec.policyTypes[${i}]`, type, ['Ingress', 'Egress']);
  });
}

function validatePort(errors: FieldErrors, path: string, { protocol, port, endPort }: NetworkPolicyPort): void {
  if (protocol !== undefined && !protocols.includes(protocol)) errors.notSupported(`${path}.protocol`, protocol, protocols);
  if (typeof port === 'number') {
    errors.invalidEach(`${path}.port`, port, isPortNumber(port));
    if (endPort === undefined) return;
    if (endPort < port) errors.invalid(`${path}.endPort`, port, 'must be greater than or equal to `port`');
    errors.invalidEach(`${path}.endPort`, endPort, isPortNumber(endPort));
  } else if (port !== undefined) {
    if (endPort !== undefined) errors.invalid(`${path}.endPort`, endPort, 'may not be specified when `port` is non-numeric');
    errors.invalidEach(`${path}.port`, port, isPortName(port));
  } else if (endPort !== undefined) errors.invalid(`${path}.endPort`, endPort, 'may not be specified when `port` is not specified');
}

function validatePeer(errors: FieldErrors, path: string, { podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer, existing: readonly string[]): void {
  labelSelector(errors, `${path}.podSelector`, podSelector);
  labelSelector(errors, `${path}.namespaceSelector`, namespaceSelector);
  if (ipBlock) {
    if (!ipBlock.cidr) errors.required(`${path}.ipBlock.cidr`);
    else {
      const problems = (cidr: string) => (existing.includes(cidr) ? [] : isCIDR(cidr));
      const messages = problems(ipBlock.cidr);
      errors.invalidEach(`${path}.ipBlock.cidr`, ipBlock.cidr, messages);
      if (!messages.length)
        ipBlock.except?.forEach((except, i) => {
          const found = problems(except);
          errors.invalidEach(`${path}.ipBlock.except[${i}]`, except, found);
          if (!found.length && !isWithin(except, ipBlock.cidr)) errors.invalid(`${path}.ipBlock.except[${i}]`, except, 'must be a strict subset of `cidr`');
        });
    }
  }
  const count = [podSelector, namespaceSelector, ipBlock].filter((given) => given !== undefined).length;
  if (!count) errors.required(path, 'must specify a peer');
  else if (count > 1 && ipBlock) errors.forbidden(path, 'may not specify both ipBlock and another peer');
}

/** Whether one range lies in another, larger one; of different families never. */
function isWithin(inner: string, outer: string): boolean {
  const [a, b] = [bitsOf(inner), bitsOf(outer)];
  return a.all.length === b.all.length && a.prefix.length > b.prefix.length && a.prefix.startsWith(b.prefix);
}

function bitsOf(cidr: string): { all: string; prefix: string } {
  const [address = '', length] = cidr.split('/');
  const bytes = parseIP(address)?.bytes ?? [];
  const all = bytes.map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return { all, prefix: all.slice(0, Number(length)) };
}
