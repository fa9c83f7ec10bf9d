import { prefixEnd } from '../sortedEntries.ts';
import type { KeyRange } from './messages.ts';
import { bytesOf, textOf } from './text.ts';

/**
 * Where the store's keys stand in etcd: behind a prefix, so that others can use the same etcd. Keys of the store begin with a
 * slash, as Kubernetes' do; the journal is one that none of them has.
 */
export class Keyspace {
  /** All keys and the journal. */
  readonly range: KeyRange;
  readonly journal: Buffer;
  readonly #prefixLength: number;

  constructor(private readonly prefix: string) {
    this.range = { key: bytesOf(`${prefix}/`), end: bytesOf(prefixEnd(`${prefix}/`)!) };
    this.journal = bytesOf(`${prefix}/journal`);
    this.#prefixLength = bytesOf(prefix).length;
  }

  bytesOf(key: string): Buffer {
    return bytesOf(this.prefix + key);
  }

  textOf(bytes: Buffer): string {
    return textOf(bytes, this.#prefixLength);
  }

  isJournal(bytes: Buffer): boolean {
    return bytes.equals(this.journal);
  }
}
