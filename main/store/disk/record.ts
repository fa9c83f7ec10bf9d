import { StoredEntry, type MemoKeeper, type StoredEvent } from '../entry.ts';
import type { Causes } from '../causes.ts';
import type { Cause } from '../index.ts';

/*
 * A record is one write in a frame, or one entry of a snapshot:
 *
 *     0 flags · 4 key bytes · 8 who bytes · 12 value bytes · 16 previous who bytes · 20 previous value bytes
 *     24 revision · 32 create revision · 40 time · 48 cause revision · 56 previous revision · 64 previous cause revision
 *     72 key, who, value, previous who, previous value
 *
 * The value that a write replaced is written again where the log file does not hold it, so that every file tells its
 * part of the history by itself.
 */
const fixed = 72;

const flag = { delete: 1, inlinePrevious: 2, causeRevision: 4, previousCauseRevision: 8, key16: 16, who16: 32, value16: 64, previousWho16: 128, previousValue16: 256 };

/** A buffer that grows with what is written to it, and is used again. */
export class RecordWriter {
  #buffer: Buffer;
  #end = 0;
  /** Whether the last string was written in two bytes a character. */
  #wide = false;

  constructor(
    initial: number,
    /** A buffer that grew beyond this is not kept. */
    private readonly keep: number,
  ) {
    this.#buffer = Buffer.allocUnsafeSlow(initial);
  }

  get length(): number {
    return this.#end;
  }

  /** What was written; valid until the next write. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#end);
  }

  /** Begins anew, leaving `head` bytes free. */
  reset(head: number): void {
    if (this.#buffer.length > this.keep) this.#buffer = Buffer.allocUnsafeSlow(this.keep);
    this.#end = 0;
    this.skip(head);
  }

  skip(bytes: number): void {
    this.#reserve(bytes);
    this.#end += bytes;
  }

  zeros(bytes: number): void {
    this.#reserve(bytes);
    this.#buffer.fill(0, this.#end, this.#end + bytes);
    this.#end += bytes;
  }

  /** `inlineBefore`: a previous entry older than this revision is written along. */
  event(event: StoredEvent, inlineBefore: number): void {
    const { previous } = event;
    this.#record(event.entry, event.time, event.type === 'delete', previous?.modRevision ?? 0, previous && previous.modRevision < inlineBefore ? previous : undefined);
  }

  entry(entry: StoredEntry): void {
    this.#record(entry, 0, false, 0, undefined);
  }

  #record(entry: StoredEntry, time: number, deleted: boolean, previousRevision: number, inline: StoredEntry | undefined): void {
    const { cause } = entry;
    const start = this.#end;
    this.skip(fixed);
    let flags = deleted ? flag.delete : 0;
    const key = this.#string(entry.key);
    if (this.#wide) flags |= flag.key16;
    const who = this.#string(cause.who);
    if (this.#wide) flags |= flag.who16;
    const value = this.#string(entry.value);
    if (this.#wide) flags |= flag.value16;
    if (cause.revision !== undefined) flags |= flag.causeRevision;
    let previousWho = 0;
    let previousValue = 0;
    if (inline) {
      flags |= flag.inlinePrevious;
      previousWho = this.#string(inline.cause.who);
      if (this.#wide) flags |= flag.previousWho16;
      previousValue = this.#string(inline.value);
      if (this.#wide) flags |= flag.previousValue16;
      if (inline.cause.revision !== undefined) flags |= flag.previousCauseRevision;
    }
    const buffer = this.#buffer;
    buffer.writeUInt32LE(flags, start);
    buffer.writeUInt32LE(key, start + 4);
    buffer.writeUInt32LE(who, start + 8);
    buffer.writeUInt32LE(value, start + 12);
    buffer.writeUInt32LE(previousWho, start + 16);
    buffer.writeUInt32LE(previousValue, start + 20);
    buffer.writeDoubleLE(entry.modRevision, start + 24);
    buffer.writeDoubleLE(entry.createRevision, start + 32);
    buffer.writeDoubleLE(time, start + 40);
    buffer.writeDoubleLE(cause.revision ?? 0, start + 48);
    buffer.writeDoubleLE(previousRevision, start + 56);
    buffer.writeDoubleLE(inline?.cause.revision ?? 0, start + 64);
  }

  /** Returns bytes. Any string comes back as it was, also one that is no Unicode text, which is then `#wide`. */
  #string(text: string): number {
    this.#wide = !(text as string & { isWellFormed(): boolean }).isWellFormed();
    this.#reserve(text.length * 3);
    const bytes = this.#buffer.write(text, this.#end, this.#wide ? 'utf16le' : 'utf8');
    this.#end += bytes;
    return bytes;
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#end + bytes, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#end);
    this.#buffer = larger;
  }
}

/** A record in a frame's payload, read only as far as asked. */
export class RecordView {
  readonly #flags: number;
  readonly #keyAt: number;

  constructor(
    private readonly buffer: Buffer,
    private readonly start: number,
  ) {
    this.#flags = buffer.readUInt32LE(start);
    this.#keyAt = start + fixed;
  }

  /** Where the next record begins. */
  get end(): number {
    let end = this.#keyAt;
    for (let at = 4; at <= 20; at += 4) end += this.#length(at);
    return end;
  }

  get revision(): number {
    return this.buffer.readDoubleLE(this.start + 24);
  }

  get time(): number {
    return this.buffer.readDoubleLE(this.start + 40);
  }

  get deletes(): boolean {
    return (this.#flags & flag.delete) !== 0;
  }

  /** The revision of the entry that this write replaced; 0: none. */
  get previousRevision(): number {
    return this.buffer.readDoubleLE(this.start + 56);
  }

  get key(): string {
    return this.#text(this.#keyAt, this.#length(4), flag.key16);
  }

  entry(memos: MemoKeeper, causes: Causes): StoredEntry {
    return new StoredEntry(this.key, this.#value(), this.buffer.readDoubleLE(this.start + 32), this.revision, this.#cause(causes), memos);
  }

  /** The replaced entry, where it was written along. */
  inlinePrevious(causes: Causes): StoredEntry | undefined {
    if ((this.#flags & flag.inlinePrevious) === 0) return undefined;
    const whoAt = this.#keyAt + this.#length(4) + this.#length(8) + this.#length(12);
    const who = this.#text(whoAt, this.#length(16), flag.previousWho16);
    const value = this.#text(whoAt + this.#length(16), this.#length(20), flag.previousValue16);
    const cause = causes.of(who, (this.#flags & flag.previousCauseRevision) !== 0 ? this.buffer.readDoubleLE(this.start + 64) : undefined);
    return new StoredEntry(this.key, value, this.buffer.readDoubleLE(this.start + 32), this.previousRevision, cause, undefined);
  }

  #value(): string {
    return this.#text(this.#keyAt + this.#length(4) + this.#length(8), this.#length(12), flag.value16);
  }

  #cause(causes: Causes): Cause {
    const who = this.#text(this.#keyAt + this.#length(4), this.#length(8), flag.who16);
    return causes.of(who, (this.#flags & flag.causeRevision) !== 0 ? this.buffer.readDoubleLE(this.start + 48) : undefined);
  }

  #length(at: number): number {
    return this.buffer.readUInt32LE(this.start + at);
  }

  #text(at: number, length: number, wide: number): string {
    return this.buffer.toString((this.#flags & wide) !== 0 ? 'utf16le' : 'utf8', at, at + length);
  }
}

export function* records(payload: Buffer, count: number): Generator<RecordView> {
  for (let i = 0, at = 0; i < count; i++) {
    const record = new RecordView(payload, at);
    yield record;
    at = record.end;
  }
}
