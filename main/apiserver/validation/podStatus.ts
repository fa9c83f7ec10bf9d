import type { Container, ContainerStatus, Pod, PodExtendedResourceClaimStatus, PodSpec } from '../../api/index.ts';
import { shouldRestart } from '../../api/containerRestart.ts';
import { parseIP } from '../../api/ip.ts';
import { isDns1123Subdomain } from '../../api/names.ts';
import type { FieldErrors } from './field.ts';
import { internal } from './internal.ts';
import { byteLength, dns1123Label, dns1123Subdomain, fieldImmutable, ipAddress, qualifiedName } from './names.ts';
import { validateAnnotationChange } from './podAnnotations.ts';

/* What may be said of a pod. Mirrors pkg/apis/core/validation/validation.go (ValidatePodStatusUpdate). */

const systemConditions = ['PodScheduled', 'Ready', 'Initialized'];
const healths = ['Healthy', 'Unhealthy', 'Unknown'];
const maxInt32 = 2 ** 31 - 1;
const maxHealthMessage = 1024;
const notNegative = 'must be a non-negative integer';

export function validatePodStatusUpdate(errors: FieldErrors, pod: Pod, old: Pod): void {
  const [status, before, spec] = [pod.status ?? {}, old.status ?? {}, old.spec!];
  validateAnnotationChange(errors, pod, old);
  status.conditions?.forEach(({ type = '', observedGeneration = 0 }, i) => {
    if (observedGeneration < 0) errors.invalid(`status.conditions[${i}].observedGeneration`, observedGeneration, notNegative);
    if (!systemConditions.includes(type)) qualifiedName(errors, `status.conditions[${i}].Type`, type);
  });
  const nominated = status.nominatedNodeName;
  if (nominated && nominated !== before.nominatedNodeName) {
    dns1123Subdomain(errors, 'status.nominatedNodeName', nominated);
    if (spec.nodeName) errors.forbidden('status.nominatedNodeName', 'may not be set on pods that are already bound to a node');
  }
  if ((status.observedGeneration ?? 0) < 0) errors.invalid('status.observedGeneration', status.observedGeneration, notNegative);
  if (status.qosClass !== before.qosClass) errors.invalid('status.qosClass', status.qosClass ?? '', fieldImmutable);
  stateTransitions(errors, 'status.containerStatuses', status.containerStatuses, before.containerStatuses, spec, spec.containers);
  stateTransitions(errors, 'status.initContainerStatuses', status.initContainerStatuses, before.initContainerStatuses, spec, spec.initContainers);
  stateTransitions(errors, 'status.ephemeralContainerStatuses', status.ephemeralContainerStatuses, before.ephemeralContainerStatuses, undefined, undefined);
  claimStatuses(errors, pod, spec);
  if (status.extendedResourceClaimStatus) extendedClaimStatus(errors, 'status.extendedResourceClaimStatus', status.extendedResourceClaimStatus, spec);
  addresses(errors, 'status.podIPs', 'core/v1.PodIP', status.podIPs, before.podIPs);
  if (status.hostIPs?.length && (status.hostIP ?? '') !== (status.hostIPs[0]!.ip ?? ''))
    errors.invalid('status.hostIPs[0].ip', status.hostIPs[0]!.ip ?? '', 'must be equal to `hostIP`');
  addresses(errors, 'status.hostIPs', 'core/v1.HostIP', status.hostIPs, before.hostIPs);
  for (const kind of ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const) users(errors, `status.${kind}`, status[kind], spec);
  allocatedStatuses(errors, 'status.containerStatuses', status.containerStatuses, spec.containers);
  allocatedStatuses(errors, 'status.initContainerStatuses', status.initContainerStatuses, spec.initContainers);
  status.ephemeralContainerStatuses?.forEach(({ allocatedResourcesStatus }, i) => {
    if (allocatedResourcesStatus?.length) errors.forbidden(`status.ephemeralContainerStatuses[${i}].allocatedResourcesStatus`, 'must not be specified in container status');
  });
}

/** At most one of each family, which are the pod's own or were there before. */
function addresses(errors: FieldErrors, field: string, type: string, given: { ip?: string }[] = [], before: { ip?: string }[] = []): void {
  const existing = before.map(({ ip }) => ip ?? '');
  const ips = given.map(({ ip }) => ip ?? '');
  ips.forEach((ip, i) => ipAddress(errors, `${field}[${i}]`, ip, existing));
  if (ips.length < 2) return;
  const unknown = ips.findIndex((ip) => !parseIP(ip));
  if (unknown >= 0) errors.internal(field, `failed to check for dual stack with error:invalid IP[${unknown}]: ${ips[unknown]}`);
  if (unknown >= 0 || ips.length > 2 || new Set(ips.map((ip) => ip.includes(':'))).size < 2)
    errors.invalid(field, internal(type, given), 'may specify no more than one IP for each IP family');
}

function claimStatuses(errors: FieldErrors, { status }: Pod, { resourceClaims = [] }: PodSpec): void {
  const seen = new Set<string>();
  status?.resourceClaimStatuses?.forEach(({ name = '', resourceClaimName }, i) => {
    const path = `status.resourceClaimStatuses[${i}]`;
    if (!resourceClaims.some((claim) => claim.name === name)) errors.invalid(`${path}.name`, name, 'must match the name of an entry in `spec.resourceClaims`');
    if (seen.has(name)) errors.duplicate(`${path}.name`, name);
    seen.add(name);
    if (resourceClaimName !== undefined) errors.invalidEach(`${path}.resourceClaimName`, resourceClaimName, isDns1123Subdomain(resourceClaimName));
  });
}

function extendedClaimStatus(errors: FieldErrors, path: string, { requestMappings = [], resourceClaimName }: PodExtendedResourceClaimStatus, spec: PodSpec): void {
  if (!requestMappings.length) errors.required(`${path}.requestMappings`, 'at least one request mapping is required');
  const seen = new Set<string>();
  requestMappings.forEach(({ containerName = '', resourceName = '', requestName = '' }, i) => {
    const at = `${path}.requestMappings[${i}]`;
    const container = [...(spec.initContainers ?? []), ...(spec.containers ?? [])].find(({ name }) => name === containerName);
    if (!container) errors.invalid(`${at}.containerName`, containerName, 'must match the name of an entry in spec.initContainers.name or spec.containers.name');
    else if (container.resources?.requests?.[resourceName] === undefined)
      errors.invalid(`${at}.resourceName`, resourceName, 'must match the extended resource name of an entry in spec.initContainers.resources.requests or spec.containers.resources.requests');
    dns1123Label(errors, `${path}.requestName`, requestName);
    const key = `${containerName}/${resourceName}/${requestName}`;
    if (seen.has(key)) for (const [name, value] of Object.entries({ containerName, resourceName, requestName })) errors.duplicate(`${at}.${name}`, value);
    seen.add(key);
  });
  if (!resourceClaimName) errors.required(`${path}.resourceClaimName`);
  else dns1123Subdomain(errors, `${path}.resourceClaimName`, resourceClaimName);
}

/** Who a container's first process runs as. */
function users(errors: FieldErrors, field: string, statuses: ContainerStatus[] = [], { os }: PodSpec): void {
  statuses.forEach(({ user }, i) => {
    if (!user?.linux) return;
    const path = `${field}[${i}].user.linux`;
    if (os?.name === 'windows') return errors.forbidden(path, 'cannot be set for a windows pod');
    const id = (at: string, value = 0) => {
      if (value < 0 || value > maxInt32) errors.invalid(`${path}.${at}`, value, `must be between 0 and ${maxInt32}, inclusive`);
    };
    id('uid', user.linux.uid);
    id('gid', user.linux.gid);
    user.linux.supplementalGroups?.forEach((group, j) => id(`supplementalGroups[${j}]`, group));
  });
}

/** How the devices do that a container has been given. */
function allocatedStatuses(errors: FieldErrors, field: string, statuses: ContainerStatus[] = [], containers: Container[] = []): void {
  statuses.forEach((status, i) =>
    status.allocatedResourcesStatus?.forEach(({ name = '', resources = [] }, j) => {
      const path = `${field}[${i}].allocatedResourcesStatus[${j}]`;
      const container = containers.find(({ name }) => name === status.name);
      if (container) {
        const given = container.resources;
        const claims = (given?.claims ?? []).map((claim) => `claim:${claim.name}${claim.request ? `/${claim.request}` : ''}`);
        if (name.startsWith('claim:')) {
          if (!claims.includes(name))
            errors.invalid(`${path}.name`, name, "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or 'claim:<claimName>' if request is empty");
        } else if (given?.requests?.[name] === undefined) errors.invalid(`${path}.name`, name, "must match one of the container's resource requests");
      }
      const seen = new Set<string>();
      resources.forEach(({ health = '', message, resourceID = '' }, k) => {
        const at = `${path}.resources[${k}]`;
        if (!healths.includes(health)) errors.notSupported(`${at}.health`, health, healths);
        if (message === '') errors.required(`${at}.message`, 'must be non-empty if specified');
        else if (message !== undefined && byteLength(message) > maxHealthMessage) errors.tooLong(`${at}.message`, maxHealthMessage);
        if (seen.has(resourceID)) errors.duplicate(`${at}.resourceID`, resourceID);
        seen.add(resourceID);
      });
    }),
  );
}

/** A container that ended for good does not run again. Mirrors ValidateContainerStateTransition. */
function stateTransitions(
  errors: FieldErrors,
  field: string,
  after: ContainerStatus[] | undefined,
  before: ContainerStatus[] | undefined,
  spec: PodSpec | undefined,
  containers: Container[] | undefined,
): void {
  // Where any container can make all begin anew, each may.
  const all = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  if (all.some(({ restartPolicyRules }) => restartPolicyRules?.some(({ action }) => action === 'RestartAllContainers'))) return;
  before?.forEach((old, i) => {
    if (!old.state?.terminated) return;
    const status = after?.find((s) => s.name === old.name);
    if (!status || status.state?.terminated) return;
    const container = containers?.find((c) => c.name === old.name);
    if (spec && container && shouldRestart(container, spec, old.state.terminated.exitCode)) return;
    errors.forbidden(`${field}[${i}].state`, 'may not be transitioned to non-terminated state');
  });
}
