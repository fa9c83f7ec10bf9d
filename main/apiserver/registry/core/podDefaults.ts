import type { Container, EphemeralContainer, PersistentVolumeSpec, Pod, PodSpec, PodTemplateSpec, Probe, Volume } from '../../../api/index.ts';
import { canonicalQuantities, isHugePage, isOvercommitAllowed, quantityOf } from '../../validation/resources.ts';
import { pullPolicyOf } from '../../../api/imageReference.ts';
import { aggregateContainers } from '../../../api/podAmounts.ts';

/*
 * Defaults of everything that has a pod spec.
 * Mirrors pkg/apis/core/v1/defaults.go and zz_generated.defaults.go.
 */

const fileMode = 0o644;

export function defaultPodTemplate(template: PodTemplateSpec | undefined): void {
  if (!template) return;
  template.metadata ??= {};
  if (template.spec) defaultPodSpec(template.spec);
}

export function defaultPodSpec(spec: PodSpec): void {
  // Of a feature that is off as long as it is an alpha one.
  delete spec.schedulingGroup;
  spec.dnsPolicy ||= 'ClusterFirst';
  spec.restartPolicy ||= 'Always';
  spec.securityContext ??= {};
  spec.terminationGracePeriodSeconds ??= 30;
  spec.schedulerName ||= 'default-scheduler';
  syncServiceAccountNames(spec);
  canonicalQuantities(spec.overhead);
  canonicalQuantities(spec.resources?.limits);
  canonicalQuantities(spec.resources?.requests);
  spec.volumes?.forEach(defaultVolume);
  spec.initContainers?.forEach(defaultContainer);
  spec.containers?.forEach(defaultContainer);
  spec.ephemeralContainers?.forEach(defaultContainer);
}

/** What only pods get, not templates (SetDefaults_Pod). */
export function defaultPod(pod: Pod): void {
  const spec = pod.spec;
  if (!spec) return;
  defaultPodSpec(spec);
  if (spec.hostNetwork) {
    defaultHostPorts(spec.containers);
    defaultHostPorts(spec.initContainers);
  }
  for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) requestsFromLimits(container);
  defaultPodLevelResources(spec);
  spec.enableServiceLinks ??= true;
  pod.status ??= {};
}

/** The deprecated `serviceAccount` and `serviceAccountName` say the same (conversion.go); the newer one wins. */
function syncServiceAccountNames(spec: PodSpec): void {
  const name = spec.serviceAccountName || spec.serviceAccount;
  if (name) spec.serviceAccountName = spec.serviceAccount = name;
}

export function defaultContainer(container: Container | EphemeralContainer): void {
  container.imagePullPolicy = pullPolicyOf(container.image ?? '', container.imagePullPolicy);
  container.terminationMessagePath ||= '/dev/termination-log';
  // Of a feature that is off as long as it is an alpha one.
  delete container.lifecycle?.stopSignal;
  if (container.lifecycle && !container.lifecycle.postStart && !container.lifecycle.preStop) delete container.lifecycle;
  container.terminationMessagePolicy ||= 'File';
  container.resources ??= {};
  canonicalQuantities(container.resources.limits);
  canonicalQuantities(container.resources.requests);
  for (const port of container.ports ?? []) port.protocol ||= 'TCP';
  for (const variable of container.env ?? []) {
    const from = variable.valueFrom;
    if (from?.fieldRef) from.fieldRef.apiVersion ||= 'v1';
    if (from?.resourceFieldRef) from.resourceFieldRef.divisor ??= '0';
    if (from?.fileKeyRef) from.fileKeyRef.optional ??= false;
  }
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) defaultProbe(probe);
  for (const handler of [container.lifecycle?.postStart, container.lifecycle?.preStop]) defaultHttpGet(handler?.httpGet);
}

function defaultProbe(probe: Probe | undefined): void {
  if (!probe) return;
  probe.timeoutSeconds ||= 1;
  probe.periodSeconds ||= 10;
  probe.successThreshold ||= 1;
  probe.failureThreshold ||= 3;
  defaultHttpGet(probe.httpGet);
  if (probe.grpc) probe.grpc.service ??= '';
}

function defaultHttpGet(action: Probe['httpGet']): void {
  if (!action) return;
  action.path ||= '/';
  action.scheme ||= 'HTTP';
}

function defaultVolume(volume: Volume): void {
  if (!Object.keys(volume).some((key) => key !== 'name' && volume[key as keyof Volume] !== undefined)) volume.emptyDir = {};
  if (volume.image) volume.image.pullPolicy = pullPolicyOf(volume.image.reference ?? '', volume.image.pullPolicy);
  if (volume.secret) volume.secret.defaultMode ??= fileMode;
  if (volume.configMap) volume.configMap.defaultMode ??= fileMode;
  if (volume.emptyDir?.sizeLimit) volume.emptyDir.sizeLimit = quantityOf(volume.emptyDir.sizeLimit)?.toString() ?? volume.emptyDir.sizeLimit;
  if (volume.downwardAPI) {
    volume.downwardAPI.defaultMode ??= fileMode;
    defaultDownwardItems(volume.downwardAPI.items);
  }
  if (volume.projected) {
    volume.projected.defaultMode ??= fileMode;
    for (const source of volume.projected.sources ?? []) {
      // Of features that are off as long as they are beta ones.
      delete source.clusterTrustBundle;
      delete source.podCertificate;
      if (source.serviceAccountToken) source.serviceAccountToken.expirationSeconds ??= 3600;
      defaultDownwardItems(source.downwardAPI?.items);
    }
  }
  if (volume.ephemeral?.volumeClaimTemplate?.spec) volume.ephemeral.volumeClaimTemplate.spec.volumeMode ??= 'Filesystem';
  defaultVolumeSource(volume);
}

/** What sources that pods may name and sources of persistent volumes have in common. */
export function defaultVolumeSource({ hostPath, iscsi, rbd, azureDisk, scaleIO }: Volume | PersistentVolumeSpec): void {
  if (hostPath) hostPath.type ??= '';
  if (iscsi) iscsi.iscsiInterface ||= 'default';
  if (rbd) {
    rbd.pool ||= 'rbd';
    rbd.user ||= 'admin';
    rbd.keyring ||= '/etc/ceph/keyring';
  }
  if (azureDisk) {
    azureDisk.cachingMode ||= 'ReadWrite';
    azureDisk.kind ||= 'Shared';
    azureDisk.fsType ||= 'ext4';
    azureDisk.readOnly ??= false;
  }
  if (scaleIO) {
    scaleIO.storageMode ||= 'ThinProvisioned';
    scaleIO.fsType ||= 'xfs';
  }
}

function defaultDownwardItems(items: { fieldRef?: { apiVersion?: string }; resourceFieldRef?: { divisor?: string } }[] | undefined): void {
  for (const item of items ?? []) {
    if (item.fieldRef) item.fieldRef.apiVersion ||= 'v1';
    if (item.resourceFieldRef) item.resourceFieldRef.divisor ??= '0';
  }
}

function defaultHostPorts(containers: Container[] | undefined): void {
  for (const container of containers ?? []) for (const port of container.ports ?? []) port.hostPort ||= port.containerPort;
}

function requestsFromLimits(container: Container): void {
  const limits = container.resources?.limits;
  if (!limits) return;
  const requests = (container.resources!.requests ??= {});
  for (const name in limits) requests[name] ??= limits[name]!;
}

function defaultPodLevelResources(spec: PodSpec): void {
  const resources = spec.resources;
  if (!resources || !(Object.keys(resources.limits ?? {}).length + Object.keys(resources.requests ?? {}).length)) return;
  const isPodLevel = (name: string) => name === 'cpu' || name === 'memory' || isHugePage(name);
  const limits: Record<string, string> = { ...resources.limits };
  const containerLimits = aggregateContainers(spec, 'limits');
  for (const name in containerLimits)
    if (isHugePage(name) && resources.requests?.[name] === undefined) limits[name] ??= containerLimits[name]!.toString();
  if (Object.keys(limits).length) resources.limits = limits;
  if (!resources.limits) return;
  const requests: Record<string, string> = { ...resources.requests };
  const containerRequests = aggregateContainers(spec, 'requests');
  for (const name in containerRequests)
    if (isPodLevel(name) && isOvercommitAllowed(name)) requests[name] ??= containerRequests[name]!.toString();
  for (const name in resources.limits) if (isPodLevel(name)) requests[name] ??= resources.limits[name]!;
  if (Object.keys(requests).length) resources.requests = requests;
}
