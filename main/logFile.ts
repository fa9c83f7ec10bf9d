import { mkdirSync, openSync, renameSync, statSync, writeSync } from 'node:fs';
import path from 'node:path';
import { pino, type Logger as Pino } from 'pino';
import type { Logger } from './util/log.ts';

/** A log in a file (mode 0600), JSON lines. A start that finds it larger than 8 MiB keeps it as `.old` and begins anew. */
export function createLog(file: string, level = process.env.SKIFF_LOG_LEVEL ?? 'info'): Logger {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 8 * 2 ** 20) renameSync(file, `${file}.old`);
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const descriptor = openSync(file, 'a', 0o600);
  return wrap(pino({ level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime }, { write: (line) => append(descriptor, line) }));
}

/** At once, so that the last lines before an end are there. pino's own destination would hold up the whole engine until a full disk has room. */
function append(descriptor: number, line: string): void {
  try {
    writeSync(descriptor, line);
  } catch {
    // A log that cannot be written is no reason to end, nor to wait.
  }
}

function wrap(log: Pino): Logger {
  return {
    debug: (message, fields) => log.debug(fields ?? {}, message),
    info: (message, fields) => log.info(fields ?? {}, message),
    warn: (message, fields) => log.warn(fields ?? {}, message),
    error: (message, fields) => log.error(fields ?? {}, message),
    child: (component) => wrap(log.child({ component })),
  };
}
