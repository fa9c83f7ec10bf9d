/** A body that does not fit its kind; the message is what Go's decoder says, to be wrapped by a 400. */
export class DecodeError extends Error {}
