import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** V8 itself, or what a test has in its place. */
export interface NewSpace {
  /** Bytes that the two halves have, in which objects are made and between which they are moved. */
  size(): number;
  /** How many times as large each growth makes them. */
  growBy(factor: number): void;
  /** Has `look` called after each collection. Returns what ends it. */
  onCollected(look: () => void): () => void;
}

/** Bytes of both halves. V8 would go on to twice as much, which made no burst of work faster. */
const enough = 16 * 1024 * 1024;

/**
 * Keeps V8's room for new objects at 8 MiB a half. Its own limit is read when a process begins, and given on the command line it would
 * have V8 refuse the compiled code that Node and this program keep (see loader.ts); by how much the room grows is asked each time.
 * It may still shrink at rest, and grow again. Returns what ends it.
 */
export function limitNewSpace(space: NewSpace = v8): () => void {
  let mayGrow = true;
  const look = () => {
    const isSmall = space.size() < enough;
    if (isSmall !== mayGrow) space.growBy(isSmall ? 2 : 1);
    mayGrow = isSmall;
  };
  look();
  return space.onCollected(look);
}

const v8: NewSpace = {
  size: () => getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? 0,
  growBy: (factor) => setFlagsFromString(`--semi-space-growth-factor=${factor}`),
  onCollected(look) {
    const observer = new PerformanceObserver(look);
    observer.observe({ entryTypes: ['gc'] });
    return () => observer.disconnect();
  },
};
