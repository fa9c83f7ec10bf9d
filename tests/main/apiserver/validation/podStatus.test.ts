import { expect, it } from 'vitest';
import type { Pod, PodSpec, PodStatus } from '../../../../main/api/index.ts';
import { FieldErrors } from '../../../../main/apiserver/validation/field.ts';
import { validatePodStatusUpdate } from '../../../../main/apiserver/validation/podStatus.ts';

const container = { name: 'c', image: 'i', resources: { requests: { 'example.com/gpu': '1' }, claims: [{ name: 'd', request: 'r' }] } };

function findings(status: PodStatus, before: PodStatus = {}, spec: Partial<PodSpec> = {}): string[] {
  const pod = (of: PodStatus): Pod => ({ spec: { containers: [container], resourceClaims: [{ name: 'd', resourceClaimName: 'x' }], ...spec }, status: of });
  const errors = new FieldErrors();
  validatePodStatusUpdate(errors, pod(status), pod(before));
  return errors.all.map(({ field, message }) => `${field}: ${message}`);
}

it('takes what a kubelet says', () => {
  expect(
    findings({
      conditions: [{ type: 'Ready', status: 'True' }, { type: 'example.com/gate', status: 'True' }],
      hostIP: '10.0.0.1', hostIPs: [{ ip: '10.0.0.1' }], podIPs: [{ ip: '10.0.0.2' }, { ip: 'fd00::2' }],
      resourceClaimStatuses: [{ name: 'd', resourceClaimName: 'x' }],
      containerStatuses: [{
        name: 'c', image: 'i', imageID: '', ready: true, restartCount: 0,
        allocatedResourcesStatus: [{ name: 'claim:d/r', resources: [{ resourceID: 'a', health: 'Healthy' }] }, { name: 'example.com/gpu', resources: [{ resourceID: 'b', health: 'Unknown' }] }],
      }],
    }),
  ).toEqual([]);
});

const status = { name: 'c', image: 'i', imageID: '', ready: true, restartCount: 0 };

it.each<[string, PodStatus, Partial<PodSpec>, string[]]>([
  ['users that there are not', { containerStatuses: [{ ...status, user: { linux: { uid: -1, gid: 0, supplementalGroups: [2147483648] } } }] }, {}, [
    'status.containerStatuses[0].user.linux.uid: Invalid value: -1: must be between 0 and 2147483647, inclusive',
    'status.containerStatuses[0].user.linux.supplementalGroups[0]: Invalid value: 2147483648: must be between 0 and 2147483647, inclusive',
  ]],
  ['a user of Linux in a pod for Windows', { initContainerStatuses: [{ ...status, user: { linux: { uid: 1, gid: 1 } } }] }, { os: { name: 'windows' } }, ['status.initContainerStatuses[0].user.linux: Forbidden: cannot be set for a windows pod']],
  ['a condition of no name', { conditions: [{ type: 'a b', status: 'True', observedGeneration: -1 }] }, {}, [
    'status.conditions[0].observedGeneration: Invalid value: -1: must be a non-negative integer',
    `status.conditions[0].Type: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
  ]],
  ['a nomination of a pod that has a node', { nominatedNodeName: 'n' }, { nodeName: 'm' }, ['status.nominatedNodeName: Forbidden: may not be set on pods that are already bound to a node']],
  ['two addresses of one family', { podIPs: [{ ip: '10.0.0.1' }, { ip: '10.0.0.2' }] }, {}, ['status.podIPs: Invalid value: [{"IP":"10.0.0.1"},{"IP":"10.0.0.2"}]: may specify no more than one IP for each IP family']],
  ['another address of the host', { hostIP: '10.0.0.1', hostIPs: [{ ip: '10.0.0.2' }] }, {}, ['status.hostIPs[0].ip: Invalid value: "10.0.0.2": must be equal to `hostIP`']],
  ['claims that it has not', { resourceClaimStatuses: [{ name: 'e' }, { name: 'e' }] }, {}, [
    'status.resourceClaimStatuses[0].name: Invalid value: "e": must match the name of an entry in `spec.resourceClaims`',
    'status.resourceClaimStatuses[1].name: Invalid value: "e": must match the name of an entry in `spec.resourceClaims`',
    'status.resourceClaimStatuses[1].name: Duplicate value: "e"',
  ]],
  ['an extended resource that nobody asked for', { extendedResourceClaimStatus: { resourceClaimName: 'x', requestMappings: [{ containerName: 'c', resourceName: 'a.b/c', requestName: 'r' }] } }, {}, [
    'status.extendedResourceClaimStatus.requestMappings[0].resourceName: Invalid value: "a.b/c": must match the extended resource name of an entry in spec.initContainers.resources.requests or spec.containers.resources.requests',
  ]],
  ['devices of no health', { containerStatuses: [{ ...status, allocatedResourcesStatus: [{ name: 'example.com/gpu', resources: [{ resourceID: 'a', health: 'Ill' }, { resourceID: 'a', health: 'Healthy', message: '' }] }] }] }, {}, [
    'status.containerStatuses[0].allocatedResourcesStatus[0].resources[0].health: Unsupported value: "Ill": supported values: "Healthy", "Unhealthy", "Unknown"',
    'status.containerStatuses[0].allocatedResourcesStatus[0].resources[1].message: Required value: must be non-empty if specified',
    'status.containerStatuses[0].allocatedResourcesStatus[0].resources[1].resourceID: Duplicate value: "a"',
  ]],
])('refuses %s', (_name, of, spec, expected) => {
  expect(findings(of, {}, spec)).toEqual(expected);
});

it('a container that ended for good does not run again', () => {
  const ended = { containerStatuses: [{ ...status, state: { terminated: { exitCode: 0 } } }] };
  expect(findings({ containerStatuses: [{ ...status, state: { running: {} } }] }, ended, { restartPolicy: 'Never' })).toEqual([
    'status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state',
  ]);
  expect(findings({ containerStatuses: [{ ...status, state: { running: {} } }] }, ended, { restartPolicy: 'Always' })).toEqual([]);
});
