import type { PersistentVolumeClaim, StorageClass } from '../../api/index.ts';
import { claimHasClass, defaultClass } from '../../api/persistentVolumes.ts';
import { as, is } from './attributes.ts';
import type { AdmissionPlugin } from './types.ts';

const storageClasses = { group: 'storage.k8s.io', version: 'v1', resource: 'storageclasses' };

/** A claim that names no class gets the default one, the newest if there are several. Mirrors plugin/pkg/admission/storage/storageclass/setdefault. */
export const defaultStorageClass: AdmissionPlugin = {
  name: 'DefaultStorageClass',
  handles: (operation, resource, subresource) => operation === 'CREATE' && is(resource, '', 'persistentvolumeclaims') && !subresource,
  async admit({ object, objects }) {
    const claim = as<PersistentVolumeClaim>(object);
    if (claimHasClass(claim)) return;
    const found = defaultClass(await objects.list<StorageClass>(storageClasses));
    if (found) (claim.spec ??= {}).storageClassName = found.metadata!.name;
  },
};
