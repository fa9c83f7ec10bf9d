import type { Entry } from './index.ts';

/** The key's modRevision was not the expected one. `current` is undefined where the key does not exist. */
export class ConflictError extends Error {
  constructor(
    readonly key: string,
    readonly current: Entry | undefined,
  ) {
    super(`the key ${key} ${current ? `is at revision ${current.modRevision}` : 'does not exist'}`);
  }
}

/** The revision asked for is compacted away. */
export class CompactedError extends Error {
  constructor(
    readonly asked: number,
    readonly oldest: number,
  ) {
    super(`revision ${asked} has been compacted, the oldest is ${oldest}`);
  }
}

/** The revision asked for has not been reached yet. */
export class FutureRevisionError extends Error {
  constructor(
    readonly asked: number,
    readonly current: number,
  ) {
    super(`revision ${asked} is in the future, the current one is ${current}`);
  }
}

/** A record on disk is not what was written; nothing behind it was read. Carries where it lies. */
export class CorruptionError extends Error {}

/** The store was closed. */
export class ClosedError extends Error {
  constructor() {
    super('the store is closed');
  }
}

/** A write did not reach the disk; the store accepts none any more. `cause` is what the disk said. */
export class StoreFailedError extends Error {
  constructor(cause: unknown) {
    super(`the store cannot write any more: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** A write found no room on the disk and left nothing there; later ones are tried again. `cause` is what the disk said. */
export class NoSpaceError extends Error {
  constructor(cause: unknown) {
    super(`the store cannot write for lack of space: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** The store is kept elsewhere and cannot be reached, or cannot write now. What it was told may have been done all the same; later calls are tried again. */
export class UnavailableError extends Error {
  constructor(reason: string) {
    super(`the store cannot be reached: ${reason}`);
  }
}

/** A value is larger than the store takes; nothing was written. */
export class TooLargeError extends Error {}

/** Within a store: others have written meanwhile, so what was to be written must be judged anew. */
export class OvertakenError extends Error {}

/** Another process has the data directory open. */
export class LockedError extends Error {
  constructor(
    readonly directory: string,
    readonly pid: number,
  ) {
    super(`the data directory ${directory} is in use by process ${pid}`);
  }
}
