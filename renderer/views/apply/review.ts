import type { KubeObject } from '../../../main/api/meta.ts';
import { StatusError, causesOf, messageOf, type Resource, type Api } from '../../client/index.ts';
import { applyManifest, essence, type ApplyOutcome } from '../../client/manifests.ts';
import type { ManifestFile } from '../../stores/manifests.ts';
import { parseManifest, type TextFinding } from '../../yaml/parse.ts';
import { printManifest } from '../../yaml/print.ts';

/** One object of the dropped files, and what the server says would become of it. */
export interface Entry {
  /** Unique within a review. */
  id: string;
  file: string;
  title: string;
  namespace: string;
  /** Undefined where the document cannot be read. */
  object: KubeObject | undefined;
  /** The document as it stands in the file. */
  text: string;
  /** `waiting`: the server can say only after what it needs was applied (its namespace, its kind). */
  state: ApplyOutcome | 'refused' | 'waiting' | 'checking' | 'done';
  error?: string;
  /** What in the text is most likely not meant so, though it can be applied. */
  doubts: readonly string[];
  findings: readonly TextFinding[];
  /** YAML before and after, for the comparison. */
  before?: string;
  after?: string;
  resource?: Resource;
  chosen: boolean;
}

/** What must be there before others: namespaces, kinds, then the rest as the files have it. */
const rank = (object: KubeObject | undefined): number => (object?.kind === 'Namespace' ? 0 : object?.kind === 'CustomResourceDefinition' ? 1 : 2);

/** Entries of several reviews never share an id. */
let lastId = 0;

/** The objects of files, in the order in which they are to be applied; Lists are taken apart. */
export function entriesOf(files: readonly ManifestFile[]): Entry[] {
  const entries: Entry[] = [];
  for (const file of files) {
    for (const document of parseManifest(file.text)) {
      const broken = document.findings.find(({ severity }) => severity === 'error');
      const value = document.value;
      if (!broken && (value === null || value === undefined)) continue;
      const text = file.text.slice(document.from, document.to);
      const isList = typeof value === 'object' && value !== null && 'items' in value && Array.isArray(value.items) && /List$/.test(String((value as KubeObject).kind));
      const objects: unknown[] = broken ? [undefined] : isList ? (value as { items: unknown[] }).items : [value];
      for (const one of objects) {
        const object = typeof one === 'object' && one !== null && !Array.isArray(one) ? (one as KubeObject) : undefined;
        entries.push({
          id: `${file.name}#${++lastId}`,
          file: file.name,
          title: object ? [object.kind, object.metadata?.name ?? object.metadata?.generateName].filter(Boolean).join(' ') : file.name,
          namespace: object?.metadata?.namespace ?? '',
          object,
          text: isList && object ? printManifest(object) : text,
          state: object ? 'checking' : 'refused',
          ...(broken ? { error: broken.message } : {}),
          doubts: object ? document.findings.filter(({ severity }) => severity === 'warning').map(({ message }) => message) : [],
          findings: object ? [] : document.findings.map((finding) => ({ ...finding, from: Math.max(0, finding.from - document.from), to: Math.max(1, finding.to - document.from) })),
          chosen: object !== undefined,
        });
      }
    }
  }
  return inOrder(entries);
}

/** Namespaces and kinds before what needs them; the rest stays as it is. */
export function inOrder(entries: readonly Entry[]): Entry[] {
  return entries.map((entry, index) => ({ entry, index })).sort((a, b) => rank(a.entry.object) - rank(b.entry.object) || a.index - b.index).map(({ entry }) => entry);
}

/** What a person compares: without status and without what every write makes anew. */
function print(object: KubeObject): string {
  const { status: _status, ...rest } = essence(object) as KubeObject & { status?: unknown };
  const { uid: _uid, creationTimestamp: _created, ...metadata } = rest.metadata ?? {};
  return printManifest({ ...rest, metadata });
}

/** Asks the server what would become of an entry (`dryRun`), or applies it. Never rejects: what the server refuses is in the entry. */
export async function send(api: Api, resources: readonly Resource[], entry: Entry, all: readonly Entry[], options: { dryRun: boolean; defaultNamespace: string }): Promise<Entry> {
  if (!entry.object) return entry;
  try {
    const { outcome, resource, object, before } = await applyManifest(api, resources, entry.object, options);
    return { ...entry, state: options.dryRun ? outcome : 'done', error: undefined, findings: [], resource, namespace: object.metadata?.namespace ?? '', before: before ? print(before) : '', after: print(object) };
  } catch (error) {
    if (options.dryRun && awaitsOther(entry, all, error, options.defaultNamespace)) return { ...entry, state: 'waiting', error: undefined, before: '', after: print(entry.object) };
    const document = parseManifest(entry.text)[0];
    const findings = causesOf(error).flatMap((cause) => (cause.field && document ? [{ ...document.find(cause.field), severity: 'error' as const, message: cause.message ?? '' }] : []));
    return { ...entry, state: 'refused', error: messageOf(error), findings };
  }
}

/** Whether an entry is refused only because another one of the review has not been applied yet. */
function awaitsOther(entry: Entry, all: readonly Entry[], error: unknown, defaultNamespace: string): boolean {
  if (!(error instanceof StatusError)) return false;
  const namespace = entry.object?.metadata?.namespace || defaultNamespace;
  const bringsNamespace = all.some(({ object, chosen }) => chosen && object?.kind === 'Namespace' && object.metadata?.name === namespace);
  if (error.code === 404 && error.status.details?.kind === 'namespaces') return bringsNamespace;
  const definesKind = all.some(({ object, chosen }) => {
    if (!chosen || object?.kind !== 'CustomResourceDefinition') return false;
    const spec = (object as { spec?: { group?: string; names?: { kind?: string } } }).spec;
    return spec?.names?.kind === entry.object?.kind && spec?.group === entry.object?.apiVersion?.split('/')[0];
  });
  return error.code === 400 && definesKind;
}
