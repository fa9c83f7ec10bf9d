import { renameSync, statSync } from 'node:fs';
import { pino, type Logger as Pino } from 'pino';
import type { Logger } from './util/log.ts';

/** A log in a file (mode 0600), JSON lines. A start that finds it larger than 8 MiB keeps it as `.old` and begins anew. */
export function createLog(file: string, level = process.env.SKIFF_LOG_LEVEL ?? 'info'): Logger {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 8 * 2 ** 20) renameSync(file, `${file}.old`);
  const destination = pino.destination({ dest: file, mkdir: true, append: true, mode: 0o600, sync: false, minLength: 0 });
  return wrap(pino({ level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime }, destination));
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
