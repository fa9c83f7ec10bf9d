import { AttachDetachController } from './attachDetach.ts';
import { BootstrapSigner, TokenCleaner } from './bootstrapTokens.ts';
import { CertificateApprover } from './certificates/approving.ts';
import { CertificateCleaner } from './certificates/cleaning.ts';
import { CertificateSigner } from './certificates/signing.ts';
import { ClusterRoleAggregationController } from './clusterRoleAggregation.ts';
import type { Controller, ControllerContext } from './controller.ts';
import { CronJobController } from './cronJob/cronJobController.ts';
import { DaemonSetController } from './daemonSet/daemonSetController.ts';
import { DeploymentController } from './deployment.ts';
import { DeviceTaintEvictionController } from './deviceTaintEviction.ts';
import { DisruptionController } from './disruption/disruptionController.ts';
import { EndpointsController } from './endpoints.ts';
import { EndpointSliceController } from './endpointSlice.ts';
import { EndpointSliceMirroringController } from './endpointSliceMirroring.ts';
import { EphemeralVolumeController } from './ephemeralVolume.ts';
import { GarbageCollector } from './garbageCollector.ts';
import { HorizontalPodAutoscalerController } from './horizontalPodAutoscaler/horizontalPodAutoscalerController.ts';
import { JobController } from './job/jobController.ts';
import { TTLAfterFinishedController } from './job/ttlAfterFinished.ts';
import { LegacyTokenCleaner } from './legacyTokenCleaner.ts';
import { LegacyTokensController } from './legacyTokens.ts';
import { NamespaceController } from './namespace.ts';
import { NodeLifecycleController } from './nodeLifecycle.ts';
import { NodePortRepairController } from './nodePortRepair.ts';
import { NodeTTLController } from './nodeTTL.ts';
import { PersistentVolumeBinder } from './persistentVolumeBinder.ts';
import { PodGCController } from './podGC.ts';
import { ReplicaSetController, ReplicationManager } from './replicaSet.ts';
import { ResourceClaimController } from './resourceClaim.ts';
import { ResourceQuotaController } from './resourceQuota.ts';
import { RootCACertPublisher } from './rootCA.ts';
import { ServiceAccountController } from './serviceAccount.ts';
import { ServiceCIDRController } from './serviceCIDR.ts';
import { ServiceIPRepairController } from './serviceIPRepair.ts';
import { StatefulSetController } from './statefulSet/statefulSetController.ts';
import { TaintEvictionController } from './taintEviction.ts';
import { VolumeExpander } from './volumeExpander.ts';
import { VolumeModifier } from './volumeModifier.ts';
import { VolumeProvisioner } from './volumeProvisioner.ts';
import { SnapshotContentController } from './volumeSnapshot/snapshotContentController.ts';
import { VolumeSnapshotKinds } from './volumeSnapshot/snapshotKinds.ts';
import { VolumeSnapshotController } from './volumeSnapshot/volumeSnapshotController.ts';
import { PVCProtectionController, PVProtectionController, VACProtectionController } from './volumeProtection.ts';

/** Every controller of the cluster: the kube-controller-manager's list. */
const controllers: (new (context: ControllerContext) => Controller)[] = [
  NamespaceController,
  ServiceAccountController,
  LegacyTokensController,
  LegacyTokenCleaner,
  TokenCleaner,
  BootstrapSigner,
  ClusterRoleAggregationController,
  CertificateApprover,
  CertificateSigner,
  CertificateCleaner,
  RootCACertPublisher,
  DeploymentController,
  ReplicaSetController,
  ReplicationManager,
  DaemonSetController,
  StatefulSetController,
  JobController,
  TTLAfterFinishedController,
  CronJobController,
  DisruptionController,
  HorizontalPodAutoscalerController,
  ResourceClaimController,
  ResourceQuotaController,
  EndpointsController,
  EndpointSliceController,
  EndpointSliceMirroringController,
  ServiceCIDRController,
  ServiceIPRepairController,
  NodePortRepairController,
  NodeLifecycleController,
  NodeTTLController,
  TaintEvictionController,
  DeviceTaintEvictionController,
  PodGCController,
  PersistentVolumeBinder,
  AttachDetachController,
  VolumeProvisioner,
  VolumeExpander,
  VolumeModifier,
  VolumeSnapshotKinds,
  SnapshotContentController,
  VolumeSnapshotController,
  EphemeralVolumeController,
  PVCProtectionController,
  PVProtectionController,
  VACProtectionController,
  GarbageCollector,
];

export interface RunningControllers {
  /** Resolves when every cache is in and the controllers are at work. */
  ready: Promise<void>;
  /** Resolves when nothing is under way any more. The informers belong to the caller and go on. */
  stop(): Promise<void>;
}

/** Starts the informers and, as soon as they are in, all controllers. */
export function startControllers(context: ControllerContext): RunningControllers {
  const all = controllers.map((Constructor) => new Constructor(context));
  let stopped = false;
  context.informers.start();
  const ready = context.informers.synced().then(() => {
    if (!stopped) for (const controller of all) controller.start();
  });
  return {
    ready,
    async stop() {
      stopped = true;
      await Promise.all(all.map((controller) => controller.stop()));
    },
  };
}
