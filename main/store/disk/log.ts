import path from 'node:path';
import type { Causes } from '../causes.ts';
import type { MemoKeeper, StoredEntry, StoredEvent } from '../entry.ts';
import { CompactedError, CorruptionError } from '../errors.ts';
import type { Files, OpenFile } from './files.ts';
import { emptyFrame, frameAt, frameEnd, frameKind, frameOverhead, headerSize, isTorn, sealFrame, type Frame, type FrameHead } from './frame.ts';
import { RecordWriter, records, type RecordView } from './record.ts';

export interface LogLimits {
  /** A log file that has grown to this is followed by another, bytes. */
  fileBytes: number;
  /** How much room is made at a time behind the end of the log: a write into room that is there needs no change of the file's size on the disk. 0: none. */
  preallocateBytes: number;
}

/** One file of the log: the writes from `first` to `last` (`first - 1`: none yet). */
interface LogFile {
  readonly path: string;
  readonly first: number;
  last: number;
  /** When the last of them was made. */
  lastTime: number;
  /** Where the next frame goes. */
  end: number;
  /** The file's size on disk, at least `end`. */
  size: number;
}

/** What recovery hands on, one log frame after another. */
export interface Recovered {
  event?: (event: RecordView, file: string) => void;
  compacted?: (revision: number) => void;
}

const namePattern = /^log-(\d{16})\.skiff$/;

/** How many events are read back at a time. */
const portion = 256;

/** The write-ahead log: files of frames, each file named by the first revision in it. */
export class Log {
  #files: LogFile[] = [];
  #open: OpenFile | undefined;
  readonly #writer: RecordWriter;
  #removing: Promise<void> = Promise.resolve();

  constructor(
    private readonly files: Files,
    private readonly directory: string,
    private readonly limits: LogLimits,
    private readonly memos: MemoKeeper,
    private readonly causes: Causes,
  ) {
    this.#writer = new RecordWriter(64 * 1024, 1024 * 1024);
  }

  /** Everything after this revision can be read back; undefined: the log is empty. */
  get oldest(): number | undefined {
    return this.#files.length > 0 ? this.#files[0]!.first - 1 : undefined;
  }

  /** The newest revision that it holds. */
  get newest(): number | undefined {
    return this.#files.at(-1)?.last;
  }

  /**
   * Reads what is there, and hands on everything that a snapshot of revision `from` does not hold. A torn last frame is
   * cut off. Throws CorruptionError where anything else is not as it was written, or is missing.
   */
  async recover(from: number, recovered: Required<Recovered>): Promise<void> {
    const firsts = (await this.files.list(this.directory)).map((name) => namePattern.exec(name)?.[1]).filter((digits) => digits !== undefined);
    const found = firsts.map(Number).sort((a, b) => a - b);
    for (const [i, first] of found.entries()) {
      const next = found[i + 1];
      const file: LogFile = { path: this.#pathOf(first), first, last: first - 1, lastTime: 0, end: 0, size: 0 };
      const previous = this.#files.at(-1);
      // Of a file that the snapshot covers, only the head is looked at now; its records are checked when they are read back.
      if (next !== undefined && next - 1 <= from) await this.#readHead(file, next - 1);
      else if (!(await this.#readAll(file, next === undefined, from, recovered))) break;
      if (previous && previous.last !== file.first - 1)
        throw new CorruptionError(`${file.path} begins at revision ${file.first}, and the file before it ends at ${previous.last}`);
      this.#files.push(file);
    }
    const oldest = this.oldest;
    if (oldest !== undefined && oldest > from) throw new CorruptionError(`${this.#files[0]!.path}: the log begins at revision ${oldest + 1}, and there is no snapshot of the time before`);
    if ((this.newest ?? 0) < from) throw new CorruptionError(`${this.directory}: the log ends at revision ${this.newest ?? 0}, before the snapshot of revision ${from}`);
  }

  /** Resolves when the events, or what else the frame says, are on the disk. */
  async append(events: readonly StoredEvent[]): Promise<void> {
    const first = events[0]!.entry.modRevision;
    const last = events.at(-1)!;
    const file = await this.#fileFor(first, last.time);
    const writer = this.#writer;
    writer.reset(headerSize);
    for (const event of events) writer.event(event, file.first);
    const payload = writer.length - headerSize;
    writer.skip(1);
    await this.#write(file, payload, { kind: frameKind.events, revision: first, time: last.time, count: events.length });
    file.last = last.entry.modRevision;
    file.lastTime = last.time;
  }

  async compact(revision: number, time: number): Promise<void> {
    const file = await this.#fileFor((this.newest ?? 0) + 1, time);
    this.#writer.reset(headerSize);
    this.#writer.skip(1);
    await this.#write(file, 0, { kind: frameKind.compaction, revision, time, count: 0 });
  }

  /** Events of (after, to], oldest first. Throws CompactedError where a file has been removed. */
  async *read(after: number, to: number): AsyncGenerator<StoredEvent[]> {
    for (let cursor = after; cursor < to; ) {
      const file = this.#files.find((candidate) => candidate.last > cursor);
      if (!file || file.first > cursor + 1) throw new CompactedError(cursor, this.oldest ?? cursor);
      const last = Math.min(to, file.last);
      yield* this.#readFile(file, cursor, last);
      cursor = last;
    }
  }

  /** The last revision of the files whose writes were all made before `time`; 0: there are none. */
  newestBefore(time: number): number {
    let newest = 0;
    for (const file of this.#files) {
      if (file.lastTime >= time) break;
      newest = file.last;
    }
    return newest;
  }

  /** Removes the files that hold nothing after `revision`, but for the newest one. */
  release(revision: number): void {
    const gone: LogFile[] = [];
    while (this.#files.length > 1 && this.#files[0]!.last <= revision) gone.push(this.#files.shift()!);
    if (gone.length === 0) return;
    this.#removing = this.#removing.then(async () => {
      // Oldest first, so that a crash between two leaves no gap. What cannot be removed now is a leftover that the next start sees.
      for (const file of gone) await this.files.remove(file.path).catch(() => undefined);
    });
  }

  /** Takes back what a write that failed may have left behind the last whole frame. Rejects where that cannot be made sure. */
  async rewind(): Promise<void> {
    const file = this.#files.at(-1);
    if (!this.#open || !file) return;
    await this.#open.truncate(file.end);
    await this.#open.sync();
    file.size = file.end;
  }

  async close(): Promise<void> {
    await this.#removing;
    const file = this.#files.at(-1);
    if (!this.#open || !file) return;
    if (file.size > file.end) await this.#open.truncate(file.end);
    await this.#open.close();
  }

  /** Lets go of the files after a failure, and leaves them as they are. */
  async abandon(): Promise<void> {
    await this.#removing;
    await this.#open?.close();
  }

  #pathOf(first: number): string {
    return path.join(this.directory, `log-${String(first).padStart(16, '0')}.skiff`);
  }

  /** The file that takes the next frame, made new when the last one is full. */
  async #fileFor(first: number, time: number): Promise<LogFile> {
    const last = this.#files.at(-1);
    if (last && last.end < this.limits.fileBytes) {
      this.#open ??= await this.files.open(last.path, 'open');
      return last;
    }
    if (last && this.#open) {
      if (last.size > last.end) await this.#open.truncate(last.end);
      await this.#open.close();
      this.#open = undefined;
    }
    const file: LogFile = { path: this.#pathOf(first), first, last: first - 1, lastTime: time, end: 0, size: 0 };
    const open = await this.files.open(file.path, 'create');
    try {
      const head = emptyFrame({ kind: frameKind.log, revision: first, time, count: 0 });
      await open.write(head, 0);
      await open.sync();
      await this.files.syncDirectory(this.directory);
      file.end = file.size = head.length;
    } catch (error) {
      await open.close();
      throw error;
    }
    this.#open = open;
    this.#files.push(file);
    return file;
  }

  /** Seals the writer's frame and puts it, and new room behind it when the old is used up, on the disk. */
  async #write(file: LogFile, payload: number, head: FrameHead): Promise<void> {
    const end = sealFrame(this.#writer.bytes, 0, payload, head);
    const missing = file.end + end > file.size;
    if (missing) this.#writer.zeros(this.limits.preallocateBytes);
    const bytes = this.#writer.bytes;
    await this.#open!.write(bytes, file.end);
    await this.#open!.sync();
    if (missing) file.size = file.end + bytes.length;
    file.end += end;
  }

  async #readHead(file: LogFile, last: number): Promise<void> {
    const open = await this.files.open(file.path, 'open');
    try {
      const head = frameAt(await open.read(0, frameOverhead), 0);
      if (!head || head.kind !== frameKind.log || head.revision !== file.first) throw new CorruptionError(`${file.path}: a bad frame at offset 0`);
      // When the next file began, this one had ended; nearer than that need not be known.
      file.last = last;
      file.lastTime = head.time;
      file.end = file.size = await open.size();
    } finally {
      await open.close();
    }
  }

  /** False: a crash came before the file held anything, and it is gone. */
  async #readAll(file: LogFile, newest: boolean, from: number, recovered: Required<Recovered>): Promise<boolean> {
    const open = await this.files.open(file.path, 'open');
    let buffer: Buffer;
    try {
      buffer = await open.read(0, await open.size());
      file.size = buffer.length;
      for (const frame of this.#frames(file, buffer)) {
        file.end = frameEnd(frame);
        if (frame.kind === frameKind.compaction) recovered.compacted(frame.revision);
        if (frame.kind !== frameKind.events) continue;
        for (const record of records(frame.payload, frame.count)) if (record.revision > from) recovered.event(record, file.path);
        file.last = frame.revision + frame.count - 1;
        file.lastTime = frame.time;
      }
      if (file.end < buffer.length && !isZeroFrom(buffer, file.end)) {
        if (!newest || !isTorn(buffer, file.end)) throw new CorruptionError(`${file.path}: a bad frame at offset ${file.end}`);
        if (file.end > 0) {
          await open.truncate(file.end);
          await open.sync();
          file.size = file.end;
        }
      }
    } finally {
      await open.close();
    }
    if (file.end > 0) return true;
    if (!newest) throw new CorruptionError(`${file.path}: a bad frame at offset 0`);
    await this.files.remove(file.path);
    return false;
  }

  /** The good frames from the start of the file on. */
  *#frames(file: LogFile, buffer: Buffer): Generator<Frame> {
    let revision = file.first;
    for (let at = 0; at < buffer.length; ) {
      const frame = frameAt(buffer, at);
      if (!frame) return;
      const expected = at === 0 ? frame.kind === frameKind.log && frame.revision === file.first : frame.kind === frameKind.compaction || frame.kind === frameKind.events;
      if (!expected || (frame.kind === frameKind.events && frame.revision !== revision))
        throw new CorruptionError(`${file.path}: a frame at offset ${at} that does not belong there`);
      if (frame.kind === frameKind.events) revision += frame.count;
      yield frame;
      at = frameEnd(frame);
    }
  }

  async *#readFile(file: LogFile, after: number, to: number): AsyncGenerator<StoredEvent[]> {
    let buffer: Buffer;
    try {
      const open = await this.files.open(file.path, 'open');
      try {
        buffer = await open.read(0, file.end);
      } finally {
        await open.close();
      }
    } catch (error) {
      if (!this.#files.includes(file)) throw new CompactedError(after, this.oldest ?? after);
      throw error;
    }
    const places: RecordView[] = [];
    let end = 0;
    for (const frame of this.#frames(file, buffer)) {
      end = frameEnd(frame);
      if (frame.kind === frameKind.events) for (const record of records(frame.payload, frame.count)) places.push(record);
      if (file.first + places.length > to) break;
    }
    if (file.first + places.length <= to) throw new CorruptionError(`${file.path}: a bad frame at offset ${end}`);
    // Entries of this pass by revision: what one event wrote and another replaced is one object.
    const read = new Map<number, StoredEntry>();
    const entryAt = (revision: number): StoredEntry => {
      let entry = read.get(revision);
      if (!entry) read.set(revision, (entry = places[revision - file.first]!.entry(this.memos, this.causes)));
      return entry;
    };
    for (let revision = after + 1; revision <= to; ) {
      const events: StoredEvent[] = [];
      for (; revision <= to && events.length < portion; revision++) {
        const record = places[revision - file.first]!;
        const { previousRevision } = record;
        const previous = previousRevision === 0 ? undefined : (record.inlinePrevious(this.causes) ?? entryAt(previousRevision));
        events.push({ type: record.deletes ? 'delete' : 'put', time: record.time, entry: entryAt(record.revision), previous });
        read.delete(previousRevision);
      }
      yield events;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

function isZeroFrom(buffer: Buffer, from: number): boolean {
  for (let i = from; i < buffer.length; i++) if (buffer[i] !== 0) return false;
  return true;
}

