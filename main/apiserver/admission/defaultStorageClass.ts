import type { PersistentVolumeClaim, StorageClass } from '../../api/index.ts';
import { isDefaultClass } from '../registry/storage/storageClass.ts';
import { as, is } from './attributes.ts';
import type { AdmissionPlugin } from './types.ts';

const storageClasses = { group: 'storage.k8s.io', version: 'v1', resource: 'storageclasses' };
const betaClass = 'volume.beta.kubernetes.io/storage-class';

/** A claim that names no class gets the default one, the newest if there are several. Mirrors plugin/pkg/admission/storage/storageclass/setdefault. */
export const defaultStorageClass: AdmissionPlugin = {
  name: 'DefaultStorageClass',
  handles: (operation, resource, subresource) => operation === 'CREATE' && is(resource, '', 'persistentvolumeclaims') && !subresource,
  async admit({ object, objects }) {
    const claim = as<PersistentVolumeClaim>(object);
    if (claim.spec?.storageClassName !== undefined || claim.metadata?.annotations?.[betaClass] !== undefined) return;
    const made = (c: StorageClass) => Date.parse(c.metadata?.creationTimestamp ?? '') || 0;
    const found = (await objects.list<StorageClass>(storageClasses)).filter(isDefaultClass);
    const newest = found.sort((a, b) => made(b) - made(a) || (a.metadata!.name! < b.metadata!.name! ? -1 : 1))[0];
    if (newest) (claim.spec ??= {}).storageClassName = newest.metadata!.name;
  },
};
