import type { Container, EphemeralContainer, Pod, PodSpec, PodTemplateSpec, Toleration } from '../../api/index.ts';
import { jsonError } from '../../api/jsonError.ts';
import type { FieldErrors } from './field.ts';
import { localDescendingPath } from './paths.ts';
import { validateTolerations } from './scheduling.ts';

/*
 * Annotations that pods are told things by, most of which are fields by now. Mirrors pkg/apis/core/validation/validation.go
 * (ValidatePodSpecificAnnotations and around).
 */

export const appArmorOfContainer = 'container.apparmor.security.beta.kubernetes.io/';
export const seccompOfPod = 'seccomp.security.alpha.kubernetes.io/pod';
export const seccompOfContainer = 'container.seccomp.security.alpha.kubernetes.io/';
export const mirrorAnnotation = 'kubernetes.io/config.mirror';
const tolerationsAnnotation = 'scheduler.alpha.kubernetes.io/tolerations';
const deletionCost = 'controller.kubernetes.io/pod-deletion-cost';
const localhost = 'localhost/';

type Annotations = Readonly<Record<string, string>> | undefined;

export type Visit = (container: Container | EphemeralContainer, path: string) => void;

export function eachContainer(spec: PodSpec, field: string, visit: Visit): void {
  for (const kind of ['initContainers', 'containers', 'ephemeralContainers'] as const) spec[kind]?.forEach((container, i) => visit(container, `${field}.${kind}[${i}]`));
}

export const someContainer = (spec: PodSpec, test: (container: Container | EphemeralContainer) => boolean): boolean =>
  (['initContainers', 'containers', 'ephemeralContainers'] as const).some((kind) => spec[kind]?.some(test));

function isInt32(text: string): boolean {
  const value = Number(text);
  return /^(0|-0*[0-9]+|[1-9][0-9]*)$/.test(text) && value >= -(2 ** 31) && value < 2 ** 31;
}

/** `before`: of a pod whose cost was no number already it may stay so. */
export function validatePodAnnotations(errors: FieldErrors, field: string, annotations: Annotations, spec: PodSpec, before?: Annotations): void {
  if (!annotations) return;
  const mirror = annotations[mirrorAnnotation];
  if (mirror !== undefined && !spec.nodeName) errors.invalid(`${field}[${mirrorAnnotation}]`, mirror, 'must set spec.nodeName if mirror pod annotation is set');
  if (annotations[tolerationsAnnotation]) tolerations(errors, field, annotations[tolerationsAnnotation]);
  const cost = annotations[deletionCost];
  const costBefore = before?.[deletionCost];
  if (cost !== undefined && !isInt32(cost) && (costBefore === undefined || isInt32(costBefore))) errors.invalid(`${field}[${deletionCost}]`, cost, 'must be a 32bit integer');
  if (annotations[seccompOfPod] !== undefined) seccompProfile(errors, `${field}.${seccompOfPod}`, annotations[seccompOfPod]);
  for (const key in annotations) if (key.startsWith(seccompOfContainer)) seccompProfile(errors, `${field}.${key}`, annotations[key]!);
  for (const key in annotations) if (key.startsWith(appArmorOfContainer)) appArmorProfile(errors, `${field}[${key}]`, key.slice(appArmorOfContainer.length), annotations[key]!, spec);
}

function tolerations(errors: FieldErrors, field: string, text: string): void {
  let given: Toleration[];
  try {
    given = JSON.parse(text) as Toleration[];
  } catch {
    return errors.invalid(field, tolerationsAnnotation, jsonError(text));
  }
  if (Array.isArray(given)) validateTolerations(errors, `${field}.${tolerationsAnnotation}`, given);
}

function seccompProfile(errors: FieldErrors, field: string, profile: string): void {
  if (profile === 'runtime/default' || profile === 'docker/default' || profile === 'unconfined') return;
  if (profile.startsWith(localhost)) localDescendingPath(errors, field, profile.slice(localhost.length));
  else errors.invalid(field, profile, 'must be a valid seccomp profile');
}

function appArmorProfile(errors: FieldErrors, field: string, container: string, profile: string, spec: PodSpec): void {
  if (!someContainer(spec, ({ name }) => name === container)) errors.invalid(field, container, 'container not found');
  if (profile && profile !== 'runtime/default' && profile !== 'unconfined' && !profile.startsWith(localhost))
    errors.invalid(field, profile, `invalid AppArmor profile name: ${JSON.stringify(profile)}`);
}

interface Profile {
  type?: string;
  localhostProfile?: string;
}

/** What a new pod says by annotation and by field must be the same. */
export function validateProfilesMatch(errors: FieldErrors, field: string, { metadata, spec }: Pod | PodTemplateSpec): void {
  const annotations = metadata?.annotations;
  if (!annotations || !spec) return;
  const seccomp = (key: string, profile: Profile | undefined, path: string) =>
    profilesMatch(errors, `${path}.securityContext.seccompProfile`, 'seccomp', ['runtime/default', 'docker/default'], annotations[key], profile);
  seccomp(seccompOfPod, spec.securityContext?.seccompProfile, field);
  eachContainer(spec, field, ({ name, securityContext }, path) => seccomp(seccompOfContainer + name, securityContext?.seccompProfile, path));
  if (spec.os?.name === 'windows') return;
  eachContainer(spec, field, ({ name, securityContext }, path) =>
    profilesMatch(
      errors,
      `${path}.securityContext.appArmorProfile`,
      'apparmor',
      ['runtime/default'],
      annotations[appArmorOfContainer + name],
      securityContext?.appArmorProfile ?? spec.securityContext?.appArmorProfile,
    ),
  );
}

function profilesMatch(errors: FieldErrors, field: string, what: string, defaults: readonly string[], annotation: string | undefined, profile: Profile | undefined): void {
  if (annotation === undefined || !profile) return;
  const { type, localhostProfile } = profile;
  const isType = type === 'Unconfined' ? annotation === 'unconfined' : type === 'RuntimeDefault' ? defaults.includes(annotation) : type !== 'Localhost' || annotation.startsWith(localhost);
  if (!isType) errors.forbidden(`${field}.type`, `${what} type in annotation and field must match`);
  else if (type === 'Localhost' && annotation.slice(localhost.length) !== localhostProfile) errors.forbidden(`${field}.localhostProfile`, `${what} profile in annotation and field must match`);
}

/** Some annotations stay as they were made. Mirrors ValidatePodSpecificAnnotationUpdates. */
export function validateAnnotationChange(errors: FieldErrors, { metadata, spec }: Pod, { metadata: old }: Pod): void {
  const [after, before] = [metadata?.annotations ?? {}, old?.annotations ?? {}];
  const refuse = (key: string, what: string) => {
    if (key.startsWith(appArmorOfContainer)) errors.forbidden(`metadata.annotations[${key}]`, `may not ${what} AppArmor annotations`);
    if (key === mirrorAnnotation) errors.forbidden(`metadata.annotations[${key}]`, `may not ${what} mirror pod annotation`);
  };
  for (const key in before) if (after[key] !== before[key]) refuse(key, 'remove or update');
  for (const key in after) if (before[key] === undefined) refuse(key, 'add');
  validatePodAnnotations(errors, 'metadata.annotations', after, spec ?? { containers: [] }, before);
}
