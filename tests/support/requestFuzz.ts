/* Requests that no client would send, made from an OpenAPI v2 document by a seed: the same seed makes the same requests. */

type Tree = { [key: string]: Tree } & { [index: number]: Tree };

export interface FuzzRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: Buffer;
}

/** Numbers from 0 to 1 out of a seed (mulberry32). */
function seeded(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const oddTexts = ['', ' ', '-', '..', 'Bad_Name!', 'x'.repeat(300), '\u0000', '日本語', '😀', '__proto__', 'constructor', '%s%n', '$(HOME)', '1e999', '-0', '\n', '10.0.0.1/33', '::1', '*'];
const oddNumbers = [0, -1, 1.5, 2 ** 31, -(2 ** 31) - 1, 2 ** 53, 1e300, 65536];
const oddQueries: Record<string, string[]> = {
  resourceVersion: ['abc', '-1', '0', '1', '99999999999999999999', '9007199254740993', ''],
  resourceVersionMatch: ['Exact', 'NotOlderThan', 'Odd', ''],
  limit: ['-1', '0', '1', 'x', '99999999999'],
  continue: ['!!', 'eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6LTEsInN0YXJ0IjoiLi4vLi4veCJ9', 'e30', ''],
  labelSelector: ['a in (', '!', 'a=b,', 'a==b!=c', '((((', 'a in ()', ','],
  fieldSelector: ['x', 'metadata.name=', 'a=b=c', 'spec.odd=1', ',,'],
  dryRun: ['All', 'Some', ''],
  fieldValidation: ['Strict', 'Warn', 'Ignore', 'Odd'],
  fieldManager: ['m', '\u0007', 'x'.repeat(200)],
  propagationPolicy: ['Odd', 'Orphan', 'Foreground'],
  gracePeriodSeconds: ['x', '-5', '0'],
  orphanDependents: ['maybe', 'true'],
  force: ['true', 'x'],
  timeoutSeconds: ['1', 'x'],
  sendInitialEvents: ['true', 'x'],
  pretty: ['true', ''],
};
const contentTypes = [
  'application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf', 'application/json-patch+json', 'application/merge-patch+json',
  'application/strategic-merge-patch+json', 'application/apply-patch+yaml', 'text/plain', 'application/', '',
];
const patchTypes = contentTypes.slice(3, 7);
const accepts = ['application/json', 'application/vnd.kubernetes.protobuf', 'application/yaml', 'application/json;as=Table;g=meta.k8s.io;v=v1', 'text/html', '*/*', ';;,q=x'];

/** Makes requests for every path and method of the document, round and round. */
export class RequestFuzz {
  readonly #random: () => number;
  readonly #operations: { path: string; method: string; kind: Tree | undefined; schema: Tree | undefined }[] = [];
  #next = 0;

  constructor(
    private readonly document: Tree,
    seed: number,
  ) {
    this.#random = seeded(seed);
    for (const [path, item] of Object.entries(document['paths']!)) {
      // Streams are taken over by other protocols, and watches stay open.
      if (/\/(exec|attach|portforward|log|proxy)(\/|$)|\/watch\//.test(path)) continue;
      for (const [method, operation] of Object.entries(item)) {
        if (method === 'parameters') continue;
        const kind = operation['x-kubernetes-group-version-kind'];
        this.#operations.push({ path, method, kind, schema: kind && this.#schemaOf(kind) });
      }
    }
  }

  /** How many requests it takes to have asked for everything once. */
  get round(): number {
    return this.#operations.length;
  }

  next(): FuzzRequest {
    const { path, method, kind, schema } = this.#operations[this.#next++ % this.#operations.length]!;
    const url = path.replace(/\{(\w+)\}/g, (_, name: string) => this.#segment(name)) + this.#query();
    const headers: Record<string, string> = { accept: this.#pick(accepts) };
    if (method === 'get' || method === 'head' || method === 'options') return { method: method.toUpperCase(), path: url, headers };
    const types = method === 'patch' && this.#random() < 0.9 ? patchTypes : this.#random() < 0.8 ? contentTypes.slice(0, 1) : contentTypes;
    headers['content-type'] = this.#pick(types);
    return { method: method.toUpperCase(), path: url, headers, body: this.#body(headers['content-type'], kind, schema) };
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)]!;
  }

  #segment(name: string): string {
    const usual = name === 'namespace' ? ['default', 'default', 'missing'] : ['a', 'b', 'default'];
    const text = this.#random() < 0.8 ? this.#pick(usual) : this.#pick(oddTexts);
    return this.#random() < 0.02 ? '%zz' : encodeURIComponent(text) || 'x';
  }

  #query(): string {
    const pairs: string[] = [];
    while (this.#random() < 0.4) {
      const name = this.#pick(Object.keys(oddQueries));
      pairs.push(`${name}=${encodeURIComponent(this.#pick(oddQueries[name]!))}`);
    }
    // A watch would stay open for as long as the test's clock stands still.
    if (this.#random() < 0.05) pairs.push('%=%', '&&', 'watch=false');
    return pairs.length ? `?${pairs.join('&')}` : '';
  }

  #body(type: string, kind: Tree | undefined, schema: Tree | undefined): Buffer {
    const chance = this.#random();
    if (chance < 0.03) return Buffer.alloc(0);
    if (chance < 0.06) return Buffer.from(this.#pick(['{', '[]', 'null', '"x"', '1', '{"a":', '\ufeff{}', 'a: b: c', '- -', '&a [*a]', '{"kind":1}']));
    if (chance < 0.08) return Buffer.from(this.#deep());
    if (chance < 0.085) return Buffer.from(`{"metadata":{"name":"big"},"data":{"x":"${'y'.repeat(3 * 1024 * 1024)}"}}`);
    if (type === 'application/json-patch+json') return Buffer.from(JSON.stringify(this.#operationsOfPatch()));
    const object = this.#object(kind, schema);
    let bytes: Buffer = Buffer.from(JSON.stringify(object));
    if (chance < 0.12 && bytes.length > 2) bytes[Math.floor(this.#random() * bytes.length)] = 0xff;
    else if (chance < 0.14) bytes = bytes.subarray(0, Math.floor(this.#random() * bytes.length));
    else if (chance < 0.16) bytes = Buffer.concat([Buffer.from('k8s\0'), bytes]);
    else if (chance < 0.18) bytes = this.#protobufGarbage();
    else if (chance < 0.24) bytes = Buffer.from(this.#oddText(bytes.toString()));
    return bytes;
  }

  /** Nested deeper than anything needs, in one of the places where depth may hurt. */
  #deep(): string {
    const depth = this.#pick([600, 3000, 12_000]);
    const [open, close] = this.#pick([['{"a":', '}'], ['[', ']'], ['- ', ''], ['{"spec":', '}']] as const);
    const nested = open.repeat(depth) + '1' + close.repeat(depth);
    if (open === '- ') return nested;
    return this.#pick([nested, `{"metadata":{"name":"a","annotations":${nested}}}`, `{"spec":${nested}}`, `[{"op":"add","path":"/spec","value":${nested}}]`]);
  }

  /** What JSON can say that no value of this language says: members twice, numbers past every range, members of odd names. */
  #oddText(text: string): string {
    const member = this.#pick(['"metadata":{"name":"b"},', '"kind":"Odd",', '"spec":null,', '"__proto__":{"name":"a"},', '"status":[],', '"x":1e400,', '"x":-0,', '"X":"\\ud800",']);
    if (this.#random() < 0.5) return text.replace('{', `{${member}`);
    return text.replace(/:-?\d+/g, (number) => (this.#random() < 0.5 ? number : this.#pick([':1e400', ':-1e400', ':99999999999999999999999', ':1E5', ':0.1e-7', ':01', ':+1', ':NaN', `:${'9'.repeat(5000)}`])));
  }

  /** An envelope around bytes by chance, with lengths that promise more than there is. */
  #protobufGarbage(): Buffer<ArrayBuffer> {
    const bytes = Array.from({ length: Math.floor(this.#random() * 60) }, () => Math.floor(this.#random() * 256));
    const type = [0x0a, 0x0f, 0x0a, 0x02, 0x76, 0x31, 0x12, 0x09, ...Buffer.from('ConfigMap')];
    const raw = this.#random() < 0.5 ? [0x12, bytes.length, ...bytes] : [0x12, 0xff, 0xff, 0xff, 0xff, 0x0f, ...bytes];
    return Buffer.from([0x6b, 0x38, 0x73, 0x00, ...(this.#random() < 0.7 ? [...type, ...raw] : bytes)]);
  }

  #operationsOfPatch(): unknown {
    const paths = ['/metadata/labels', '/metadata/name', '/spec', '/spec/-', '', '/', '/metadata/labels/a~1b', '/x/0/y', '/metadata/managedFields/0', '~'];
    const one = () => ({
      op: this.#pick(['add', 'remove', 'replace', 'move', 'copy', 'test', 'odd', '']),
      path: this.#pick(paths),
      ...(this.#random() < 0.4 ? { from: this.#pick(paths) } : {}),
      ...(this.#random() < 0.7 ? { value: this.#odd() } : {}),
    });
    return this.#random() < 0.1 ? this.#odd() : Array.from({ length: Math.floor(this.#random() * 4) }, one);
  }

  #object(kind: Tree | undefined, schema: Tree | undefined): unknown {
    const made = (schema ? this.#value(schema, 0) : this.#odd()) as Record<string, unknown>;
    if (typeof made !== 'object' || made === null || !kind) return made;
    const { group, version, kind: name } = kind as unknown as Record<string, string>;
    if (this.#random() < 0.9) Object.assign(made, { apiVersion: group ? `${group}/${version}` : version, kind: name });
    if (this.#random() < 0.9) made['metadata'] = { ...(made['metadata'] as object), name: this.#pick(['a', 'b']), namespace: undefined };
    return made;
  }

  #odd(): unknown {
    return this.#pick<() => unknown>([
      () => null, () => this.#pick(oddTexts), () => this.#pick(oddNumbers), () => [], () => ({}), () => true, () => [[null]], () => ({ '': { '': '' } }),
      () => JSON.parse('{"__proto__":{"x":1},"constructor":{"prototype":{}}}') as unknown,
    ])();
  }

  #value(schema: Tree, depth: number): unknown {
    if (this.#random() < 0.03) return this.#odd();
    const target = this.#resolve(schema);
    const properties = target['properties'];
    if (properties) {
      const object: Record<string, unknown> = {};
      const required = new Set((target['required'] as unknown as string[] | undefined) ?? []);
      for (const [name, member] of Object.entries(properties))
        if (name !== 'status' && (required.has(name) ? this.#random() < 0.97 : this.#random() < (depth > 5 ? 0.02 : 0.25))) object[name] = this.#value(member, depth + 1);
      if (this.#random() < 0.05) object[this.#pick(oddTexts)] = this.#odd();
      return object;
    }
    const type = String(target['type'] ?? '');
    if (type === 'array') return Array.from({ length: depth > 6 ? 0 : Math.floor(this.#random() * 3) }, () => this.#value(target['items']!, depth + 1));
    if (type === 'object') return target['additionalProperties'] ? { a: this.#value(target['additionalProperties'], depth + 1) } : {};
    if (type === 'integer') return this.#random() < 0.7 ? Math.floor(this.#random() * 100) : this.#pick(oddNumbers);
    if (type === 'boolean') return this.#random() < 0.5;
    const values = target['enum'] as unknown as string[] | undefined;
    if (values && this.#random() < 0.8) return this.#pick(values);
    if (target['format'] && (target['format'] as unknown) === 'date-time') return this.#random() < 0.8 ? '2026-01-02T03:04:05Z' : this.#pick(oddTexts);
    return this.#random() < 0.7 ? this.#pick(['a', 'b', 'default', 'example.com/x', '1Gi', '10.0.0.1', '/x']) : this.#pick(oddTexts);
  }

  #resolve(schema: Tree): Tree {
    const reference = schema['$ref'] as unknown as string | undefined;
    return reference ? this.document['definitions']![reference.slice('#/definitions/'.length)]! : schema;
  }

  #schemaOf({ group, version, kind }: Tree): Tree | undefined {
    const wanted = JSON.stringify([group, version, kind]);
    return Object.values(this.document['definitions']!).find((definition) =>
      ((definition['x-kubernetes-group-version-kind'] as unknown as Tree[] | undefined) ?? []).some((one) => JSON.stringify([one['group'], one['version'], one['kind']]) === wanted),
    );
  }
}
