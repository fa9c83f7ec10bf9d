import type { Binding, ContainerStatus, Pod } from '../../../api/index.ts';
import { equalJson } from '../../../api/json.ts';
import { timestamp } from '../../../api/meta.ts';
import { badRequest, conflict, invalid } from '../../../api/status.ts';
import { diff } from '../../validation/diff.ts';
import { internal } from '../../validation/internal.ts';
import { validatePodCreate, validatePodUpdate, validatePodWhole } from '../../validation/pod.ts';
import { appArmorOfContainer, mirrorAnnotation, validateAnnotationChange } from '../../validation/podAnnotations.ts';
import { validatePodStatusUpdate } from '../../validation/podStatus.ts';
import { appArmorDeprecated, appArmorProfileOf, podNameWarnings, podWarnings } from '../../validation/podWarnings.ts';
import { ipWarnings } from '../../validation/warnings.ts';
import { isSidecar } from '../../../api/podAmounts.ts';
import { qosClass } from '../../../api/qos.ts';
import { check, columns, created, define, statusSubresource } from '../define.ts';
import { age, nameOf, since } from '../printers.ts';
import type { RequestContext, Strategy, Subresource } from '../strategy.ts';
import { defaultPod } from './podDefaults.ts';
import { mergeLabelKeys } from './podLabelKeys.ts';
import { podEviction } from './podEviction.ts';
import { podResize } from './podResize.ts';

/* Mirrors pkg/registry/core/pod/strategy.go and storage/storage.go. */

const definition = define('', 'v1', 'Pod', 'pods', { shortNames: ['po'], categories: ['all'] });
const containerType = 'core/v1.EphemeralContainer';
const resource = { group: '', kind: 'pods' };

/** Profiles that older clients give by annotations become fields. Mirrors strategy.go (applyAppArmorVersionSkew). */
function appArmorFromAnnotations({ metadata, spec }: Pod, warnings: string[]): void {
  if (!spec || spec.os?.name === 'windows') return;
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) {
    const key = `${appArmorOfContainer}${container.name}`;
    const annotation = metadata?.annotations?.[key];
    if (annotation === undefined || container.securityContext?.appArmorProfile) continue;
    const profile = appArmorProfileOf(annotation);
    if (profile && equalJson(profile, spec.securityContext?.appArmorProfile)) continue;
    if (profile) container.securityContext = { ...container.securityContext, appArmorProfile: profile };
    warnings.push(`metadata.annotations[${key}]: ${appArmorDeprecated}`);
  }
}

export const pod: Strategy<Pod> = {
  definition,
  defaults(object) {
    defaultPod(object);
    // As upstream's conversion has it (pkg/apis/core/v1/conversion.go).
    if (object.spec && (object.spec.terminationGracePeriodSeconds ?? 0) < 0) object.spec.terminationGracePeriodSeconds = 1;
  },
  returnsDeletedObject: true,
  hasGeneration: true,
  nameRule: 'dnsSubdomain',
  judgedAgain: true,
  resetFields: (subresource) => (subresource === 'status' ? [['spec'], ['metadata', 'deletionTimestamp'], ['metadata', 'ownerReferences']] : undefined),
  allowUnconditionalUpdate: true,
  prepareForCreate({ now, warnings }, object) {
    mergeLabelKeys(object);
    appArmorFromAnnotations(object, warnings);
    object.status = { phase: 'Pending', qosClass: qosClass(object.spec ?? { containers: [] }) };
    if (object.spec?.schedulingGates?.length)
      object.status.conditions = [{
        type: 'PodScheduled', status: 'False', lastTransitionTime: timestamp(now), reason: 'SchedulingGated',
        message: 'Scheduling is blocked due to non-empty scheduling gates',
      }];
  },
  prepareForUpdate(_context, object, old) {
    object.status = old.status;
  },
  validate: (_context, object) => check((errors) => validatePodCreate(errors, object)),
  validateUpdate: (_context, object, old) => check((errors) => validatePodUpdate(errors, object, old)),
  // Updates are mostly those of machines.
  warnings: (object, old) => (old ? [] : [...podNameWarnings(object.metadata?.name, "the Pod's hostname"), ...podWarnings('spec', object.spec, object.metadata, undefined)]),
  gracefulDeletion(_context, object, requested) {
    const running = object.spec?.nodeName && object.status?.phase !== 'Succeeded' && object.status?.phase !== 'Failed';
    let period = requested ?? object.spec?.terminationGracePeriodSeconds ?? 30;
    if (period < 0) period = 1;
    return running ? period : 0;
  },
  fields: (object) => ({
    'spec.nodeName': object.spec?.nodeName ?? '',
    'spec.restartPolicy': object.spec?.restartPolicy ?? '',
    'spec.schedulerName': object.spec?.schedulerName ?? '',
    'spec.serviceAccountName': object.spec?.serviceAccountName ?? '',
    'spec.hostNetwork': String(object.spec?.hostNetwork ?? false),
    'status.phase': object.status?.phase ?? '',
    'status.podIP': object.status?.podIPs?.[0]?.ip ?? object.status?.podIP ?? '',
    'status.nominatedNodeName': object.status?.nominatedNodeName ?? '',
  }),
  columns: columns('Name', 'Ready', 'Status', 'Restarts', 'Age', 'IP!', 'Node!', 'Nominated Node!', 'Readiness Gates!'),
  row(object, now) {
    const { ready, total, reason, restarts, lastRestart } = summary(object);
    return [
      nameOf(object),
      `${ready}/${total}`,
      reason,
      restarts && lastRestart ? `${restarts} (${since(lastRestart, now)} ago)` : String(restarts),
      age(object, now),
      object.status?.podIPs?.[0]?.ip || '<none>',
      object.spec?.nodeName || '<none>',
      object.status?.nominatedNodeName || '<none>',
      readinessGates(object),
    ];
  },
  subresources: {
    status: {
      ...statusSubresource<Pod>(definition, validatePodStatusUpdate, ['ownerReferences']),
      warnings: ({ status }) => (['podIPs', 'hostIPs'] as const).flatMap((name) => (status?.[name] ?? []).flatMap(({ ip }, i) => ipWarnings(`status.${name}[${i}].ip`, ip))),
      prepareForUpdate(_context, object, old) {
        object.spec = old.spec;
        const metadata = (object.metadata ??= {});
        metadata.ownerReferences = old.metadata?.ownerReferences;
        metadata.deletionTimestamp = old.metadata?.deletionTimestamp;
        const status = (object.status ??= {});
        status.qosClass ??= old.status?.qosClass;
        status.observedGeneration ??= old.status?.observedGeneration;
        alignAddresses(status);
        // Of a feature that is off as long as it is an alpha one.
        delete status.nodeAllocatableResourceClaimStatuses;
      },
    },
    ephemeralcontainers: {
      type: 'object',
      kind: definition,
      verbs: ['get', 'patch', 'update'],
      prepareForUpdate(_context, object, old) {
        const added = object.spec?.ephemeralContainers;
        object.spec = { ...old.spec!, ephemeralContainers: added };
        object.status = old.status;
      },
      validateUpdate: (_context, object, old) => check((errors) => {
        // Of static pods nothing else is said.
        if (old.metadata?.annotations?.[mirrorAnnotation] !== undefined) return errors.forbidden('[]', 'static pods do not support ephemeral containers');
        validatePodWhole(errors, object, old);
        validateAnnotationChange(errors, object, old);
        const after = object.spec?.ephemeralContainers ?? [];
        for (const before of old.spec?.ephemeralContainers ?? []) {
          const same = after.find((container) => container.name === before.name);
          if (!same) errors.forbidden('spec.ephemeralContainers', `existing ephemeral containers ${JSON.stringify(before.name)} may not be removed\n`);
          else if (!equalJson(same, before))
            errors.forbidden('spec.ephemeralContainers', `existing ephemeral containers ${JSON.stringify(before.name)} may not be changed\n${diff(internal(containerType, before), internal(containerType, same))}`);
        }
      }),
    },
    resize: podResize(definition),
    binding: binding(),
    eviction: podEviction,
  },
};

/** The one address and the first of several are the same; where they differ, the one counts. Mirrors pkg/apis/core/v1/conversion.go (PodStatus). */
function alignAddresses(status: NonNullable<Pod['status']>): void {
  if (!status.podIP) status.podIP = status.podIPs?.[0]?.ip;
  else if (status.podIP !== status.podIPs?.[0]?.ip) status.podIPs = [{ ip: status.podIP }];
  if (!status.podIP) delete status.podIP;
}

/** What `kubectl get pods` says about a pod. Mirrors printers.go (printPod). */
function summary(object: Pod): { ready: number; total: number; reason: string; restarts: number; lastRestart: string | undefined } {
  const { spec, status = {} } = object;
  const inits = spec?.initContainers ?? [];
  const sidecars = new Set(inits.filter(isSidecar).map((c) => c.name));
  const total = (spec?.containers?.length ?? 0) + sidecars.size;
  let ready = 0;
  let reason = status.reason || status.phase || '';
  if (status.conditions?.some((c) => c.type === 'PodScheduled' && c.reason === 'SchedulingGated')) reason = 'SchedulingGated';
  let restarts = 0;
  let lastRestart: string | undefined;
  let sidecarRestarts = 0;
  let lastSidecarRestart: string | undefined;
  let initializing = false;
  for (const [i, container] of (status.initContainerStatuses ?? []).entries()) {
    restarts += container.restartCount ?? 0;
    lastRestart = later(lastRestart, container);
    if (sidecars.has(container.name)) {
      sidecarRestarts += container.restartCount ?? 0;
      lastSidecarRestart = later(lastSidecarRestart, container);
    }
    const { terminated, waiting } = container.state ?? {};
    if (terminated?.exitCode === 0) continue;
    if (sidecars.has(container.name) && container.started) {
      if (container.ready) ready++;
      continue;
    }
    if (terminated) reason = `Init:${terminated.reason || (terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`)}`;
    else if (waiting?.reason && waiting.reason !== 'PodInitializing') reason = `Init:${waiting.reason}`;
    else reason = `Init:${i}/${inits.length}`;
    initializing = true;
    break;
  }
  if (!initializing || status.conditions?.some((c) => c.type === 'Initialized' && c.status === 'True')) {
    restarts = sidecarRestarts;
    lastRestart = lastSidecarRestart;
    let hasRunning = false;
    let errorReason = '';
    for (const container of [...(status.containerStatuses ?? [])].reverse()) {
      restarts += container.restartCount ?? 0;
      lastRestart = later(lastRestart, container);
      const { terminated, waiting, running } = container.state ?? {};
      if (waiting?.reason) reason = waiting.reason;
      else if (terminated) {
        reason = terminated.reason || (terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`);
        if (terminated.exitCode !== 0) errorReason = reason;
      } else if (container.ready && running) {
        hasRunning = true;
        ready++;
      }
    }
    if (reason === 'Completed') {
      const isReady = status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True');
      if (hasRunning && isReady) reason = 'Running';
      else if (errorReason) reason = errorReason;
      else if (hasRunning) reason = 'NotReady';
    }
  }
  if (object.metadata?.deletionTimestamp) {
    if (status.reason === 'NodeLost') reason = 'Unknown';
    else if (status.phase !== 'Succeeded' && status.phase !== 'Failed') reason = 'Terminating';
  }
  return { ready, total, reason, restarts, lastRestart };
}

function later(time: string | undefined, { lastState }: ContainerStatus): string | undefined {
  const finished = lastState?.terminated?.finishedAt;
  return finished && (!time || Date.parse(time) < Date.parse(finished)) ? finished : time;
}

function readinessGates({ spec, status }: Pod): string {
  const gates = spec?.readinessGates ?? [];
  if (!gates.length) return '<none>';
  const met = gates.filter((gate) => status?.conditions?.find((c) => c.type === gate.conditionType)?.status === 'True');
  return `${met.length}/${gates.length}`;
}

/** The scheduler's decision: sets the node and the PodScheduled condition. */
function binding(): Subresource<Pod> {
  return {
    type: 'action',
    kind: { group: '', version: 'v1', kind: 'Binding' },
    verbs: ['create'],
    async post(context, name, body, actions) {
      const given = body as Binding;
      if (given.metadata?.name !== name) throw badRequest('name in URL does not match name in Binding object');
      const errors = check((found) => {
        const kind = given.target?.kind;
        if (kind && kind !== 'Node' && kind !== 'Minion') found.notSupported('target.kind', kind, ['Node', '<empty>']);
        if (!given.target?.name) found.required('target.name');
      });
      if (errors.length) throw invalid({ group: '', kind: 'Binding' }, name, errors);
      await actions.update((object) => assign(context, name, given, object));
      return { code: 201, body: created };
    },
  };
}

function assign(context: RequestContext, name: string, { metadata, target }: Binding, object: Pod): void {
  const refuse = (why: string) => conflict({ group: '', kind: 'pods/binding' }, name, why);
  if (metadata?.uid && metadata.uid !== object.metadata?.uid)
    throw conflict(resource, name, `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${object.metadata?.uid}`);
  if (object.metadata?.deletionTimestamp) throw refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
  if (object.spec!.nodeName) throw refuse(`pod ${name} is already assigned to node ${JSON.stringify(object.spec!.nodeName)}`);
  if (object.spec!.schedulingGates?.length) throw refuse(`pod ${name} has non-empty .spec.schedulingGates`);
  object.spec!.nodeName = target!.name;
  if (metadata?.annotations) object.metadata!.annotations = { ...object.metadata!.annotations, ...metadata.annotations };
  if (metadata?.labels) object.metadata!.labels = { ...object.metadata!.labels, ...metadata.labels };
  const status = (object.status ??= {});
  delete status.nominatedNodeName;
  const others = (status.conditions ?? []).filter((condition) => condition.type !== 'PodScheduled');
  status.conditions = [...others, { type: 'PodScheduled', status: 'True', lastTransitionTime: timestamp(context.now) }];
}

