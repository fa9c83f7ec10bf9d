import path from 'node:path';
import type { Adapter } from 'lowdb';
import type { Causes } from '../causes.ts';
import type { MemoKeeper, StoredEntry } from '../entry.ts';
import { CorruptionError } from '../errors.ts';
import type { Files, OpenFile } from './files.ts';
import { emptyFrame, frameAt, frameEnd, frameKind, frameOverhead, headerSize, payloadLength, sealFrame, type Frame } from './frame.ts';
import { RecordWriter, records } from './record.ts';

/** All live entries as of a revision. */
export interface Snapshot {
  revision: number;
  compacted: number;
  entries: readonly StoredEntry[];
}

/** How much is encoded at a time, bytes: a fraction of a millisecond's work between two writes to the disk. */
const portion = 128 * 1024;

/**
 * lowdb's adapter for snapshots: written beside, a portion at a time, flushed, renamed into place and the directory
 * flushed. Whoever reads finds the old snapshot or the new one, whole.
 */
export class SnapshotFile implements Adapter<Snapshot> {
  readonly #path: string;
  readonly #draft: string;

  constructor(
    private readonly files: Files,
    private readonly directory: string,
    private readonly memos: MemoKeeper,
    private readonly causes: Causes,
    /** Asked between portions whether to give up. */
    private readonly cancelled: () => boolean,
  ) {
    this.#path = path.join(directory, 'snapshot.skiff');
    this.#draft = `${this.#path}.tmp`;
  }

  async read(): Promise<Snapshot | null> {
    const names = await this.files.list(this.directory);
    if (names.includes(path.basename(this.#draft))) await this.files.remove(this.#draft);
    if (!names.includes(path.basename(this.#path))) return null;
    const file = await this.files.open(this.#path, 'open');
    try {
      return await this.#decode(file);
    } finally {
      await file.close();
    }
  }

  async write(snapshot: Snapshot): Promise<void> {
    const file = await this.files.open(this.#draft, 'create');
    try {
      let position = 0;
      const put = async (bytes: Buffer) => {
        await file.write(bytes, position);
        position += bytes.length;
      };
      const { revision, compacted, entries } = snapshot;
      await put(emptyFrame({ kind: frameKind.snapshot, revision, time: 0, count: entries.length }));
      await put(emptyFrame({ kind: frameKind.compaction, revision: compacted, time: 0, count: 0 }));
      const writer = new RecordWriter(portion * 2, portion * 8);
      for (let i = 0; i < entries.length; ) {
        const first = i;
        writer.reset(headerSize);
        while (i < entries.length && writer.length < portion) writer.entry(entries[i++]!);
        const payload = writer.length - headerSize;
        writer.skip(1);
        sealFrame(writer.bytes, 0, payload, { kind: frameKind.entries, revision, time: 0, count: i - first });
        await put(writer.bytes);
        await new Promise((resolve) => setImmediate(resolve));
        if (this.cancelled()) return;
      }
      await put(emptyFrame({ kind: frameKind.end, revision, time: 0, count: entries.length }));
      await file.sync();
    } catch (error) {
      // Half of a snapshot is of no use, and takes room that the log may need.
      await this.files.remove(this.#draft).catch(() => undefined);
      throw error;
    } finally {
      await file.close();
    }
    await this.files.rename(this.#draft, this.#path);
    await this.files.syncDirectory(this.directory);
  }

  async #decode(file: OpenFile): Promise<Snapshot> {
    let head: Frame | undefined;
    let compacted = 0;
    const entries: StoredEntry[] = [];
    for await (const frame of frames(file, this.#path)) {
      if (!head) {
        if (frame.kind !== frameKind.snapshot) break;
        head = frame;
      } else if (frame.kind === frameKind.compaction) compacted = frame.revision;
      else if (frame.kind === frameKind.entries) for (const record of records(frame.payload, frame.count)) entries.push(record.entry(this.memos, this.causes));
      else if (frame.kind === frameKind.end && frame.count === entries.length && head.count === entries.length)
        return { revision: head.revision, compacted, entries };
      else break;
    }
    throw new CorruptionError(`${this.#path}: the snapshot is not complete`);
  }
}

/** Frames one after another, with little more than one of them in memory. A bad one is corruption: a snapshot is never torn. */
async function* frames(file: OpenFile, name: string): AsyncGenerator<Frame> {
  const size = await file.size();
  let window: Buffer = Buffer.alloc(0);
  let windowAt = 0;
  for (let offset = 0; offset < size; ) {
    let frame = frameAt(window, offset - windowAt, offset);
    if (!frame) {
      windowAt = offset;
      window = await file.read(offset, portion * 8);
      const length = payloadLength(window, 0);
      if (length !== undefined && length + frameOverhead > window.length) window = await file.read(offset, length + frameOverhead);
      frame = frameAt(window, 0, offset);
    }
    if (!frame) throw new CorruptionError(`${name}: a bad frame at offset ${offset}`);
    yield frame;
    offset = frameEnd(frame);
  }
}
