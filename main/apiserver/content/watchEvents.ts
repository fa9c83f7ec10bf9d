import type { KubeObject } from '../../api/meta.ts';
import { encodeWatchFrame, hasProtobuf } from '../../api/protobuf.ts';
import type { Entry } from '../../store/index.ts';
import type { Call } from '../call.ts';
import { columnsOf } from '../registry/columnDescriptions.ts';
import type { Registry } from '../registry/generic.ts';
import { objectOf } from '../registry/stored.ts';
import type { WatchChange } from '../registry/watching.ts';
import { negotiate, type Accepted } from './negotiate.ts';
import { includeObjectOf, partialOf, tableOf, type IncludeObject } from './table.ts';

/** Turns changes into lines of a watch's answer. */
export interface EventEncoder {
  readonly contentType: string;
  /** In order, as one text. */
  changes(changes: WatchChange[]): Uint8Array;
  /** Bookmarks and errors. */
  other(type: 'BOOKMARK' | 'ERROR', object: KubeObject): Uint8Array;
}

/** Throws 400, 406. */
export function eventEncoder(call: Pick<Call, 'accept' | 'query'>, registry: Registry, now: () => number): EventEncoder {
  let { format, as } = negotiate(call.accept);
  if (format === 'protobuf' && !hasProtobuf({ apiVersion: registry.apiVersion, kind: registry.definition.kind }))
    ({ format, as } = negotiate(withoutProtobuf(call.accept)));
  // YAML has no streams.
  const framing = format === 'protobuf' ? frames : lines;
  if (!as) return format === 'protobuf' ? plainFrames : plainLines;
  return new TransformingEncoder(framing, registry, as, as.kind === 'Table' ? includeObjectOf(call.query) : 'Metadata', now);
}

/** What a client takes of kinds that are not built in, and so have no protobuf. */
function withoutProtobuf(accept: string | undefined): string | undefined {
  return accept?.split(',').filter((clause) => !clause.includes('protobuf')).join(',') || undefined;
}

interface Framing {
  contentType: string;
  encode(type: string, object: KubeObject): Uint8Array;
}

const lines: Framing = { contentType: 'application/json', encode: lineOf };
const frames: Framing = { contentType: 'application/vnd.kubernetes.protobuf;stream=watch', encode: encodeWatchFrame };

const recentLimit = 256;

/**
 * Objects as they are. The last changes are kept, so that each is encoded once for however many watchers there are; so are
 * the last that came together: as long as watchers do not read them, all of them hold the same bytes.
 */
function plain({ contentType, encode }: Framing, encodeEntry: (type: WatchChange['type'], entry: Entry) => Uint8Array): EventEncoder {
  const recent = new Map<Entry, { type: WatchChange['type']; bytes: Uint8Array }>();
  let together: { changes: WatchChange[]; bytes: Uint8Array } = { changes: [], bytes: new Uint8Array() };
  const encoded = ({ type, entry }: WatchChange): Uint8Array => {
    const known = recent.get(entry);
    if (known?.type === type) return known.bytes;
    const bytes = encodeEntry(type, entry);
    if (recent.size >= recentLimit) recent.delete(recent.keys().next().value!);
    recent.set(entry, { type, bytes });
    return bytes;
  };
  return {
    contentType,
    changes(changes) {
      if (changes.length === 1) return encoded(changes[0]!);
      if (!areSame(changes, together.changes)) together = { changes, bytes: Buffer.concat(changes.map(encoded)) };
      return together.bytes;
    },
    other: encode,
  };
}

const plainLines = plain(lines, (type, { value }) => Buffer.from(`{"type":"${type}","object":${value}}\n`));
const plainFrames = plain(frames, (type, entry) => encodeWatchFrame(type, objectOf(entry)));

function areSame(a: WatchChange[], b: WatchChange[]): boolean {
  return a.length === b.length && a.every(({ type, entry }, i) => entry === b[i]!.entry && type === b[i]!.type);
}

function lineOf(type: string, object: unknown): Uint8Array {
  return Buffer.from(`${JSON.stringify({ type, object })}\n`);
}

class TransformingEncoder implements EventEncoder {
  readonly contentType: string;
  #headers = true;

  constructor(
    private readonly framing: Framing,
    private readonly registry: Registry,
    private readonly as: NonNullable<Accepted['as']>,
    private readonly include: IncludeObject,
    private readonly now: () => number,
  ) {
    this.contentType = framing.contentType;
  }

  changes(changes: WatchChange[]): Uint8Array {
    return Buffer.concat(changes.map(({ type, entry }) => this.framing.encode(type, this.#transform(objectOf(entry)))));
  }

  other(type: 'BOOKMARK' | 'ERROR', object: KubeObject): Uint8Array {
    if (type === 'ERROR') return this.framing.encode(type, object);
    if (this.as.kind !== 'Table') return this.framing.encode(type, partialOf(object, this.as.version));
    // A bookmark is no object to print: one row without cells, so that the client finds the resourceVersion.
    const table = {
      kind: 'Table',
      apiVersion: `meta.k8s.io/${this.as.version}`,
      metadata: { resourceVersion: object.metadata!.resourceVersion },
      columnDefinitions: this.#columns(),
      rows: [{ cells: [], object: partialOf(object, this.as.version) }],
    };
    return this.framing.encode(type, table as KubeObject);
  }

  #transform(object: KubeObject): KubeObject {
    const { version, kind } = this.as;
    if (kind !== 'Table') return partialOf(object, version);
    const metadata = { resourceVersion: object.metadata!.resourceVersion };
    const headers = this.#columns() !== none;
    return tableOf(this.registry.strategy, [object], metadata, { version, include: this.include, now: this.now(), headers });
  }

  /** The columns come with the first event only. */
  #columns(): readonly unknown[] | null {
    if (!this.#headers) return none;
    this.#headers = false;
    return columnsOf(this.registry.strategy);
  }
}

/** What Go writes where nothing is said. */
const none = null;
