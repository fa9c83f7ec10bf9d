/** A body that does not fit its kind; the message is what Go's decoder says, to be wrapped by a 400. */
export class DecodeError extends Error {
  constructor(
    message: string,
    /** What upstream says of the same where it converts maps instead of reading JSON: of strategic merge patches. */
    readonly ofMaps = message,
  ) {
    super(message);
  }
}
