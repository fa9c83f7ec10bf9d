import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { brotliDecompressSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';

/* Makes a page's links lead through the proxy. Mirrors k8s.io/apimachinery/pkg/util/proxy/transport.go. */

export interface Place {
  /** What the destination calls itself. */
  host: string;
  /** Under which path its root is found. */
  prefix: string;
  /** What the client called this server. */
  requestHost: string;
}

// Tags whose attributes hold URLs.
const attributes: Record<string, string[]> = {
  a: ['href'], applet: ['codebase'], area: ['href'], audio: ['src'], base: ['href'], blockquote: ['cite'], body: ['background'], button: ['formaction'],
  command: ['icon'], del: ['cite'], embed: ['src'], form: ['action'], frame: ['longdesc', 'src'], head: ['profile'], html: ['manifest'],
  iframe: ['longdesc', 'src'], img: ['longdesc', 'src', 'usemap'], input: ['src', 'usemap', 'formaction'], ins: ['cite'], link: ['href'],
  object: ['classid', 'codebase', 'data', 'usemap'], q: ['cite'], script: ['src'], source: ['src'], video: ['poster', 'src'],
};

/** The body of an answer, with `headers` changed to suit: where it redirects to, and what its HTML links to. */
export async function rewritten(response: IncomingMessage, headers: Record<string, string | string[]>, place: Place): Promise<Readable> {
  if (typeof headers.location === 'string') {
    headers.location = rewriteUrl(headers.location, place);
    return response;
  }
  const encoding = [headers['content-encoding'] ?? ''].flat()[0]!;
  if ([headers['content-type'] ?? ''].flat()[0]!.split(';')[0]!.trim() !== 'text/html' || !(encoding in decoders)) return response;
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  const html = decoders[encoding]!(Buffer.concat(parts)).toString('utf8');
  const body = Buffer.from(rewriteHtml(html, place));
  const encoded = encoding === '' ? body : gzipSync(body);
  if (encoding !== '') headers['content-encoding'] = 'gzip';
  headers['content-length'] = String(encoded.length);
  return Readable.from([encoded]);
}

const decoders: Record<string, (bytes: Buffer) => Buffer> = { '': (bytes) => bytes, gzip: gunzipSync, deflate: inflateSync, br: brotliDecompressSync };

export function rewriteHtml(html: string, place: Place): string {
  return html.replace(/<([a-zA-Z]+)(\s[^<>]*)>/g, (tag, name: string, rest: string) => {
    const wanted = attributes[name.toLowerCase()];
    if (!wanted) return tag;
    const changed = rest.replace(/([a-zA-Z-]+)(\s*=\s*)("[^"]*"|'[^']*'|[^\s"'>]+)/g, (pair, key: string, equals: string, value: string) => {
      if (!wanted.includes(key.toLowerCase())) return pair;
      const quote = /^["']/.test(value) ? value[0]! : '';
      return key + equals + quote + rewriteUrl(quote ? value.slice(1, -1) : value, place) + quote;
    });
    return `<${name}${changed}>`;
  });
}

/** Links to other hosts and relative ones stay as they are. */
export function rewriteUrl(text: string, { host, prefix, requestHost }: Place): string {
  const parts = /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(?:\/\/([^/?#]*))?(\/[^?#]*)?(.*)$/s.exec(text);
  if (!parts) return text;
  const [, , target, path, rest = ''] = parts;
  if (path === undefined || (target && target !== host && target !== requestHost)) return text;
  const start = target === requestHost && target ? text.slice(0, text.length - path.length - rest.length) : '';
  return start + (path.startsWith(prefix) ? path : prefix + path) + rest;
}
