import { equalJson, type Json } from '../../api/json.ts';
import type { JsonObject } from './schemas.ts';

const sections = ['definitions', 'parameters', 'responses'] as const;

/**
 * Adds to an OpenAPI v2 document what another server's says of its resources. Where both have a path, the first one's
 * counts; what both name alike but mean otherwise gets another name. Changes `into` only.
 * Mirrors k8s.io/kube-openapi/pkg/aggregator.
 */
export function mergeDocument(into: JsonObject, other: JsonObject): void {
  const paths = section(into, 'paths');
  const added = Object.entries(section(other, 'paths')).filter(([path]) => path.startsWith('/apis/') && !(path in paths));
  const names = new Map<string, string>();
  const wanted = new Set<string>();
  for (const [, operations] of added) collect(operations, other, wanted);
  for (const reference of wanted) names.set(reference, renamed(into, other, reference));
  for (const [path, operations] of added) paths[path] = translate(operations, names);
  for (const [reference, name] of names) {
    const [, kind, old] = reference.split('/') as [string, (typeof sections)[number], string];
    const target = section(into, kind);
    const found = section(other, kind)[decode(old)];
    if (found !== undefined) target[decode(name.split('/')[2]!)] ??= translate(found, names);
  }
}

function section(document: JsonObject, name: string): JsonObject {
  return (document[name] ??= {}) as JsonObject;
}

/** `#/definitions/a`, and all that these refer to. */
function collect(value: Json, document: JsonObject, found: Set<string>): void {
  if (Array.isArray(value)) return value.forEach((item) => collect(item, document, found));
  if (typeof value !== 'object' || value === null) return;
  for (const [key, member] of Object.entries(value)) {
    if (key !== '$ref' || typeof member !== 'string') collect(member, document, found);
    else if (!found.has(member)) {
      found.add(member);
      const target = targetOf(document, member);
      if (target !== undefined) collect(target, document, found);
    }
  }
}

function targetOf(document: JsonObject, reference: string): Json | undefined {
  const [, kind = '', name = ''] = reference.split('/');
  return (sections as readonly string[]).includes(kind) ? section(document, kind)[decode(name)] : undefined;
}

/** The reference itself, where nothing else has its name; else with a number that nothing has. */
function renamed(into: JsonObject, other: JsonObject, reference: string): string {
  const own = targetOf(other, reference);
  for (let i = 1; ; i++) {
    const candidate = i === 1 ? reference : `${reference}_v${i}`;
    const there = targetOf(into, candidate);
    if (there === undefined || own === undefined || equalJson(there, own)) return candidate;
  }
}

function translate(value: Json, names: ReadonlyMap<string, string>): Json {
  if (Array.isArray(value)) return value.map((item) => translate(item, names));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, key === '$ref' && typeof member === 'string' ? (names.get(member) ?? member) : translate(member, names)]),
  );
}

/** A name in a reference, as JSON Pointer writes it. */
const decode = (name: string) => name.replaceAll('~1', '/').replaceAll('~0', '~');
