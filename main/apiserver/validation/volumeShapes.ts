import type { PersistentVolumeClaimSpec, PersistentVolumeSpec } from '../../api/index.ts';
import { internal, type InternalShape } from './internal.ts';

/* Volumes and claims as messages show them: upstream's internal types (pkg/apis/core/types.go), of which nothing is left out. */

const secretRef = { name: '', namespace: '' };

/** Sources that a volume may have, in the internal type's order; null is one whose inside is shown as the API has it. */
const sources: Record<string, InternalShape | null> = {
  'gcePersistentDisk=GCEPersistentDisk': { 'pdName=PDName': '', 'fsType=FSType': '', partition: 0, readOnly: false },
  'awsElasticBlockStore=AWSElasticBlockStore': { 'volumeID=VolumeID': '', 'fsType=FSType': '', partition: 0, readOnly: false },
  hostPath: { path: '', type: null },
  glusterfs: null,
  'nfs=NFS': { server: '', path: '', readOnly: false },
  'rbd=RBD': null,
  quobyte: null,
  'iscsi=ISCSI': {
    targetPortal: '', 'iqn=IQN': '', lun: 0, 'iscsiInterface=ISCSIInterface': '', 'fsType=FSType': '', readOnly: false, portals: null,
    'chapAuthDiscovery=DiscoveryCHAPAuth': false, 'chapAuthSession=SessionCHAPAuth': false, secretRef, initiatorName: null,
  },
  flexVolume: null,
  cinder: null,
  'cephfs=CephFS': null,
  'fc=FC': { 'targetWWNs=TargetWWNs': null, lun: null, 'fsType=FSType': '', readOnly: false, 'wwids=WWIDs': null },
  flocker: null,
  azureFile: null,
  vsphereVolume: null,
  azureDisk: null,
  photonPersistentDisk: null,
  portworxVolume: null,
  'scaleIO=ScaleIO': null,
  local: { path: '', 'fsType=FSType': null },
  'storageos=StorageOS': null,
  'csi=CSI': {
    driver: '', volumeHandle: '', readOnly: false, 'fsType=FSType': '', volumeAttributes: null, controllerPublishSecretRef: secretRef,
    nodeStageSecretRef: secretRef, nodePublishSecretRef: secretRef, controllerExpandSecretRef: secretRef, nodeExpandSecretRef: secretRef,
  },
};

const claim: InternalShape = {
  accessModes: null,
  selector: null,
  resources: { limits: null, requests: null },
  volumeName: '',
  storageClassName: null,
  volumeMode: null,
  dataSource: { 'apiGroup=APIGroup': null, kind: '', name: '' },
  dataSourceRef: { 'apiGroup=APIGroup': null, kind: '', name: '', namespace: null },
  volumeAttributesClassName: null,
};

export const shownSource = (source: Partial<PersistentVolumeSpec>): unknown => internal(sources, source);

export const shownClaim = (spec: PersistentVolumeClaimSpec): unknown => internal(claim, { ...spec, resources: spec.resources ?? {} });
