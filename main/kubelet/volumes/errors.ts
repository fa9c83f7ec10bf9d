/** What an event says of a volume: a device is mapped, everything else is mounted. */
export interface VolumeFailure {
  reason: 'FailedMount' | 'FailedMapVolume';
  message: string;
}

/** Volumes could not be made ready. */
export class VolumeError extends Error {
  constructor(
    readonly failures: VolumeFailure[],
    /** The pod's volumes that it waits for, by its own names, and those among them that are not even attached. */
    readonly unmounted: string[] = [],
    readonly unattached: string[] = [],
  ) {
    super(failures.map(({ message }) => message).join('; ') || `volumes are not attached yet: ${unattached.join(', ')}`);
  }
}

/** The node does not have the volume yet: the controller that asks for it tells of it. */
export class UnattachedVolume extends Error {}

/** What the volume stands for could not be found out: nothing was tried with the volume itself. */
export class UnresolvedVolume extends Error {}

/** Another step than the mount itself has failed: the message begins with its name. */
export class VolumeStepError extends Error {
  constructor(
    /** `MapVolume.SetUpDevice`, `MountVolume.MountDevice` … */
    readonly step: string,
    message: string,
  ) {
    super(message);
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
