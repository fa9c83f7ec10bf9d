import { member, type Declare } from '../functions.ts';
import { boolType, listType, mapType, objectType, stringType } from '../types.ts';
import { ArrayList, CelError, EntryMap, Opaque } from '../values.ts';

export const urlType = objectType('kubernetes.URL', {});

interface Parts {
  scheme: string;
  user: string;
  host: string;
  path: string;
  query: string;
  fragment: string;
}

class URLValue extends Opaque {
  readonly typeName = urlType.name;
  constructor(
    readonly text: string,
    readonly parts: Parts,
  ) {
    super();
  }
  equals(other: URLValue): boolean {
    return this.text === other.text;
  }
}

/** What is wrong with an absolute URL or path, in Go's words; mirrors net/url.ParseRequestURI. */
export function urlFault(text: string): string | undefined {
  const parsed = parseUrl(text);
  return typeof parsed === 'string' ? parsed : undefined;
}

function parseUrl(text: string): Parts | string {
  const fault = (reason: string) => `parse ${JSON.stringify(text)}: ${reason}`;
   
  if (/[\x00-\x1f\x7f]/.test(text)) return fault('net/url: invalid control character in URL');
  if (text === '') return fault('empty url');
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(text)?.[1] ?? '';
  if (!scheme && text.startsWith(':')) return fault('missing protocol scheme');
  let rest = scheme ? text.slice(scheme.length + 1) : text;
  if (!rest.startsWith('/')) {
    if (!scheme) return fault('invalid URI for request');
    return { scheme: scheme.toLowerCase(), user: '', host: '', path: '', query: rest.split('?')[1] ?? '', fragment: '' };
  }
  const hash = rest.indexOf('#');
  const fragment = hash < 0 ? '' : rest.slice(hash + 1);
  if (hash >= 0) rest = rest.slice(0, hash);
  const question = rest.indexOf('?');
  const query = question < 0 ? '' : rest.slice(question + 1);
  if (question >= 0) rest = rest.slice(0, question);
  let user = '';
  let host = '';
  if (scheme && rest.startsWith('//')) {
    const end = rest.indexOf('/', 2);
    const authority = end < 0 ? rest.slice(2) : rest.slice(2, end);
    rest = end < 0 ? '' : rest.slice(end);
    const at = authority.lastIndexOf('@');
    user = at < 0 ? '' : authority.slice(0, at);
    host = authority.slice(at + 1);
    const port = host.startsWith('[') ? host.slice(host.indexOf(']') + 1) : host.includes(':') ? host.slice(host.indexOf(':')) : '';
    if (host.startsWith('[') && !host.includes(']')) return fault("missing ']' in host");
    if (port && !/^:\d*$/.test(port)) return fault(`invalid port ${JSON.stringify(port)} after host`);
    const bad = /[ "<>^`{|}\\]/.exec(host);
    if (bad) return fault(`invalid character ${JSON.stringify(bad[0])} in host name`);
  }
  const escape = /%(?![0-9a-fA-F]{2}).{0,2}/.exec(rest);
  if (escape) return fault(`invalid URL escape ${JSON.stringify(escape[0])}`);
  return { scheme: scheme.toLowerCase(), user, host, path: rest, query, fragment };
}

function url(text: string): URLValue {
  const parsed = parseUrl(text);
  if (typeof parsed === 'string') throw new CelError(`URL parse error during conversion from string: ${parsed}`);
  return new URLValue(text, parsed);
}

const hostname = (host: string) => (host.startsWith('[') ? host.slice(1, host.indexOf(']')) : host.replace(/:.*$/, ''));
const port = (host: string) => /:(\d*)$/.exec(host.startsWith('[') ? host.slice(host.indexOf(']')) : host)?.[1] ?? '';

/** URLs; mirrors k8s.io/apiserver/pkg/cel/library (urls.go). */
export function urlsLibrary(add: Declare): void {
  add('url', 'string_to_url', [stringType], urlType, url);
  add('isURL', 'is_url_string', [stringType], boolType, (text: string) => urlFault(text) === undefined);
  const read = (name: string, id: string, get: (parts: Parts) => string) => add(name, id, [urlType], stringType, (value: URLValue) => get(value.parts), member);
  read('getScheme', 'url_get_scheme', ({ scheme }) => scheme);
  read('getHost', 'url_get_host', ({ host }) => host);
  read('getHostname', 'url_get_hostname', ({ host }) => hostname(host));
  read('getPort', 'url_get_port', ({ host }) => port(host));
  read('getEscapedPath', 'url_get_escaped_path', ({ path }) => path.replace(/[^A-Za-z0-9\-_.~$&+,/:;=@%!'()*]/gu, (c) => encodeURIComponent(c)));
  add('getQuery', 'url_get_query', [urlType], mapType(stringType, listType(stringType)), (value: URLValue) => {
    const found = new Map<string, string[]>();
    for (const [key, text] of new URLSearchParams(value.parts.query)) found.set(key, [...(found.get(key) ?? []), text]);
    return new EntryMap([...found].map(([key, texts]) => [key, new ArrayList(texts)] as const));
  }, member);
}
