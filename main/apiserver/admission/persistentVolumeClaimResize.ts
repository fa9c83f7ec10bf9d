import type { PersistentVolumeClaim, StorageClass } from '../../api/index.ts';
import { parseQuantity } from '../../api/quantity.ts';
import { as, is, reject } from './attributes.ts';
import type { AdmissionPlugin } from './types.ts';

/** A claim grows only where its class lets it. Mirrors plugin/pkg/admission/storage/persistentvolume/resize. */
export const persistentVolumeClaimResize: AdmissionPlugin = {
  name: 'PersistentVolumeClaimResize',
  handles: (operation, resource, subresource) => operation === 'UPDATE' && !subresource && is(resource, '', 'persistentvolumeclaims'),
  async validate(attributes) {
    const [claim, old] = [as<PersistentVolumeClaim>(attributes.object), as<PersistentVolumeClaim>(attributes.oldObject)];
    const [size, before] = [claim.spec?.resources?.requests?.storage, old.spec?.resources?.requests?.storage];
    if (size === undefined || before === undefined || parseQuantity(size).cmp(parseQuantity(before)) <= 0) return;
    if (old.status?.phase !== 'Bound') throw reject(attributes, 'Only bound persistent volume claims can be expanded');
    const name = claim.spec?.storageClassName;
    const found = name ? await attributes.objects.get<StorageClass>({ group: 'storage.k8s.io', version: 'v1', resource: 'storageclasses' }, '', name) : undefined;
    if (!found?.allowVolumeExpansion) throw reject(attributes, 'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize');
  },
};
