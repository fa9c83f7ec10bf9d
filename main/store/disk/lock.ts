import fs from 'node:fs';
import type { Clock } from '../../util/clock.ts';
import { LockedError } from '../errors.ts';

interface Holder {
  pid: number;
  /** What tells this process from an earlier or later one of the same number, where the system can say. */
  identity?: string;
}

/** How long the lock's owner may take to end before it counts as at work, ms: one that was told to end, or killed, needs a moment. */
const patience = 2000;

/**
 * Takes the lock file for this process, also from one that is dead, and waits briefly for one that is about to end.
 * The file is made whole beside its place and linked there, which fails where another is. Resolves to what gives the
 * lock back; throws LockedError.
 */
export async function lockDirectory(file: string, directory: string, clock: Clock): Promise<() => Promise<void>> {
  const identity = identityOf(process.pid);
  const mine = JSON.stringify({ pid: process.pid, ...(identity ? { identity } : {}) });
  const draft = `${file}.${process.pid}`;
  await fs.promises.writeFile(draft, mine, { mode: 0o600 });
  try {
    for (let attempt = 0; ; attempt++) {
      try {
        await fs.promises.link(draft, file);
        break;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt === 8) throw error;
      }
      await removeStale(file, directory, clock);
    }
  } finally {
    await fs.promises.rm(draft, { force: true });
  }
  return () => fs.promises.rm(file, { force: true });
}

/** The living process that has a lock file; undefined: none. */
export async function lockHolder(file: string): Promise<number | undefined> {
  const holder = parse((await readIfThere(file)) ?? '');
  return holder && isAlive(holder) ? holder.pid : undefined;
}

/** Takes away the lock of a dead process, or sees its owner give it back; throws LockedError where the owner lives on. */
async function removeStale(file: string, directory: string, clock: Clock): Promise<void> {
  let text = await readIfThere(file);
  for (const until = clock.monotonic() + patience; text !== undefined; text = await readIfThere(file)) {
    const holder = parse(text);
    if (!holder || !isAlive(holder)) break;
    if (holder.pid === process.pid || clock.monotonic() >= until) throw new LockedError(directory, holder.pid);
    await clock.sleep(20);
  }
  if (text === undefined) return;
  // Two may find the same stale lock: each moves it aside, and who moved a fresh one instead puts it back.
  const aside = `${file}.stale.${process.pid}`;
  try {
    await fs.promises.rename(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const moved = await readIfThere(aside);
  if (moved !== text) await fs.promises.link(aside, file);
  await fs.promises.rm(aside, { force: true });
}

function parse(text: string): Holder | undefined {
  try {
    const holder = JSON.parse(text) as Partial<Holder>;
    return typeof holder.pid === 'number' ? { pid: holder.pid, ...(holder.identity ? { identity: holder.identity } : {}) } : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(holder: Holder): boolean {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return holder.identity === undefined || holder.identity === identityOf(holder.pid);
}

/** Linux: the boot and the moment in it at which the process began; elsewhere, and of one that has ended, unknown. */
function identityOf(pid: number): string | undefined {
  try {
    const boot = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // Ended, and not yet noticed by its parent. Threads of it that still are may be in the middle of a write.
    if (fields[0] === 'Z' && fs.readdirSync(`/proc/${pid}/task`).length === 1) return undefined;
    return `${boot}/${fields[19]}`;
  } catch {
    return undefined;
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await fs.promises.readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
