/** Why a container could not be started: `reason` and message are those of its waiting state. */
export class StartError extends Error {
  constructor(
    readonly reason: string,
    message: string,
    /** Milliseconds from now after which another try makes sense; undefined: as failures of syncs go. */
    readonly retryAfter?: number,
    /** It was told already. */
    readonly known = false,
  ) {
    super(message);
  }
}
