import type { FeatureGates } from '../../api/featureGates.ts';
import type { Service } from '../../api/index.ts';
import type { KubeletApi } from '../../api/kubelet.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { Random } from '../../util/random.ts';
import { customResourceDefinition } from '../apiextensions/index.ts';
import type { RbacAuthorizer } from '../auth/rbac.ts';
import type { ServiceAccountTokens } from '../auth/serviceAccountTokens.ts';
import type { Authenticator, Authorizer } from '../auth/types.ts';
import { apiService } from './apiregistration/apiService.ts';
import { certificateSigningRequest } from './certificates/certificateSigningRequest.ts';
import { checkExpression } from '../admission/expressions/index.ts';
import { admissionPolicies } from './admissionregistration/policies.ts';
import { webhookConfigurations } from './admissionregistration/webhookConfigurations.ts';
import { controllerRevision } from './apps/controllerRevision.ts';
import { daemonSet } from './apps/daemonSet.ts';
import { statefulSet } from './apps/statefulSet.ts';
import { horizontalPodAutoscaler, horizontalPodAutoscalerV1 } from './autoscaling/horizontalPodAutoscaler.ts';
import { cronJob } from './batch/cronJob.ts';
import { job } from './batch/job.ts';
import { limitRange } from './core/limitRange.ts';
import { podTemplate } from './core/podTemplate.ts';
import { replicationController } from './core/replicationController.ts';
import { resourceQuota } from './core/resourceQuota.ts';
import { ingress, ingressClass } from './networking/ingress.ts';
import { nodeMetrics, podMetrics } from './metrics/metrics.ts';
import { networkPolicy } from './networking/networkPolicy.ts';
import { ipAddress, serviceCIDR as serviceCIDRKind } from './networking/serviceCIDR.ts';
import { runtimeClass } from './node/runtimeClass.ts';
import { podDisruptionBudget } from './policy/podDisruptionBudget.ts';
import { deviceClass } from './resource/deviceClass.ts';
import { resourceClaim, resourceClaimTemplate } from './resource/claim.ts';
import { resourceSlice } from './resource/resourceSlice.ts';
import { csiDriver, csiNode, csiStorageCapacity, volumeAttachment } from './storage/csi.ts';
import { deployment } from './apps/deployment.ts';
import { replicaSet } from './apps/replicaSet.ts';
import { selfSubjectReview, tokenReview } from './authentication/reviews.ts';
import { accessReviews } from './authorization/accessReviews.ts';
import { lease } from './coordination/lease.ts';
import { binding } from './core/binding.ts';
import { componentStatus } from './core/componentStatus.ts';
import { configMap } from './core/configMap.ts';
import { endpoints } from './core/endpoints.ts';
import { event, eventsEvent } from './core/event.ts';
import { flowSchema } from './flowcontrol/flowSchema.ts';
import { priorityLevelConfiguration } from './flowcontrol/priorityLevelConfiguration.ts';
import { namespace } from './core/namespace.ts';
import { node } from './core/node.ts';
import { persistentVolume } from './core/persistentVolume.ts';
import { persistentVolumeClaim } from './core/persistentVolumeClaim.ts';
import { pod } from './core/pod.ts';
import { secret } from './core/secret.ts';
import { service } from './core/service.ts';
import { serviceAccount } from './core/serviceAccount.ts';
import { ServiceAddresses } from './core/serviceAddresses.ts';
import { RememberedPorts, ServicePorts, StoredPorts } from './core/servicePorts.ts';
import { endpointSlice } from './discovery/endpointSlice.ts';
import { rbacStrategies } from './rbac/roles.ts';
import { priorityClass } from './scheduling/priorityClass.ts';
import { storageClass, volumeAttributesClass } from './storage/storageClass.ts';
import type { Store } from '../../store/index.ts';
import type { HealthCheck } from '../../util/healthChecks.ts';
import { Registry } from './generic.ts';
import type { Objects, Strategy } from './strategy.ts';

export interface BuiltinOptions {
  store: Store;
  objects: Objects;
  random: Random;
  rbac: RbacAuthorizer;
  /** Answers access reviews: the one that judges requests. */
  authorizer: Authorizer;
  tokens: ServiceAccountTokens;
  /** Who recognizes other tokens, for reviews of them. */
  otherTokens?: readonly Authenticator[];
  /** Where Services get their addresses from as long as no ServiceCIDR says otherwise: `10.96.0.0/16`, or one of each family with a comma between them. */
  serviceCIDR: string;
  /** First and last port that Services of type NodePort get. */
  nodePorts: readonly [number, number];
  /** Other API servers write to the same store. */
  shared?: boolean;
  /** The kubelet of a node, which measures; undefined: none runs there. */
  kubelets(node: string): KubeletApi | undefined;
  /** What `componentstatuses` tells of, each under its name. */
  components?: readonly HealthCheck[];
  featureGates?: FeatureGates;
}

/** Every kind that the API server serves by itself. */
export function builtinStrategies(options: BuiltinOptions): Strategy[] {
  const { store, objects, random, rbac, authorizer, tokens, otherTokens = [], serviceCIDR, nodePorts, shared = false, kubelets, components = [], featureGates } = options;
  const stored = () => objects.list<Service>({ group: '', version: 'v1', resource: 'services' });
  const allocators = {
    addresses: new ServiceAddresses(serviceCIDR, objects, new Registry(of(ipAddress), store, objects, random), random),
    ports: new ServicePorts(...nodePorts, shared ? new StoredPorts(store, stored) : new RememberedPorts(stored), random),
  };
  return [
    of(namespace),
    of(node),
    of(pod),
    of(configMap),
    of(secret),
    of(service(allocators)),
    of(serviceAccount(tokens)),
    of(endpoints),
    of(event),
    of(eventsEvent),
    of(binding),
    of(componentStatus(components)),
    of(deployment),
    of(replicaSet),
    of(lease),
    of(endpointSlice),
    ...rbacStrategies(rbac).map((strategy) => of(strategy as Strategy<KubeObject>)),
    of(storageClass),
    of(persistentVolume),
    of(persistentVolumeClaim),
    of(priorityClass),
    of(limitRange),
    of(resourceQuota),
    of(podTemplate),
    of(replicationController),
    of(statefulSet(featureGates)),
    of(daemonSet),
    of(controllerRevision),
    of(job),
    of(cronJob),
    of(horizontalPodAutoscaler),
    of(horizontalPodAutoscalerV1),
    of(podDisruptionBudget),
    of(ingress),
    of(ingressClass),
    of(networkPolicy),
    of(serviceCIDRKind),
    of(ipAddress),
    of(flowSchema),
    of(priorityLevelConfiguration),
    of(deviceClass),
    of(resourceClaim(authorizer)),
    of(resourceClaimTemplate),
    of(resourceSlice),
    of(runtimeClass),
    of(customResourceDefinition),
    of(csiDriver),
    of(csiNode),
    of(volumeAttachment),
    of(nodeMetrics(objects, kubelets)),
    of(podMetrics(objects, kubelets)),
    of(csiStorageCapacity),
    of(volumeAttributesClass),
    of(selfSubjectReview),
    of(tokenReview(tokens, otherTokens)),
    of(apiService),
    of(certificateSigningRequest),
    ...webhookConfigurations(checkExpression).map((strategy) => of(strategy as Strategy<KubeObject>)),
    ...admissionPolicies(checkExpression).map((strategy) => of(strategy as Strategy<KubeObject>)),
    ...accessReviews(authorizer, rbac).map((strategy) => of(strategy as Strategy<KubeObject>)),
  ];
}

/**
 * A strategy of some kind as one of any kind. Its functions take their own kind's objects and the registry gives them
 * no others, which the types of a list of all kinds cannot say.
 */
function of<T extends KubeObject>(strategy: Strategy<T>): Strategy {
  return strategy as unknown as Strategy;
}
