import type { FeatureGates } from '../../../api/featureGates.ts';
import type { StatefulSet } from '../../../api/index.ts';
import { equalJson } from '../../../api/json.ts';
import { isDns1123Label } from '../../../api/names.ts';
import { selectorFromLabelSelector } from '../../../api/labels.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { internal } from '../../validation/internal.ts';
import { nonNegative } from '../../validation/names.ts';
import { claimSpec } from '../../validation/persistentVolumeClaim.ts';
import { podTemplateWarnings } from '../../validation/podWarnings.ts';
import { claimSpecWarnings } from '../../validation/volumeWarnings.ts';
import { isZero, notMoreThan100Percent, positiveIntOrPercent, replicaCounts, selectorAndTemplate } from '../../validation/workloads.ts';
import { defaultClaimSpec } from '../core/persistentVolumeClaim.ts';
import { defaultPodTemplate } from '../core/podDefaults.ts';
import { check, columns, define, scaleSubresource, statusSubresource } from '../define.ts';
import { age, containerImages, containerNames, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/apps/statefulset/strategy.go. */

const definition = define('apps', 'v1', 'StatefulSet', 'statefulsets', { shortNames: ['sts'], categories: ['all'] });
const selectorText = (object: StatefulSet) => selectorFromLabelSelector(object.spec?.selector).toString();
const mutable = ['replicas', 'template', 'updateStrategy', 'minReadySeconds', 'ordinals', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy'] as const;

/** Drops `maxUnavailable` without a word unless its gate is on or the set has it already. */
export const statefulSet = ({ MaxUnavailableStatefulSet = false }: FeatureGates = {}): Strategy<StatefulSet> => ({
  definition,
  hasGeneration: true,
  nameRule: 'dnsLabel',
  allowUnconditionalUpdate: true,
  defaults(object) {
    const spec = (object.spec ??= {} as NonNullable<StatefulSet['spec']>);
    spec.podManagementPolicy ||= 'OrderedReady';
    const strategy = (spec.updateStrategy ??= {});
    if (!strategy.type) {
      strategy.type = 'RollingUpdate';
      strategy.rollingUpdate ??= {};
    }
    if (strategy.type === 'RollingUpdate' && strategy.rollingUpdate) {
      strategy.rollingUpdate.partition ??= 0;
      if (MaxUnavailableStatefulSet) strategy.rollingUpdate.maxUnavailable ??= 1;
    }
    const policy = (spec.persistentVolumeClaimRetentionPolicy ??= {});
    policy.whenDeleted ||= 'Retain';
    policy.whenScaled ||= 'Retain';
    spec.replicas ??= 1;
    spec.revisionHistoryLimit ??= 10;
    defaultPodTemplate(spec.template);
    for (const claim of spec.volumeClaimTemplates ?? []) {
      claim.apiVersion = 'v1';
      claim.kind = 'PersistentVolumeClaim';
      defaultClaimSpec((claim.spec ??= {}));
      (claim.status ??= {}).phase ||= 'Pending';
    }
    (object.status ??= { replicas: 0 }).replicas ??= 0;
  },
  prepareForCreate(_context, object) {
    object.status = { replicas: 0, availableReplicas: 0 };
    if (!MaxUnavailableStatefulSet) delete object.spec?.updateStrategy?.rollingUpdate?.maxUnavailable;
  },
  prepareForUpdate(_context, object, old) {
    object.status = old.status;
    if (!MaxUnavailableStatefulSet && old.spec?.updateStrategy?.rollingUpdate?.maxUnavailable === undefined) delete object.spec?.updateStrategy?.rollingUpdate?.maxUnavailable;
  },
  validate: (_context, object) => check((errors) => validate(errors, object)),
  validateUpdate: (_context, object, old) => check((errors) => {
    // What was made while less was asked of it may go on.
    const pods = !check((found) => validate(found, old, old)).length;
    validate(errors, object, old, pods);
    const rest = { ...object.spec };
    for (const name of mutable) Object.assign(rest, { [name]: old.spec?.[name] });
    if (!equalJson(rest, old.spec))
      errors.forbidden(
        'spec',
        "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
      );
  }),
  warnings: (object, old) => [
    ...podTemplateWarnings('spec.template', object.spec?.template, old?.spec?.template),
    ...(object.spec?.volumeClaimTemplates ?? []).flatMap(({ spec }, i) => claimSpecWarnings(`spec.volumeClaimTemplates[${i}]${old ? '.Spec' : ''}`, spec ?? {})),
    ...((object.spec?.revisionHistoryLimit ?? 0) < 0
      ? ['spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended']
      : []),
  ],
  columns: columns('Name', 'Ready', 'Age', 'Containers!', 'Images!'),
  row: (object, now) => [
    nameOf(object),
    `${object.status?.readyReplicas ?? 0}/${object.spec?.replicas ?? 0}`,
    age(object, now),
    containerNames(object.spec?.template?.spec?.containers),
    containerImages(object.spec?.template?.spec?.containers),
  ],
  subresources: { status: statusSubresource<StatefulSet>(definition, validateStatus), scale: scaleSubresource<StatefulSet>(selectorText) },
});

/** A template that was bad already may stay so, and claims, which cannot change. */
function validate(errors: FieldErrors, object: StatefulSet, old?: StatefulSet, pods = true): void {
  const spec = object.spec!;
  const policy = spec.podManagementPolicy;
  if (policy !== 'OrderedReady' && policy !== 'Parallel') errors.invalid('spec.podManagementPolicy', policy, "must be 'OrderedReady' or 'Parallel'");
  const { type, rollingUpdate } = spec.updateStrategy ?? {};
  const path = 'spec.updateStrategy.rollingUpdate';
  if (type === 'OnDelete') {
    if (rollingUpdate) errors.invalid(path, internal('apps/v1.RollingUpdateStatefulSetStrategy', rollingUpdate), "only allowed for updateStrategy 'RollingUpdate'");
  } else if (type !== 'RollingUpdate') errors.invalid('spec.updateStrategy', internal('apps/v1.StatefulSetUpdateStrategy', spec.updateStrategy), "must be 'RollingUpdate' or 'OnDelete'");
  else if (rollingUpdate) {
    nonNegative(errors, `${path}.partition`, rollingUpdate.partition);
    const unavailable = rollingUpdate.maxUnavailable;
    positiveIntOrPercent(errors, `${path}.maxUnavailable`, unavailable);
    if (unavailable !== undefined && isZero(unavailable)) errors.invalid(`${path}.maxUnavailable`, unavailable, 'cannot be 0');
    notMoreThan100Percent(errors, `${path}.maxUnavailable`, unavailable);
  }
  for (const when of ['whenDeleted', 'whenScaled'] as const) {
    const value = spec.persistentVolumeClaimRetentionPolicy?.[when];
    if (value !== undefined && value !== 'Retain' && value !== 'Delete')
      errors.notSupported(`spec.persistentVolumeClaimRetentionPolicy.${when}`, value, ['Retain', 'Delete']);
  }
  if (!old) spec.volumeClaimTemplates?.forEach((claim, i) => claimSpec(errors, `spec.volumeClaimTemplates[${i}].spec`, claim.spec ?? {}));
  nonNegative(errors, 'spec.replicas', spec.replicas);
  nonNegative(errors, 'spec.minReadySeconds', spec.minReadySeconds);
  nonNegative(errors, 'spec.ordinals.start', spec.ordinals?.start);
  if (!old && spec.serviceName) errors.invalidEach('spec.serviceName', spec.serviceName, isDns1123Label(spec.serviceName));
  selectorAndTemplate(errors, 'spec', { selector: spec.selector, template: withClaims(spec) }, { empty: 'empty selector is invalid for statefulset', unreadable: '', again: true, restartPolicy: false, pods, before: old?.spec?.template });
  const template = spec.template?.spec;
  if (template?.restartPolicy !== 'Always') errors.notSupported('spec.template.spec.restartPolicy', template?.restartPolicy ?? '', ['Always']);
  if (template?.activeDeadlineSeconds !== undefined)
    errors.forbidden('spec.template.spec.activeDeadlineSeconds', 'activeDeadlineSeconds in StatefulSet is not Supported');
}

/** The template as its pods will be: with a volume for each claim, and names that the controller gives. */
function withClaims({ template, volumeClaimTemplates = [] }: NonNullable<StatefulSet['spec']>) {
  if (!template?.spec) return template;
  const claims = [...new Set(volumeClaimTemplates.map((claim) => claim.metadata?.name ?? ''))].map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
  const others = (template.spec.volumes ?? []).filter((volume) => !claims.some((claim) => claim.name === volume.name));
  return { ...template, spec: { ...template.spec, subdomain: undefined, hostname: undefined, volumes: [...claims, ...others] } };
}

function validateStatus(errors: FieldErrors, { status }: StatefulSet): void {
  const parts = ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'] as const;
  replicaCounts(errors, status, ['replicas', ...parts, 'observedGeneration', 'collisionCount'], parts, 'status.readyReplicas');
}
