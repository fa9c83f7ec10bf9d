import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { schemaData } from '../../api/generated/schemaData.ts';
import { loadDescriptions, type Descriptions } from '../../api/schema.ts';
import type { Aggregator } from '../aggregation/index.ts';
import type { Answer, Call } from '../call.ts';
import { serverDocuments, v2Document, v2Head, v3Document } from './documents.ts';
import { mergeDocument } from './merge.ts';
import { gnosticDocument } from './gnostic.ts';
import { documentPath, type ServedResource } from './operations.ts';
import { gnosticOfParts, partsOf, textOfParts, type Parts } from './parts.ts';
import type { JsonObject } from './schemas.ts';

export type { ServedResource } from './operations.ts';

const compress = promisify<Uint8Array, Uint8Array>(gzip);
const expand = promisify<Uint8Array, Uint8Array>(gunzip);

const gnosticType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
const year = 365 * 24 * 3600;

/** What a document is about. */
interface Described {
  hash: string;
  served: ServedResource[];
  make(descriptions: Descriptions): JsonObject;
}

/** The resources that there are, and a number that grows when they change. */
export interface ServedResources {
  readonly version: number;
  all(): readonly ServedResource[];
}

/**
 * `/openapi/v2`, `/openapi/v3` and `/openapi/v3/<group and version>`: what kubectl explains, validates and merges by.
 * Documents are made when they are asked for. Those of v3 are kept compressed, and the texts let go of again; v2's entries are
 * kept as texts and joined for every answer, since each definition of a user changes the whole.
 * Mirrors k8s.io/kube-openapi/pkg/{handler,handler3}.
 */
export class OpenApi {
  #computedFor = -1;
  #versions = new Map<string, Described>();
  /** What the v2 documents were made of. */
  #others = '';
  #builtin: { of: string; parts: Promise<Parts> } | undefined;
  /** By the hashes of what they are about. */
  #defined = new Map<string, Parts>();
  #descriptionsOfMeta: Descriptions | undefined;
  readonly #made = new Map<string, Promise<Uint8Array>>();

  constructor(
    private readonly resources: ServedResources,
    /** Other servers, which have their own documents. */
    private readonly aggregator: () => Pick<Aggregator, 'version' | 'groups' | 'handles' | 'answer' | 'documents'>,
  ) {}

  /** Answers what lies under `/openapi/`; undefined: nothing is there. */
  readonly answer = async (call: Call): Promise<Answer | undefined> => {
    this.#refresh();
    const path = call.info.path.replace(/\/+$/, '');
    if (path === '/openapi/v2') return this.#v2(call);
    if (path === '/openapi/v3') return this.#index(call);
    if (this.aggregator().handles(path.slice('/openapi/v3'.length))) return this.aggregator().answer(call);
    return path.startsWith('/openapi/v3/') ? this.#v3(call, path.slice('/openapi/v3/'.length)) : undefined;
  };

  #refresh(): void {
    if (this.#computedFor === this.resources.version) return;
    this.#computedFor = this.resources.version;
    const versions = new Map<string, ServedResource[]>();
    for (const resource of this.resources.all()) {
      const path = documentPath(resource.definition);
      versions.set(path, [...(versions.get(path) ?? []), resource]);
    }
    const before = this.#versions;
    const described = [...versions].map(([path, served]): [string, Described] => [path, { hash: hashOf(served), served, make: (descriptions) => v3Document(served, descriptions) }]);
    const ofServer = [...serverDocuments(this.resources.all())].map(([path, make]): [string, Described] => [path, { hash: hashOf([]), served: [], make }]);
    this.#versions = new Map([...described, ...ofServer].sort(([a], [b]) => (a < b ? -1 : 1)));
    for (const path of this.#made.keys())
      if (!this.#versions.has(path) || this.#versions.get(path)?.hash !== before.get(path)?.hash) this.#made.delete(path);
  }

  #index(call: Call): Answer {
    const aggregator = this.aggregator();
    const others = aggregator.groups().flatMap(({ group, versions }) => versions.map(({ version }): [string, { hash: string }] => [`apis/${group}/${version}`, { hash: String(aggregator.version) }]));
    const paths = Object.fromEntries([...this.#versions, ...others].map(([path, { hash }]) => [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }]));
    return document(call, 'application/json', hashed(JSON.stringify(paths)), JSON.stringify({ paths }));
  }

  async #v3(call: Call, path: string): Promise<Answer | undefined> {
    const version = this.#versions.get(path);
    if (!version) return undefined;
    const { hash, make, served } = version;
    const asked = call.query.get('hash');
    if (asked && asked !== hash) {
      const headers = { location: `/openapi/v3/${path}?hash=${hash}` };
      return { type: 'text', code: 301, contentType: 'text/plain', body: '', headers };
    }
    const body = await this.#make(path, async () => Buffer.from(JSON.stringify(make(served.length && !served.some(isBuiltin) ? await this.#meta() : await loadDescriptions()))));
    // A path that names the content may be kept for good.
    const headers: Record<string, string> = asked ? { 'cache-control': `public, immutable, max-age=${year}` } : {};
    return document(call, 'application/json', hash, await expand(body), headers);
  }

  async #v2(call: Call): Promise<Answer> {
    const others = await this.aggregator().documents();
    const hash = hashed([...[...this.#versions.values()].map((version) => version.hash), ...others.map((other) => JSON.stringify(other))].join());
    const asProtobuf = prefersGnostic(call.accept);
    const answered = (body: string | Uint8Array) => document(call, asProtobuf ? gnosticType : 'application/json', asProtobuf ? hashed(`${hash} protobuf`) : hash, body);
    if (!others.length) {
      const parts = await this.#parts();
      return answered(asProtobuf ? gnosticOfParts(v2Head, parts) : textOfParts(v2Head, parts));
    }
    if (this.#others !== hash) for (const stale of ['v2', 'v2 protobuf']) this.#made.delete(stale);
    this.#others = hash;
    const body = await this.#make(asProtobuf ? 'v2 protobuf' : 'v2', async () => {
      const swagger = JSON.parse(textOfParts(v2Head, await this.#parts())) as JsonObject;
      for (const other of others) if (typeof other === 'object' && other !== null && !Array.isArray(other)) mergeDocument(swagger, other);
      return asProtobuf ? gnosticDocument(swagger) : Buffer.from(JSON.stringify(swagger));
    });
    return answered(await expand(body));
  }

  /** What v2 is made of: all that is built in, then each version of what users define, which is made anew when it changes. */
  async #parts(): Promise<Parts[]> {
    const versions = [...this.#versions.values()];
    const of = versions.flatMap(({ served, hash }) => (served.some(isBuiltin) ? [hash] : [])).join();
    if (this.#builtin?.of !== of) this.#builtin = { of, parts: this.#builtinParts(versions.flatMap(({ served }) => served.filter(isBuiltin))) };
    const builtin = await this.#builtin.parts;
    const defined: Parts[] = [];
    const before = this.#defined;
    this.#defined = new Map();
    for (const { served, hash } of versions) {
      const own = served.filter((resource) => !isBuiltin(resource));
      if (!own.length) continue;
      const parts = before.get(hash) ?? partsOf(v2Document(own, await this.#meta()), builtin);
      this.#defined.set(hash, parts);
      defined.push(parts);
    }
    return [builtin, ...defined];
  }

  async #builtinParts(served: readonly ServedResource[]): Promise<Parts> {
    const descriptions = await loadDescriptions();
    this.#descriptionsOfMeta ??= ofMeta(descriptions);
    return partsOf(v2Document(served, descriptions));
  }

  /** The descriptions of the few built-in types that users' kinds refer to, which are kept. */
  async #meta(): Promise<Descriptions> {
    return (this.#descriptionsOfMeta ??= ofMeta(await loadDescriptions()));
  }

  #make(name: string, make: () => Promise<Uint8Array>): Promise<Uint8Array> {
    let made = this.#made.get(name);
    if (!made) {
      made = make().then(compress);
      this.#made.set(name, made);
      made.catch(() => this.#made.delete(name));
    }
    return made;
  }
}

function document(call: Call, contentType: string, hash: string, body: string | Uint8Array, more: Record<string, string> = {}): Answer {
  const headers = { etag: `"${hash}"`, vary: 'Accept', ...more };
  if (call.ifNoneMatch === headers.etag) return { type: 'text', code: 304, contentType, body: '', headers };
  return { type: 'text', code: 200, contentType, body, headers };
}

/** Users' kinds bring their own descriptions. */
const isBuiltin = ({ openApi }: ServedResource) => !openApi;

const ofMeta = (all: Descriptions): Descriptions => Object.fromEntries(Object.entries(all).filter(([id]) => id === 'parameters' || id.startsWith('meta/') || id.startsWith('special.')));

const hashed = (text: string) => createHash('sha512').update(text).digest('hex').toUpperCase();

let types: string | undefined;
/** Counts how often what the documents say of the same kinds has changed. */
const format = 4;

/** Of what is served and of the types that this version of Skiff knows: clients keep documents across restarts. */
function hashOf(served: readonly ServedResource[]): string {
  types ??= hashed(schemaData);
  return hashed(`${format} ${types}${served.map(hashOfOne).join()}`);
}

const hashes = new WeakMap<ServedResource, string>();

/** A resource that changes is another one. */
function hashOfOne(resource: ServedResource): string {
  let hash = hashes.get(resource);
  if (hash === undefined) {
    const { definition, subresources = {}, openApi } = resource;
    hash = hashed(JSON.stringify([definition, openApi, Object.entries(subresources).map(([name, { kind, verbs }]) => [name, kind, verbs])]));
    hashes.set(resource, hash);
  }
  return hash;
}

/** Whether the first type that we can write is the protobuf one, in any of its three spellings. */
function prefersGnostic(accept: string | undefined): boolean {
  for (const clause of (accept ?? '').split(',')) {
    const type = clause.split(';')[0]!.trim();
    if (/^application\/com\.github\.proto-openapi\.spec\.v2[.@]v1\.0\+protobuf$/.test(type)) return true;
    if (type === 'application/json' || type === '*/*' || type === 'application/*') return false;
  }
  return false;
}
