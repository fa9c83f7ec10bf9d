import { is } from './attributes.ts';
import type { AdmissionPlugin } from './types.ts';

const finalizers: Record<string, string> = { persistentvolumeclaims: 'kubernetes.io/pvc-protection', persistentvolumes: 'kubernetes.io/pv-protection' };

/** Claims and volumes stay until nothing uses them. Mirrors plugin/pkg/admission/storage/storageobjectinuseprotection. */
export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  handles: (operation, resource, subresource) => operation === 'CREATE' && !subresource && Object.keys(finalizers).some((name) => is(resource, '', name)),
  admit({ object, resource }) {
    const metadata = (object!.metadata ??= {});
    const finalizer = finalizers[resource.resource]!;
    if (!metadata.finalizers?.includes(finalizer)) (metadata.finalizers ??= []).push(finalizer);
  },
};
