/** Structured log of one component. Fields must never carry secrets: log names and keys, not values. */
export interface Logger {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
  /** The same log, with `component` on every line. */
  child(component: string): Logger;
}

/** A log that keeps nothing. */
export const noLog: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => noLog,
};
