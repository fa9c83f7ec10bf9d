import { is } from './attributes.ts';
import type { AdmissionPlugin } from './types.ts';

const finalizers: Record<string, readonly [group: string, finalizer: string]> = {
  persistentvolumeclaims: ['', 'kubernetes.io/pvc-protection'],
  persistentvolumes: ['', 'kubernetes.io/pv-protection'],
  volumeattributesclasses: ['storage.k8s.io', 'kubernetes.io/vac-protection'],
};

/** Claims, volumes and classes of attributes stay until nothing uses them. Mirrors plugin/pkg/admission/storage/storageobjectinuseprotection. */
export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  handles: (operation, resource, subresource) => operation === 'CREATE' && !subresource && Object.entries(finalizers).some(([name, [group]]) => is(resource, group, name)),
  admit({ object, resource }) {
    const metadata = (object!.metadata ??= {});
    const finalizer = finalizers[resource.resource]![1];
    if (!metadata.finalizers?.includes(finalizer)) (metadata.finalizers ??= []).push(finalizer);
  },
};
