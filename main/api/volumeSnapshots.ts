import type { KubeObject } from './meta.ts';

// The kinds of snapshot.storage.k8s.io/v1, which no Kubernetes serves by itself: a CustomResourceDefinition brings them.

export const snapshotGroup = 'snapshot.storage.k8s.io';

export interface VolumeSnapshotClass extends KubeObject {
  driver: string;
  deletionPolicy: string;
  parameters?: Record<string, string>;
}

export interface VolumeSnapshot extends KubeObject {
  spec?: {
    source: { persistentVolumeClaimName?: string; volumeSnapshotContentName?: string };
    volumeSnapshotClassName?: string;
  };
  status?: {
    boundVolumeSnapshotContentName?: string;
    creationTime?: string;
    readyToUse?: boolean;
    /** A quantity. */
    restoreSize?: string;
    error?: { time?: string; message?: string };
  };
}

export interface VolumeSnapshotContent extends KubeObject {
  spec?: {
    volumeSnapshotRef: { apiVersion?: string; kind?: string; namespace?: string; name?: string; uid?: string; resourceVersion?: string };
    deletionPolicy: string;
    driver: string;
    volumeSnapshotClassName?: string;
    source: { volumeHandle?: string; snapshotHandle?: string };
    sourceVolumeMode?: string;
  };
  status?: {
    snapshotHandle?: string;
    /** Nanoseconds since the epoch. */
    creationTime?: number;
    readyToUse?: boolean;
    /** Bytes. */
    restoreSize?: number;
    error?: { time?: string; message?: string };
  };
}

export const defaultClassAnnotation = 'snapshot.storage.kubernetes.io/is-default-class';

export const isDefaultSnapshotClass = ({ metadata }: VolumeSnapshotClass): boolean => metadata?.annotations?.[defaultClassAnnotation] === 'true';

export const isSnapshotReady = (snapshot: VolumeSnapshot): boolean => Boolean(snapshot.status?.readyToUse && snapshot.status.boundVolumeSnapshotContentName);
