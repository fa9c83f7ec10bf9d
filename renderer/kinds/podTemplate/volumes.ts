import type { Volume } from '../../../main/api/index.ts';

/** The kinds of volumes that the form shows. */
export const volumeKinds = ['emptyDir', 'configMap', 'secret', 'persistentVolumeClaim', 'hostPath'] as const;
export type VolumeKind = (typeof volumeKinds)[number];

export const blankVolume: Readonly<Record<VolumeKind, unknown>> = {
  emptyDir: {},
  configMap: { name: '' },
  secret: { secretName: '' },
  persistentVolumeClaim: { claimName: '' },
  hostPath: { path: '' },
};

/** Undefined for a kind that the form does not show. */
export const kindOfVolume = (volume: Volume): VolumeKind | undefined => volumeKinds.find((kind) => volume[kind] !== undefined && volume[kind] !== null);
