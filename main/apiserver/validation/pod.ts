import { isDns1123Label, isDns1123Subdomain, isDns1123SubdomainWithUnderscore } from '../../api/names.ts';
import { equalJson, sortedJson } from '../../api/json.ts';
import { asGiven, cloneGiven } from '../../api/normalize.ts';
import type { Container, ObjectMeta, Pod, PodSpec, PodTemplateSpec } from '../../api/index.ts';
import { fileKeyVolumes, imageSpacing, validateAllContainers } from './containers.ts';
import { diff } from './diff.ts';
import type { FieldErrors } from './field.ts';
import { internal } from './internal.ts';
import { annotations, dns1123Label, dns1123Subdomain, ipAddress, labels, qualifiedName } from './names.ts';
import { eachContainer, mirrorAnnotation, someContainer, validateAnnotationChange, validatePodAnnotations, validateProfilesMatch } from './podAnnotations.ts';
import { validateHostProcesses, validateOs } from './podOs.ts';
import { aggregateContainers } from '../../api/podAmounts.ts';
import { podResourceName, quantityOf, resourceRequirements, containerResourceName, isHugePage } from './resources.ts';
import { onlyAddedTolerations, validateAffinity, validateTolerations, validateTopologySpread } from './scheduling.ts';
import { validatePodSecurityContext } from './securityContext.ts';
import { validateVolumes } from './volumes.ts';

/* Mirrors pkg/apis/core/validation/validation.go (ValidatePodSpec, ValidatePodCreate, ValidatePodUpdate, …). */

const maxInt32 = 2147483647;
const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];

/** `before`: what an update may leave as bad as it was. */
export function validatePodSpec(errors: FieldErrors, field: string, spec: PodSpec, podMeta: ObjectMeta | undefined, isPod = false, before?: PodSpec): void {
  if (spec.terminationGracePeriodSeconds === undefined) errors.required(`${field}.terminationGracePeriodSeconds`);
  const volumes = validateVolumes(errors, `${field}.volumes`, spec.volumes, podMeta);
  const claims = new Set((spec.resourceClaims ?? []).map((claim) => claim.name).filter(Boolean));
  resourceClaims(errors, `${field}.resourceClaims`, spec, podMeta);
  validateAllContainers(errors, field, { spec, volumes, claims, before });
  podLevelResources(errors, field, spec, claims);
  if (spec.hostNetwork)
    spec.containers?.forEach((container, i) =>
      container.ports?.forEach((port, j) => {
        if ((isPod || port.hostPort) && (port.hostPort ?? 0) !== port.containerPort)
          errors.invalid(`${field}.containers[${i}].ports[${j}].hostPort`, port.hostPort ?? 0, 'must match `containerPort` when `hostNetwork` is true');
      }),
    );
  choice(errors, `${field}.restartPolicy`, spec.restartPolicy, ['Always', 'OnFailure', 'Never']);
  choice(errors, `${field}.dnsPolicy`, spec.dnsPolicy, dnsPolicies);
  labels(errors, `${field}.nodeSelector`, spec.nodeSelector);
  validatePodSecurityContext(errors, `${field}.securityContext`, spec);
  validateAffinity(errors, `${field}.affinity`, spec.affinity, before?.affinity);
  dnsConfig(errors, `${field}.dnsConfig`, spec);
  spec.readinessGates?.forEach((gate, i) => qualifiedName(errors, `${field}.readinessGates[${i}].conditionType`, gate.conditionType ?? ''));
  const gates = new Set<string>();
  spec.schedulingGates?.forEach((gate, i) => {
    qualifiedName(errors, `${field}.schedulingGates[${i}]`, gate.name ?? '');
    if (gates.has(gate.name)) errors.duplicate(`${field}.schedulingGates[${i}]`, gate.name);
    gates.add(gate.name);
  });
  validateTopologySpread(errors, `${field}.topologySpreadConstraints`, spec.topologySpreadConstraints);
  validateHostProcesses(errors, field, spec);
  if (spec.hostUsers === false) {
    if (spec.hostNetwork) errors.forbidden(`${field}.hostNetwork`, 'when `hostUsers` is false');
    if (spec.hostPID) errors.forbidden(`${field}.HostPID`, 'when `hostUsers` is false');
    if (spec.hostIPC) errors.forbidden(`${field}.HostIPC`, 'when `hostUsers` is false');
    const hadDevices = before?.hostUsers === false && someContainer(before, ({ volumeDevices }) => !!volumeDevices?.length);
    eachContainer(spec, field, ({ volumeDevices }, path) => {
      if (volumeDevices?.length && !hadDevices) errors.forbidden(`${path}.volumeDevices`, 'when `hostUsers` is false');
    });
  }
  if (spec.hostnameOverride !== undefined) {
    const path = `${field}.hostnameOverride`;
    if (spec.setHostnameAsFQDN) errors.forbidden(path, 'may not be specified when setHostnameAsFQDN is true');
    if (spec.hostNetwork) errors.forbidden(path, 'may not be specified when hostNetwork is true');
    if (spec.hostnameOverride.length > 64) errors.tooLong(path, 64);
    dns1123Subdomain(errors, path, spec.hostnameOverride);
  }
  if (spec.serviceAccountName) dns1123Subdomain(errors, `${field}.serviceAccountName`, spec.serviceAccountName);
  if (spec.nodeName) dns1123Subdomain(errors, `${field}.nodeName`, spec.nodeName);
  const deadline = spec.activeDeadlineSeconds;
  if (deadline !== undefined && (deadline < 1 || deadline > maxInt32))
    errors.invalid(`${field}.activeDeadlineSeconds`, deadline, `must be between 1 and ${maxInt32}, inclusive`);
  if (spec.hostname) dns1123Label(errors, `${field}.hostname`, spec.hostname);
  if (spec.subdomain) dns1123Label(errors, `${field}.subdomain`, spec.subdomain);
  validateTolerations(errors, `${field}.tolerations`, spec.tolerations);
  spec.hostAliases?.forEach((alias, i) => {
    ipAddress(errors, `${field}.hostAliases[${i}].ip`, alias.ip ?? '');
    alias.hostnames?.forEach((name, j) => dns1123Subdomain(errors, `${field}.hostAliases[${i}].hostnames[${j}]`, name));
  });
  if (spec.priorityClassName) dns1123Subdomain(errors, `${field}.priorityClassName`, spec.priorityClassName);
  if (spec.runtimeClassName !== undefined) dns1123Subdomain(errors, `${field}.runtimeClassName`, spec.runtimeClassName);
  if (spec.preemptionPolicy !== undefined) choice(errors, `${field}.preemptionPolicy`, spec.preemptionPolicy, ['PreemptLowerPriority', 'Never']);
  if (spec.overhead) resourceRequirements(errors, `${field}.overhead`, { limits: spec.overhead }, containerResourceName, claims);
  validateOs(errors, field, spec);
  fileKeyVolumes(errors, field, spec);
}

function choice(errors: FieldErrors, field: string, value: string | undefined, supported: string[]): void {
  if (!value) errors.required(field);
  else if (!supported.includes(value)) errors.notSupported(field, value, supported);
}

function resourceClaims(errors: FieldErrors, field: string, spec: PodSpec, podMeta: ObjectMeta | undefined): void {
  const names = new Set<string>();
  const isStatic = podMeta?.annotations?.[mirrorAnnotation] !== undefined;
  spec.resourceClaims?.forEach((claim, i) => {
    if (isStatic) return errors.forbidden('[]', 'static pods do not support resource claims');
    const path = `${field}[${i}]`;
    if (!claim.name) errors.required(`${path}.name`);
    else if (names.has(claim.name)) errors.duplicate(`${path}.name`, claim.name);
    else errors.invalidEach(`${path}.name`, claim.name, isDns1123Label(claim.name));
    names.add(claim.name);
    const { resourceClaimName: direct, resourceClaimTemplateName: template } = claim;
    if (direct !== undefined && template !== undefined)
      errors.invalid(path, internal('core/v1.PodResourceClaim', claim), 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified');
    if (direct === undefined && template === undefined)
      errors.invalid(path, internal('core/v1.PodResourceClaim', claim), 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`');
    if (direct !== undefined) errors.invalidEach(`${path}.resourceClaimName`, direct, isDns1123Subdomain(direct));
    if (template !== undefined) errors.invalidEach(`${path}.resourceClaimTemplateName`, template, isDns1123Subdomain(template));
  });
}

function podLevelResources(errors: FieldErrors, field: string, spec: PodSpec, claims: ReadonlySet<string>): void {
  const own = spec.resources;
  if (!own) return;
  const path = `${field}.resources`;
  if (spec.os?.name === 'windows') return errors.forbidden(path, 'may not be set for a windows pod');
  if (own.claims) errors.forbidden(`${path}.claims`, 'claims may not be set for Resources at pod-level');
  resourceRequirements(errors, path, own, podResourceName, claims);
  for (const what of ['requests', 'limits'] as const) {
    const sums = aggregateContainers(spec, what);
    for (const name in sums) {
      if (what === 'limits' && !isHugePage(name)) continue;
      const given = own[what]?.[name] === undefined ? undefined : quantityOf(own[what][name]!);
      if (given && sums[name]!.cmp(given) > 0)
        errors.invalid(`${path}.${what}[${name}]`, given.toString(), `must be greater than or equal to aggregate container ${what} of ${sums[name]!.toString()}`);
    }
  }
  spec.containers?.forEach((container, i) => {
    for (const name in container.resources?.limits) {
      const limit = quantityOf(container.resources.limits[name]!);
      const podLimit = own.limits?.[name] === undefined ? undefined : quantityOf(own.limits[name]);
      if (limit && podLimit && limit.cmp(podLimit) > 0)
        errors.invalid(`${path}.containers[${i}][${name}].limits`, limit.toString(), `must be less than or equal to pod limits of ${podLimit.toString()}`);
    }
  });
}

function dnsConfig(errors: FieldErrors, field: string, spec: PodSpec): void {
  const config = spec.dnsConfig;
  if (spec.dnsPolicy === 'None') {
    if (!config) return errors.required(field, 'must provide `dnsConfig` when `dnsPolicy` is None');
    if (!config.nameservers?.length) return errors.required(`${field}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None');
  }
  if (!config) return;
  const { nameservers = [], searches = [], options = [] } = config;
  if (nameservers.length > 3) errors.invalid(`${field}.nameservers`, nameservers, 'must not have more than 3 nameservers');
  nameservers.forEach((address, i) => ipAddress(errors, `${field}.nameservers[${i}]`, address));
  if (searches.length > 32) errors.invalid(`${field}.searches`, searches, 'must not have more than 32 search paths');
  if (searches.join(' ').length > 2048)
    errors.invalid(`${field}.searches`, searches, 'must not have more than 2048 characters (including spaces) in the search list');
  searches.forEach((search, i) => {
    const name = search.replace(/\.$/, '');
    if (search !== '.') errors.invalidEach(`${field}.searches[${i}]`, name, isDns1123SubdomainWithUnderscore(name));
  });
  options.forEach((option, i) => {
    if (!option.name) errors.required(`${field}.options[${i}]`, 'must not be empty');
  });
}

/** `before`: what an update may leave as bad as it was. */
export function validatePodTemplateSpec(errors: FieldErrors, field: string, template: PodTemplateSpec, before?: PodTemplateSpec): void {
  labels(errors, `${field}.labels`, template.metadata?.labels);
  annotations(errors, `${field}.annotations`, template.metadata?.annotations);
  const spec = template.spec ?? { containers: [] };
  validatePodAnnotations(errors, `${field}.annotations`, template.metadata?.annotations, spec, before?.metadata?.annotations);
  validatePodSpec(errors, `${field}.spec`, spec, undefined, false, before?.spec);
  validateProfilesMatch(errors, `${field}.spec`, template);
  if (template.spec?.ephemeralContainers?.length)
    errors.forbidden(`${field}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template');
}

/** `old`: what an update may leave as bad as it was. */
export function validatePodWhole(errors: FieldErrors, pod: Pod, old?: Pod): void {
  const spec = pod.spec ?? { containers: [] };
  validatePodAnnotations(errors, 'metadata.annotations', pod.metadata?.annotations, spec, old?.metadata?.annotations);
  validatePodSpec(errors, 'spec', spec, pod.metadata, true, old?.spec);
  if (!spec.serviceAccountName)
    spec.volumes?.forEach((volume, i) =>
      volume.projected?.sources?.forEach((source, j) => {
        if (source.serviceAccountToken)
          errors.forbidden(`spec.volumes[${i}].projected.sources[${j}].serviceAccountToken`, 'must not be specified when serviceAccountName is not set');
      }),
    );
  spec.containers?.forEach((container, i) => imageSpacing(errors, `spec.containers[${i}]`, container));
  spec.initContainers?.forEach((container, i) => imageSpacing(errors, `spec.initContainers[${i}]`, container));
}

export function validatePodCreate(errors: FieldErrors, pod: Pod): void {
  validatePodWhole(errors, pod);
  if (pod.spec?.ephemeralContainers?.length) errors.forbidden('spec.ephemeralContainers', 'cannot be set on create');
  if (pod.spec?.nodeName && pod.spec.schedulingGates?.length)
    errors.forbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared');
  validateProfilesMatch(errors, 'spec', pod);
}

const updatableFields = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
];

export function validatePodUpdate(errors: FieldErrors, pod: Pod, old: Pod): void {
  validatePodWhole(errors, pod, old);
  validateAnnotationChange(errors, pod, old);
  const [after, before] = [pod.spec!, old.spec!];
  for (const kind of ['containers', 'initContainers'] as const) {
    const [left = [], right = []] = [after[kind], before[kind]];
    if (left.length !== right.length) return errors.forbidden(`spec.${kind}`, 'pod updates may not add or remove containers');
    left.forEach((container, i) => {
      if (!container.image) errors.required(`spec.${kind}[${i}].image`);
      imageSpacing(errors, `spec.${kind}[${i}]`, container);
    });
  }
  const [deadline, oldDeadline] = [after.activeDeadlineSeconds, before.activeDeadlineSeconds];
  if (deadline !== undefined) {
    if (deadline < 0 || deadline > maxInt32)
      return errors.invalid('spec.activeDeadlineSeconds', deadline, `must be between 0 and ${maxInt32}, inclusive`);
    if (oldDeadline !== undefined && oldDeadline < deadline)
      return errors.invalid('spec.activeDeadlineSeconds', deadline, 'must be less than or equal to previous value');
  } else if (oldDeadline !== undefined) {
    errors.invalid('spec.activeDeadlineSeconds', undefined, 'must not update from a positive integer to nil value');
  }
  onlyAddedTolerations(errors, 'spec.tolerations', after.tolerations, before.tolerations);
  const oldGates = new Set((before.schedulingGates ?? []).map((gate) => gate.name));
  after.schedulingGates?.forEach((gate, i) => {
    if (!oldGates.has(gate.name)) errors.forbidden(`spec.schedulingGates[${i}].name`, `only deletion is allowed, but found new scheduling gate '${gate.name}'`);
  });
  if (equalJson(after, before)) return;

  // What may change is put back to what it was; anything that still differs may not.
  const munged = cloneGiven(after);
  const keepImages = (list: Container[] | undefined, from: Container[] | undefined) =>
    list?.forEach((container, i) => (container.image = from![i]!.image));
  keepImages(munged.containers, before.containers);
  keepImages(munged.initContainers, before.initContainers);
  munged.activeDeadlineSeconds = oldDeadline;
  munged.schedulingGates = before.schedulingGates;
  munged.tolerations = before.tolerations;
  if ((before.terminationGracePeriodSeconds ?? 0) < 0 && munged.terminationGracePeriodSeconds === 1)
    munged.terminationGracePeriodSeconds = before.terminationGracePeriodSeconds;
  if (before.schedulingGates?.length) gatedChanges(errors, munged, before);
  if (!equalJson(munged, before))
    errors.forbidden('spec', `pod updates may not change fields other than ${updatableFields.join(',')}\n${diff(internal('core/v1.PodSpec', before), internal('core/v1.PodSpec', munged))}`);
}

const termType = 'core/v1.NodeSelectorTerm';

/** A pod that the scheduler may not look at yet may still be narrowed down to fewer nodes. */
function gatedChanges(errors: FieldErrors, munged: PodSpec, before: PodSpec): void {
  if (!equalJson(munged.nodeSelector, before.nodeSelector)) {
    for (const key in before.nodeSelector)
      if (munged.nodeSelector?.[key] !== before.nodeSelector[key]) {
        errors.invalid('spec.nodeSelector', sortedJson(asGiven(munged, 'nodeSelector')), 'only additions to spec.nodeSelector are allowed (no mutations or deletions)');
        break;
      }
    munged.nodeSelector = before.nodeSelector;
  }
  const [after, old] = [munged.affinity?.nodeAffinity, before.affinity?.nodeAffinity];
  if (equalJson(after, old)) return;
  const required = 'requiredDuringSchedulingIgnoredDuringExecution';
  const path = `spec.affinity.nodeAffinity.${required}.nodeSelectorTerms`;
  const [terms, oldTerms = []] = [after?.[required]?.nodeSelectorTerms, old?.[required]?.nodeSelectorTerms];
  if (oldTerms.length && terms?.length !== oldTerms.length)
    errors.invalid(path, internal(termType, terms), 'no additions/deletions to non-empty NodeSelectorTerms list are allowed');
  else
    oldTerms.forEach((term, i) => {
      const onlyMore = (['matchExpressions', 'matchFields'] as const).every((kind) =>
        equalJson((terms![i]![kind] ?? []).slice(0, term[kind]?.length ?? 0), term[kind] ?? []),
      );
      const wasEmpty = !term.matchExpressions?.length && !term.matchFields?.length;
      if (!onlyMore || (wasEmpty && !equalJson(terms![i], term)))
        errors.invalid(`${path}[${i}]`, internal(termType, terms![i]), 'only additions are allowed (no mutations or deletions)');
    });
  const { nodeAffinity: _, ...rest } = munged.affinity ?? {};
  munged.affinity = old || Object.keys(rest).length || before.affinity ? { ...rest, ...(old ? { nodeAffinity: old } : {}) } : undefined;
}
