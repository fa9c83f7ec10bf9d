import type { KubeObject } from '../../api/meta.ts';
import type { Entry } from '../../store/index.ts';
import type { Call } from '../call.ts';
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
  const { as } = negotiate(jsonOf(call.accept));
  if (!as) return plain;
  return new TransformingEncoder(registry, as, as.kind === 'Table' ? includeObjectOf(call.query) : 'Metadata', now);
}

/** Event streams are JSON; clients that prefer protobuf list JSON as well. */
function jsonOf(accept: string | undefined): string | undefined {
  if (!accept?.includes('protobuf')) return accept;
  return accept
    .split(',')
    .filter((clause) => !clause.includes('protobuf'))
    .join(',') || accept;
}

// The last changes as lines: each is encoded once for however many watchers there are.
const recent = new Map<Entry, { type: WatchChange['type']; line: Uint8Array }>();
const recentLimit = 256;

/** The last changes that came together: as long as watchers do not read them, all of them hold the same bytes. */
let together: { changes: WatchChange[]; bytes: Uint8Array } = { changes: [], bytes: new Uint8Array() };

const plain: EventEncoder = {
  contentType: 'application/json',
  changes(changes) {
    if (changes.length === 1) return plainLine(changes[0]!);
    if (!areSame(changes, together.changes)) together = { changes, bytes: Buffer.concat(changes.map(plainLine)) };
    return together.bytes;
  },
  other: lineOf,
};

function plainLine({ type, entry }: WatchChange): Uint8Array {
  const known = recent.get(entry);
  if (known?.type === type) return known.line;
  const line = Buffer.from(`{"type":"${type}","object":${entry.value}}\n`);
  if (recent.size >= recentLimit) recent.delete(recent.keys().next().value!);
  recent.set(entry, { type, line });
  return line;
}

function areSame(a: WatchChange[], b: WatchChange[]): boolean {
  return a.length === b.length && a.every(({ type, entry }, i) => entry === b[i]!.entry && type === b[i]!.type);
}

function lineOf(type: string, object: unknown): Uint8Array {
  return Buffer.from(`${JSON.stringify({ type, object })}\n`);
}

class TransformingEncoder implements EventEncoder {
  readonly contentType = 'application/json';
  #headers = true;

  constructor(
    private readonly registry: Registry,
    private readonly as: NonNullable<Accepted['as']>,
    private readonly include: IncludeObject,
    private readonly now: () => number,
  ) {}

  changes(changes: WatchChange[]): Uint8Array {
    return Buffer.concat(changes.map(({ type, entry }) => lineOf(type, this.#transform(objectOf(entry)))));
  }

  other(type: 'BOOKMARK' | 'ERROR', object: KubeObject): Uint8Array {
    if (type === 'ERROR') return lineOf(type, object);
    if (this.as.kind !== 'Table') return lineOf(type, partialOf(object, this.as.version));
    // A bookmark is no object to print: one row without cells, so that the client finds the resourceVersion.
    return lineOf(type, {
      kind: 'Table',
      apiVersion: `meta.k8s.io/${this.as.version}`,
      metadata: { resourceVersion: object.metadata!.resourceVersion },
      columnDefinitions: this.#columns(),
      rows: [{ cells: [], object: partialOf(object, this.as.version) }],
    });
  }

  #transform(object: KubeObject): KubeObject {
    const { version, kind } = this.as;
    if (kind !== 'Table') return partialOf(object, version);
    const metadata = { resourceVersion: object.metadata!.resourceVersion };
    const headers = this.#columns() !== none;
    return tableOf(this.registry.strategy, [object], metadata, { version, include: this.include, now: this.now(), headers });
  }

  /** The columns come with the first event only. */
  #columns(): readonly unknown[] {
    if (!this.#headers) return none;
    this.#headers = false;
    return this.registry.strategy.columns;
  }
}

const none: readonly unknown[] = [];
