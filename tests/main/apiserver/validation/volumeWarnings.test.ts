import { expect, it } from 'vitest';
import { claimWarnings, persistentVolumeWarnings } from '../../../../main/apiserver/validation/volumeWarnings.ts';

it('tells of what a volume should not say any more', () => {
  const warnings = persistentVolumeWarnings({
    metadata: { annotations: { 'volume.beta.kubernetes.io/storage-class': 'slow' } },
    spec: { persistentVolumeReclaimPolicy: 'Recycle', rbd: { image: 'i', monitors: ['m'] } },
  });
  expect(warnings).toEqual([
    'metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use "storageClassName" attribute instead',
    'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
    'spec.rbd: deprecated in v1.28, non-functional in v1.31+',
  ]);
});

it('tells of a claim of less than whole bytes', () => {
  expect(claimWarnings({ metadata: {}, spec: { resources: { requests: { storage: '1500m' } } } })).toEqual([
    'spec.resources.requests[storage]: fractional byte value "1500m" is invalid, must be an integer',
  ]);
});
