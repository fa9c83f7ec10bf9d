import { certificateApproval, certificateSigning, certificateSubjectRestriction } from './certificates.ts';
import { defaultAdmissionConfiguration, type AdmissionConfiguration } from './configuration/index.ts';
import { defaultIngressClass } from './defaultIngressClass.ts';
import { defaultStorageClass } from './defaultStorageClass.ts';
import { defaultTolerationSeconds } from './defaultTolerationSeconds.ts';
import { limitRanger } from './limitRanger.ts';
import { namespaceLifecycle } from './namespaceLifecycle.ts';
import { nodeDeclaredFeatures } from './nodeDeclaredFeatures.ts';
import { nodeRestriction } from './nodeRestriction.ts';
import { mutatingPolicies } from './policies/mutating.ts';
import { validatingPolicies } from './policies/validating.ts';
import { persistentVolumeClaimResize } from './persistentVolumeClaimResize.ts';
import { podResize } from './podResize.ts';
import { podSecurity } from './podSecurity/index.ts';
import { podTopologyLabels } from './podTopologyLabels.ts';
import { priority } from './priority.ts';
import { resourceQuotaAdmission } from './resourceQuota.ts';
import { runtimeClassAdmission } from './runtimeClass.ts';
import { serviceAccountAdmission } from './serviceAccount.ts';
import { storageObjectInUseProtection } from './storageObjectInUseProtection.ts';
import { taintNodesByCondition } from './taintNodesByCondition.ts';
import type { AdmissionPlugin, AdmissionServices } from './types.ts';
import { mutatingWebhooks } from './webhooks/mutating.ts';
import { validatingWebhooks } from './webhooks/validating.ts';

/** The plugins of this server, in upstream's order (pkg/kubeapiserver/options/plugins.go); quotas count last. */
export function builtinAdmission(services: AdmissionServices, configuration: AdmissionConfiguration = defaultAdmissionConfiguration): AdmissionPlugin[] {
  const { clock, random } = services;
  return [
    namespaceLifecycle,
    limitRanger,
    serviceAccountAdmission(clock, random),
    nodeRestriction(services),
    taintNodesByCondition,
    podSecurity(configuration.podSecurity),
    priority,
    defaultTolerationSeconds,
    defaultStorageClass,
    storageObjectInUseProtection,
    persistentVolumeClaimResize,
    runtimeClassAdmission,
    certificateApproval(services),
    certificateSigning(services),
    certificateSubjectRestriction,
    defaultIngressClass,
    podTopologyLabels,
    nodeDeclaredFeatures,
    podResize,
    mutatingPolicies(services),
    mutatingWebhooks(services, configuration.mutatingWebhooks),
    validatingPolicies(services),
    validatingWebhooks(services, configuration.validatingWebhooks),
    resourceQuotaAdmission(configuration.limitedResources),
  ];
}
