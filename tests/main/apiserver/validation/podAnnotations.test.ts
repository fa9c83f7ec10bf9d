import { expect, it } from 'vitest';
import type { ObjectMeta, Pod, PodSpec, PodTemplateSpec } from '../../../../main/api/index.ts';
import { FieldErrors } from '../../../../main/apiserver/validation/field.ts';
import { validateAnnotationChange, validatePodAnnotations, validateProfilesMatch } from '../../../../main/apiserver/validation/podAnnotations.ts';

const spec: PodSpec = { containers: [{ name: 'c', image: 'i' }] };
const seccompOfPod = 'seccomp.security.alpha.kubernetes.io/pod';
const seccomp = 'container.seccomp.security.alpha.kubernetes.io/c';
const appArmor = 'container.apparmor.security.beta.kubernetes.io/c';
const mirror = 'kubernetes.io/config.mirror';
const cost = 'controller.kubernetes.io/pod-deletion-cost';

function found(judge: (errors: FieldErrors) => void): string[] {
  const errors = new FieldErrors();
  judge(errors);
  return errors.all.map(({ field, message }) => `${field}: ${message}`);
}

it.each<[string, Record<string, string>, string[]]>([
  ['what it does not know', { a: 'b' }, []],
  ['a mirror of what runs nowhere', { [mirror]: 'x' }, [`m[${mirror}]: Invalid value: "x": must set spec.nodeName if mirror pod annotation is set`]],
  ['profiles of old', { [seccompOfPod]: 'runtime/default', [seccomp]: 'localhost/a/b', [appArmor]: 'localhost/a' }, []],
  ['profiles that are none', { [seccompOfPod]: 'x', [seccomp]: 'localhost/../b', [appArmor]: 'x' }, [
    `m.${seccompOfPod}: Invalid value: "x": must be a valid seccomp profile`,
    `m.${seccomp}: Invalid value: "../b": must not contain '..'`,
    `m[${appArmor}]: Invalid value: "x": invalid AppArmor profile name: "x"`,
  ]],
  ['a profile of no container', { [`${appArmor}x`]: '' }, [`m[${appArmor}x]: Invalid value: "cx": container not found`]],
  ['the least and the most that a deletion costs', { [cost]: '-2147483648' }, []],
  ['a cost that is too much', { [cost]: '2147483648' }, [`m[${cost}]: Invalid value: "2147483648": must be a 32bit integer`]],
  ['a cost with a plus', { [cost]: '+1' }, [`m[${cost}]: Invalid value: "+1": must be a 32bit integer`]],
  ['tolerations that are none', { 'scheduler.alpha.kubernetes.io/tolerations': '{' }, ['m: Invalid value: "scheduler.alpha.kubernetes.io/tolerations": unexpected end of JSON input']],
  ['a toleration of nothing', { 'scheduler.alpha.kubernetes.io/tolerations': '[{"operator":"Equal"}]' }, [
    'm.scheduler.alpha.kubernetes.io/tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
  ]],
])('judges %s', (_name, annotations, expected) => {
  expect(found((errors) => validatePodAnnotations(errors, 'm', annotations, spec))).toEqual(expected);
});

it('lets a cost stay that was none already', () => {
  expect(found((errors) => validatePodAnnotations(errors, 'm', { [cost]: 'x' }, spec, { [cost]: 'y' }))).toEqual([]);
});

it.each<[string, Record<string, string>, Partial<PodSpec>, string[]]>([
  ['the same of the pod', { [seccompOfPod]: 'docker/default' }, { securityContext: { seccompProfile: { type: 'RuntimeDefault' } } }, []],
  ['something else of the pod', { [seccompOfPod]: 'unconfined' }, { securityContext: { seccompProfile: { type: 'RuntimeDefault' } } }, [
    's.securityContext.seccompProfile.type: Forbidden: seccomp type in annotation and field must match',
  ]],
  ['another file of a container', { [seccomp]: 'localhost/a' }, { containers: [{ name: 'c', image: 'i', securityContext: { seccompProfile: { type: 'Localhost', localhostProfile: 'b' } } }] }, [
    's.containers[0].securityContext.seccompProfile.localhostProfile: Forbidden: seccomp profile in annotation and field must match',
  ]],
  ['another profile than the whole pod has', { [appArmor]: 'unconfined' }, { securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } }, [
    's.containers[0].securityContext.appArmorProfile.type: Forbidden: apparmor type in annotation and field must match',
  ]],
  ['anything of a pod for Windows', { [appArmor]: 'unconfined' }, { os: { name: 'windows' }, securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } }, []],
])('compares annotations with fields: %s', (_name, annotations, more, expected) => {
  const template: PodTemplateSpec = { metadata: { annotations }, spec: { ...spec, ...more } };
  expect(found((errors) => validateProfilesMatch(errors, 's', template))).toEqual(expected);
});

it('keeps a mirror pod one, and profiles as they were, and judges what is new', () => {
  const pod = (annotations: Record<string, string>): Pod => ({ metadata: { annotations } as ObjectMeta, spec: { ...spec, nodeName: 'n' } });
  expect(found((errors) => validateAnnotationChange(errors, pod({ [appArmor]: 'unconfined', [seccomp]: 'x' }), pod({ [mirror]: 'a' })))).toEqual([
    `metadata.annotations[${mirror}]: Forbidden: may not remove or update mirror pod annotation`,
    `metadata.annotations[${appArmor}]: Forbidden: may not add AppArmor annotations`,
    `metadata.annotations.${seccomp}: Invalid value: "x": must be a valid seccomp profile`,
  ]);
});
