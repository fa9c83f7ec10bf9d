import type { StorageClass } from '../api/index.ts';

/** What provisioners inside Kubernetes itself were called; none is left. */
export const builtInPrefix = 'kubernetes.io/';

/** Provisioner that Kubernetes once had → the CSI driver that stands in for it (k8s.io/csi-translation-lib). */
const migrated: Record<string, string> = {
  'kubernetes.io/aws-ebs': 'ebs.csi.aws.com',
  'kubernetes.io/azure-disk': 'disk.csi.azure.com',
  'kubernetes.io/azure-file': 'file.csi.azure.com',
  'kubernetes.io/cinder': 'cinder.csi.openstack.org',
  'kubernetes.io/gce-pd': 'pd.csi.storage.gke.io',
  'kubernetes.io/portworx-volume': 'pxd.portworx.com',
  'kubernetes.io/vsphere-volume': 'csi.vsphere.vmware.com',
};

/** Who is to make the volumes of a class. */
export const provisionerOf = ({ provisioner }: StorageClass): string => migrated[provisioner] ?? provisioner;
