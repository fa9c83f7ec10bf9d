import type { StatusText, Tone } from '../components/grid/types.ts';

const tones: Record<string, Tone> = { Bound: 'ok', Available: 'info', Released: 'warn', Pending: 'warn', Failed: 'bad', Lost: 'bad' };

/** The phase of a volume or of a claim. */
export function volumePhase(phase: string | undefined, deleted: boolean): StatusText {
  if (deleted) return { text: 'Terminating', tone: 'warn' };
  return { text: phase ?? 'Pending', tone: tones[phase ?? 'Pending'] ?? 'idle' };
}

const short: Record<string, string> = { ReadWriteOnce: 'RWO', ReadOnlyMany: 'ROX', ReadWriteMany: 'RWX', ReadWriteOncePod: 'RWOP' };

export const accessModesText = (modes: readonly string[] | undefined) => (modes ?? []).map((mode) => short[mode] ?? mode).join(', ');
