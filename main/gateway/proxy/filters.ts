import type { Filter, HeaderChange, PathChange, Route } from '../model.ts';
import { withoutSlash } from '../match.ts';
import { answerFields } from './cors.ts';

export type Headers = Record<string, string | string[] | undefined>;

export function changeHeaders(headers: Headers, { set, add, remove }: HeaderChange): void {
  for (const { name, value } of set) headers[name.toLowerCase()] = value;
  for (const { name, value } of add) {
    const key = name.toLowerCase();
    const known = headers[key];
    headers[key] = known === undefined ? value : Array.isArray(known) ? [...known, value] : `${known},${value}`;
  }
  for (const name of remove) delete headers[name.toLowerCase()];
}

/** What a backend answered, as the client gets it; `origin` is the client's. */
export function changeAnswer(headers: Headers, filters: Filter[], origin: string | undefined): void {
  for (const filter of filters) {
    if (filter.type === 'ResponseHeaders') changeHeaders(headers, filter.change);
    if (filter.type === 'Cors') Object.assign(headers, answerFields(filter.rules, origin));
  }
}

/** `path` may have a query, which is kept. */
export function changePath(path: string, change: PathChange, match: Route['match']['path']): string {
  const mark = path.indexOf('?');
  const [only, query] = mark < 0 ? [path, ''] : [path.slice(0, mark), path.slice(mark)];
  if (change.type === 'ReplaceFullPath') return `${change.value || '/'}${query}`;
  const prefix = withoutSlash(match.value);
  const rest = prefix === '/' ? only : only.slice(prefix.length);
  const changed = `${withoutSlash(change.value) === '/' ? '' : withoutSlash(change.value)}${rest}`;
  return `${changed.startsWith('/') ? changed : `/${changed}`}${query}`;
}

export function redirectLocation(
  redirect: Extract<Filter, { type: 'Redirect' }>,
  request: { scheme: 'http' | 'https'; host: string; port: number; path: string },
  match: Route['match']['path'],
): string {
  const scheme = redirect.scheme ?? request.scheme;
  const usual = scheme === 'https' ? 443 : 80;
  // Another scheme without a port means that scheme's own.
  const port = redirect.port ?? (redirect.scheme !== undefined ? usual : request.port);
  const path = redirect.path ? changePath(request.path, redirect.path, match) : request.path;
  return `${scheme}://${redirect.hostname ?? request.host}${port === usual ? '' : `:${port}`}${path}`;
}
