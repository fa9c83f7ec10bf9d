import { pipeline, type Duplex } from 'node:stream';

/**
 * Joins two connections: what one receives the other sends. Each direction ends by itself; when one connection breaks,
 * so does the other.
 */
export function join(a: Duplex, b: Duplex): void {
  const broken = (error?: Error | null) => {
    if (!error) return;
    a.destroy();
    b.destroy();
  };
  pipeline(a, b, broken);
  pipeline(b, a, broken);
}
