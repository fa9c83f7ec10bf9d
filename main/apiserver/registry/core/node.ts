import type { Node } from '../../../api/index.ts';
import { jsonError } from '../../../api/jsonError.ts';
import { isCIDR, isQualifiedName, isLabelValue } from '../../../api/names.ts';
import { goQuote } from '../../../util/goQuote.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { internal } from '../../validation/internal.ts';
import { canonicalQuantities, quantityOf, resourceValue } from '../../validation/resources.ts';
import { taintEffect } from '../../validation/scheduling.ts';
import { cidrWarnings } from '../../validation/warnings.ts';
import { check, columns, define, statusSubresource } from '../define.ts';
import { age, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/core/node/strategy.go and ValidateNode. */

const definition = define('', 'v1', 'Node', 'nodes', { namespaced: false, shortNames: ['no'] });

export const node: Strategy<Node> = {
  definition,
  hasGeneration: false,
  nameRule: 'dnsSubdomain',
  judgedAgain: true,
  allowUnconditionalUpdate: true,
  defaults(object) {
    const spec = (object.spec ??= {});
    // The older field is the first of the newer, and wins where they differ (pkg/apis/core/v1/conversion.go).
    if (spec.podCIDR && spec.podCIDR !== spec.podCIDRs?.[0]) spec.podCIDRs = [spec.podCIDR];
    else if (spec.podCIDRs?.length) spec.podCIDR = spec.podCIDRs[0];
    const status = (object.status ??= {});
    canonicalQuantities(status.capacity);
    canonicalQuantities(status.allocatable);
    if (status.capacity && !status.allocatable) status.allocatable = { ...status.capacity };
  },
  prepareForCreate: (_context, object) => dropConfigSource(object),
  prepareForUpdate(_context, object, old) {
    object.status = old.status;
    if (!old.spec?.configSource) dropConfigSource(object);
  },
  validate: (_context, object) => check((errors) => validate(errors, object)),
  validateUpdate: (_context, object, old) => check((errors) => {
    validate(errors, object);
    validateChange(errors, object, old);
  }),
  warnings: ({ spec }) => [
    ...(spec?.configSource ? ['spec.configSource: the feature is removed'] : []),
    ...(spec?.externalID ? ['spec.externalID: this field is deprecated, and is unused by Kubernetes'] : []),
    ...(spec?.podCIDRs ?? []).flatMap((cidr, i) => cidrWarnings(`spec.podCIDRs[${i}]`, cidr)),
  ],
  fields: (object) => ({ 'spec.unschedulable': String(object.spec?.unschedulable ?? false) }),
  columns: columns(
    'Name', 'Status', 'Roles', 'Age', 'Version', 'Internal-IP!', 'External-IP!', 'OS-Image!', 'Kernel-Version!', 'Container-Runtime!',
  ),
  row(object, now) {
    const { conditions = [], nodeInfo, addresses = [] } = object.status ?? {};
    const ready = conditions.find((condition) => condition.type === 'Ready');
    const status = ready ? (ready.status === 'True' ? 'Ready' : 'NotReady') : 'Unknown';
    const address = (type: string) => addresses.find((entry) => entry.type === type)?.address ?? '<none>';
    const architecture = nodeInfo?.architecture ? ` (${nodeInfo.architecture})` : '';
    return [
      nameOf(object),
      object.spec?.unschedulable ? `${status},SchedulingDisabled` : status,
      roles(object).join(',') || '<none>',
      age(object, now),
      nodeInfo?.kubeletVersion ?? '',
      address('InternalIP'),
      address('ExternalIP'),
      nodeInfo?.osImage || '<unknown>',
      (nodeInfo?.kernelVersion || '<unknown>') + architecture,
      nodeInfo?.containerRuntimeVersion || '<unknown>',
    ];
  },
  subresources: {
    status: {
      ...statusSubresource<Node>(definition, validateChange),
      prepareForUpdate(_context, object, old) {
        object.spec = old.spec;
        if (!old.status?.config) delete object.status?.config;
      },
    },
  },
};

/** Of a feature that is gone; stays only where it has been before. */
function dropConfigSource({ spec }: Node): void {
  delete spec?.configSource;
}

function roles(object: Node): string[] {
  const prefix = 'node-role.kubernetes.io/';
  const found = new Set<string>();
  for (const [key, value] of Object.entries(object.metadata?.labels ?? {})) {
    if (key.startsWith(prefix) && key.length > prefix.length) found.add(key.slice(prefix.length));
    else if (key === 'kubernetes.io/role' && value) found.add(value);
  }
  return [...found].sort();
}

function validateTaints(errors: FieldErrors, object: Node): void {
  const seen = new Set<string>();
  object.spec?.taints?.forEach((taint, i) => {
    const path = `metadata.taints[${i}]`;
    errors.invalidEach(`${path}.key`, taint.key ?? '', isQualifiedName(taint.key ?? ''));
    const messages = isLabelValue(taint.value ?? '');
    if (messages.length) errors.invalid(`${path}.value`, taint.value, messages.join(';'));
    taintEffect(errors, `${path}.effect`, taint.effect, false);
    const key = `${taint.effect}/${taint.key}`;
    if (seen.has(key)) errors.duplicate(path, internal('core/v1.Taint', taint), 'taints must be unique by key and effect pair');
    seen.add(key);
  });
}

function validateResources(errors: FieldErrors, object: Node): void {
  for (const name of ['capacity', 'allocatable'] as const)
    for (const key in object.status?.[name]) {
      const quantity = quantityOf(object.status[name][key]!);
      if (quantity) resourceValue(errors, `status.${name}.${key}`, key, quantity);
    }
}

const featureName = /^[A-Z][a-zA-Z0-9]*(\/[a-zA-Z][a-zA-Z0-9]*)*$/;

function validateFeatures(errors: FieldErrors, { status }: Node): void {
  status?.declaredFeatures?.forEach((feature, i, all) => {
    const path = `status.declaredFeatures[${i}]`;
    if (feature.length > 253) errors.invalid(path, feature, `invalid feature name ${goQuote(feature)}: must be no more than 253 characters`);
    else if (!featureName.test(feature))
      errors.invalid(path, feature, `invalid feature name ${goQuote(feature)}: must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes`);
    const next = all[i + 1];
    if (next === feature) errors.duplicate(`status.declaredFeatures[${i + 1}]`, next);
    else if (next !== undefined && feature > next) errors.invalid(`status.declaredFeatures[${i + 1}]`, next, 'list must be sorted alphabetically');
  });
}

const avoidance = 'scheduler.alpha.kubernetes.io/preferAvoidPods';

/** Mirrors ValidateAvoidPodsInNodeAnnotations. */
function validateAvoidance(errors: FieldErrors, { metadata }: Node): void {
  const text = metadata?.annotations?.[avoidance];
  if (!text) return;
  let avoids: { preferAvoidPods?: { podSignature?: { podController?: { controller?: boolean } } }[] };
  try {
    avoids = JSON.parse(text) as typeof avoids;
  } catch {
    return errors.invalid('metadata.annotations.AvoidPods', avoidance, jsonError(text));
  }
  avoids?.preferAvoidPods?.forEach((entry, i) => {
    const path = `metadata.annotations.${avoidance}[${i}].PodSignature`;
    const owner = entry.podSignature?.podController;
    if (!owner) errors.required(path);
    else if (!owner.controller) errors.invalid(`${path}.PodController.Controller`, false, 'must point to a controller');
  });
}

function validate(errors: FieldErrors, object: Node): void {
  validateAvoidance(errors, object);
  validateTaints(errors, object);
  validateResources(errors, object);
  const swap = object.status?.nodeInfo?.swap?.capacity;
  if (swap !== undefined && swap <= 0) errors.invalid('metadata.nodeSwapStatus.capacity', swap, 'must be greater than zero');
  validateFeatures(errors, object);
  const cidrs = object.spec?.podCIDRs ?? [];
  cidrs.forEach((cidr, i) => errors.invalidEach(`spec.podCIDRs[${i}]`, cidr, isCIDR(cidr)));
  const families = new Set(cidrs.map((cidr) => cidr.includes(':')));
  if (cidrs.length > 2 || (cidrs.length === 2 && families.size < 2)) errors.invalid('spec.podCIDRs', cidrs, 'may specify no more than one CIDR for each IP family');
}

function validateChange(errors: FieldErrors, object: Node, old: Node): void {
  validateAvoidance(errors, object);
  validateResources(errors, object);
  validateFeatures(errors, object);
  const addresses = new Set<string>();
  object.status?.addresses?.forEach((address, i) => {
    const key = `${address.type}/${address.address}`;
    if (addresses.has(key)) errors.duplicate(`status.addresses[${i}]`, internal('core/v1.NodeAddress', address));
    addresses.add(key);
  });
  const [cidrs, oldCidrs] = [object.spec?.podCIDRs ?? [], old.spec?.podCIDRs ?? []];
  const changes = oldCidrs.length && oldCidrs.length !== cidrs.length ? 1 : oldCidrs.filter((cidr, i) => cidr !== cidrs[i]).length;
  for (let i = 0; i < changes; i++) errors.forbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid');
  const [provider, oldProvider] = [object.spec?.providerID ?? '', old.spec?.providerID ?? ''];
  if (oldProvider && provider !== oldProvider) errors.forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid');
  validateTaints(errors, object);
  if ((object.spec?.externalID ?? '') !== (old.spec?.externalID ?? '')) errors.forbidden('spec.externalID', 'may not be updated');
}
