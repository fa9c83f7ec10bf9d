import path from 'node:path';
import { isDns1123Label, isDns1123Subdomain } from '../../api/names.ts';
import type { PersistentVolume, PersistentVolumeSpec } from '../../api/index.ts';
import { asGiven } from '../../api/normalize.ts';
import type { FieldErrors } from './field.ts';
import { noBacksteps } from './paths.ts';
import { validateAccessModes, volumeModes } from './persistentVolumeClaim.ts';
import { basicResource, notAQuantity, quantityOf } from './resources.ts';
import { validateNodeSelector } from './scheduling.ts';
import { csiDriverName, misnamedSources, sourceChecks } from './volumes.ts';

/* Mirrors pkg/apis/core/validation/validation.go (ValidatePersistentVolumeSpec). */

const reclaimPolicies = ['Delete', 'Recycle', 'Retain'];
const sourceNames = [
  'hostPath', 'gcePersistentDisk', 'awsElasticBlockStore', 'glusterfs', 'flocker', 'nfs', 'rbd', 'quobyte', 'cephfs', 'iscsi', 'cinder', 'fc',
  'flexVolume', 'azureFile', 'vsphereVolume', 'photonPersistentDisk', 'portworxVolume', 'azureDisk', 'scaleIO', 'local', 'storageos', 'csi',
] as const;

/** The part of the spec that says what the volume is. */
export function sourceOf(spec: PersistentVolumeSpec): Pick<PersistentVolumeSpec, (typeof sourceNames)[number]> {
  return Object.fromEntries(sourceNames.filter((name) => spec[name] !== undefined).map((name) => [name, spec[name]]));
}

export function validatePersistentVolume(errors: FieldErrors, { spec = {} }: PersistentVolume, old?: PersistentVolume): void {
  if (!spec.accessModes?.length) errors.required('spec.accessModes');
  validateAccessModes(errors, 'spec.accessModes', spec.accessModes);
  const capacity = spec.capacity ?? {};
  const names = Object.keys(capacity);
  if (!names.length) errors.required('spec.capacity');
  if (capacity.storage === undefined || names.length > 1) errors.notSupported('spec.capacity', asGiven(spec, 'capacity'), ['storage']);
  for (const name of names) {
    const quantity = quantityOf(capacity[name]!);
    if (!quantity) errors.invalid(`spec.capacity[${name}]`, capacity[name], notAQuantity);
    else {
      basicResource(errors, `spec.capacity[${name}]`, quantity);
      if (quantity.sign() <= 0) errors.invalid(`spec.capacity[${name}]`, quantity.toString(), 'must be greater than zero');
    }
  }
  const policy = spec.persistentVolumeReclaimPolicy;
  if (policy && !reclaimPolicies.includes(policy)) errors.notSupported('spec.persistentVolumeReclaimPolicy', policy, reclaimPolicies);
  if (spec.nodeAffinity) {
    if (spec.nodeAffinity.required) validateNodeSelector(errors, 'spec.nodeAffinity.required', spec.nodeAffinity.required, old?.spec?.nodeAffinity?.required);
    else errors.required('spec.nodeAffinity.required', 'must specify required node constraints');
  }
  validateSource(errors, spec);
  if (spec.hostPath && path.posix.normalize(spec.hostPath.path || '.').replace(/(.)\/$/, '$1') === '/' && policy === 'Recycle')
    errors.forbidden('spec.persistentVolumeReclaimPolicy', "may not be 'recycle' for a hostPath mount of '/'");
  if (spec.storageClassName) errors.invalidEach('spec.storageClassName', spec.storageClassName, isDns1123Subdomain(spec.storageClassName));
  if (spec.volumeMode !== undefined && !volumeModes.includes(spec.volumeMode)) errors.notSupported('spec.volumeMode', spec.volumeMode, volumeModes);
  const attributes = spec.volumeAttributesClassName;
  if (attributes === undefined) return;
  if (!attributes) errors.required('spec.volumeAttributesClassName', 'an empty string is disallowed');
  else errors.invalidEach('spec.volumeAttributesClassName', attributes, isDns1123Subdomain(attributes));
  if (!spec.csi) errors.required('spec.csi', 'has to be specified when using volumeAttributesClassName');
}

function validateSource(errors: FieldErrors, spec: PersistentVolumeSpec): void {
  let count = 0;
  for (const name of sourceNames) {
    const source = spec[name];
    if (source === undefined) continue;
    const path = `spec.${name}`;
    // Drivers of flex volumes are taken beside another source.
    if (count++ && name !== 'flexVolume') {
      errors.forbidden(`spec.${(misnamedSources as Record<string, string | undefined>)[name] ?? name}`, 'may not specify more than 1 volume type');
      continue;
    }
    if (name === 'local') {
      const target = spec.local!.path;
      if (!target) errors.required('spec.local.path');
      else noBacksteps(errors, 'spec.local.path', target);
      if (!spec.nodeAffinity) errors.required('spec.nodeAffinity', 'Local volume requires node affinity');
    } else if (name === 'csi') {
      const csi = spec.csi!;
      csiDriverName(errors, 'spec.csi.driver', csi.driver);
      if (!csi.volumeHandle) errors.required('spec.csi.volumeHandle');
      for (const ref of ['controllerPublishSecretRef', 'controllerExpandSecretRef', 'nodePublishSecretRef', 'nodeExpandSecretRef'] as const)
        if (csi[ref]) secretReference(errors, `spec.csi.${ref}`, csi[ref]);
    } else {
      const checks = sourceChecks as unknown as Record<string, (e: FieldErrors, f: string, s: object, v: { name: string }) => void>;
      checks[name]!(errors, name === 'gcePersistentDisk' ? 'spec.persistentDisk' : path, source, { name: '' });
      const secret = name === 'cinder' || name === 'storageos' ? spec[name]!.secretRef : undefined;
      if (secret && !secret.namespace) errors.required(`${path}.secretRef.namespace`);
    }
  }
  if (!count) errors.required('spec', 'must specify a volume type');
}

function secretReference(errors: FieldErrors, field: string, ref: { name?: string; namespace?: string }): void {
  if (!ref.name) errors.required(`${field}.name`);
  else errors.invalidEach(`${field}.name`, ref.name, isDns1123Subdomain(ref.name));
  if (!ref.namespace) errors.required(`${field}.namespace`);
  else errors.invalidEach(`${field}.namespace`, ref.namespace, isDns1123Label(ref.namespace));
}
