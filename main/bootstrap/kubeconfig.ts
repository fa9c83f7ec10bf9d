import { chmod, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { Document, isMap, isSeq, parseDocument, type ToStringOptions, type YAMLMap, type YAMLSeq } from 'yaml';
import type { KeyPair } from './certificates.ts';
import { makePrivateDirectory, readText, writePrivate } from './privateFiles.ts';

/** How to reach a cluster with kubectl. */
export interface KubeconfigEntry {
  /** Name of the cluster, the user and the context: `skiff`, or `skiff-<name>`. */
  name: string;
  /** `https://127.0.0.1:6443` */
  server: string;
  /** PEM. */
  ca: string;
  admin: KeyPair;
}

/** `skiff` for the cluster without a name of its own, else `skiff-<name>`. */
export const contextName = (cluster: string) => (cluster === 'skiff' || !cluster ? 'skiff' : `skiff-${cluster}`);

const base64 = (text: string) => Buffer.from(text).toString('base64');

function parts({ name, server, ca, admin }: KubeconfigEntry) {
  return {
    clusters: { name, cluster: { 'certificate-authority-data': base64(ca), server } },
    contexts: { name, context: { cluster: name, user: name } },
    users: { name, user: { 'client-certificate-data': base64(admin.certificate), 'client-key-data': base64(admin.key) } },
  };
}

/** A kubeconfig of our own, mode 0600, with this cluster as its one and current context. Not written when it is the same already. */
export async function writeKubeconfig(file: string, entry: KubeconfigEntry): Promise<void> {
  const { clusters, contexts, users } = parts(entry);
  const text = new Document({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [clusters],
    contexts: [contexts],
    'current-context': entry.name,
    preferences: {},
    users: [users],
  }).toString({ lineWidth: 0 });
  if ((await readText(file)) === text) return chmod(file, 0o600);
  await makePrivateDirectory(path.dirname(file));
  await writePrivate(file, text);
}

/** The user's kubeconfig is not one that we could add to without harm. */
export class KubeconfigError extends Error {}

/**
 * Adds our entries to the user's own kubeconfig or brings them up to date, and nothing else: comments, order, other
 * entries and current-context stay as they are. Throws KubeconfigError where the file is no kubeconfig.
 */
export async function mergeKubeconfig(file: string, entry: KubeconfigEntry): Promise<void> {
  const config = await read(file);
  const { document } = config;
  for (const [key, value] of Object.entries(parts(entry))) {
    const list = listOf(document, key);
    const at = indexOf(list, entry.name);
    const node = document.createNode(value);
    if (at >= 0) list.items[at] = node;
    else list.add(node);
  }
  await write(file, config);
}

/** Takes our entries out again. */
export async function removeFromKubeconfig(file: string, name: string): Promise<void> {
  if ((await readText(file)) === undefined) return;
  const config = await read(file);
  let changed = false;
  for (const key of ['clusters', 'contexts', 'users']) {
    const list = listOf(config.document, key);
    const at = indexOf(list, name);
    if (at < 0) continue;
    list.items.splice(at, 1);
    changed = true;
  }
  if (changed) await write(file, config);
}

/** A kubeconfig as it was read, and how its author writes YAML. */
interface Config {
  document: Document;
  style: ToStringOptions;
}

/** kubectl puts the dash of a list under its key; others indent it. Lines are never folded: they would break keys. */
const styleOf = (text: string): ToStringOptions => ({
  lineWidth: 0,
  indentSeq: !/^(clusters|contexts|users):[^\n]*\n(\s*#[^\n]*\n)*- /m.test(text),
  flowCollectionPadding: !/\{\S/.test(text.replaceAll('{}', '')),
});

async function read(file: string): Promise<Config> {
  const text = (await readText(file)) ?? '';
  return { document: parse(file, text), style: styleOf(text) };
}

function parse(file: string, text: string): Document {
  const document: Document = parseDocument(text, { keepSourceTokens: true });
  if (document.errors.length) throw new KubeconfigError(`${file} is not valid YAML: ${document.errors[0]!.message}`);
  if (document.contents === null) {
    const fresh = new Document({ apiVersion: 'v1', kind: 'Config', clusters: [], contexts: [], users: [] });
    fresh.commentBefore = document.commentBefore ?? document.comment;
    return fresh;
  }
  if (!isMap(document.contents)) throw new KubeconfigError(`${file} is not a kubeconfig`);
  const kind: unknown = document.get('kind');
  if (kind !== undefined && kind !== 'Config') throw new KubeconfigError(`${file} is a ${String(kind)}, not a kubeconfig`);
  return document;
}

async function write(file: string, { document, style }: Config): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  await writePrivate(file, document.toString(style));
}

function listOf(document: Document, key: string): YAMLSeq {
  const found: unknown = document.get(key);
  if (isSeq(found)) return found;
  if (found !== undefined && found !== null) throw new KubeconfigError(`${key} of the kubeconfig is not a list`);
  const list = document.createNode([]) as YAMLSeq;
  document.set(key, list);
  return list;
}

function indexOf(list: YAMLSeq, name: string): number {
  // `[]` written in one line would put the new entry into that line too.
  if (!list.items.length) list.flow = false;
  return list.items.findIndex((item) => isMap(item) && (item as YAMLMap).get('name') === name);
}
