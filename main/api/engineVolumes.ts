/** What StorageClasses name to get named volumes of the container engine. */
export const engineVolumeProvisioner = 'skiff.dev/docker-volume';

/** The CSI driver of these volumes, which the kubelet knows. */
export const engineVolumeDriver = 'volumes.skiff.dev';
