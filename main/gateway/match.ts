import { RE2JS } from 're2js';
import type { Listener, RequestMatch, Route, ValueMatch } from './model.ts';

/** What of a request decides where it goes. */
export interface RequestView {
  /** Without a port; in lower case. */
  host: string;
  method: string;
  /** Without the query. */
  path: string;
  query: URLSearchParams;
  /** By lower case name. */
  header(name: string): string | undefined;
}

/** Whether a name is meant by `pattern`: itself, a name below a wildcard, or all for the empty one. */
export function hostMatches(pattern: string, host: string, oneLabel: boolean): boolean {
  if (pattern === '') return true;
  if (!pattern.startsWith('*.')) return pattern === host;
  const rest = pattern.slice(1);
  if (!host.endsWith(rest)) return false;
  const label = host.slice(0, -rest.length);
  return label !== '' && (!oneLabel || !label.includes('.'));
}

/** The names of a path: `/a/b/` and `/a/b` have the same, which is how a prefix is compared. */
export const withoutSlash = (path: string): string => (path.length > 1 ? path.replace(/\/+$/, '') : path) || '/';

export function pathMatches({ type, value }: RequestMatch['path'], path: string): boolean {
  if (type === 'Exact') return path === value;
  if (type === 'RegularExpression') return regex(value)?.matches(path) ?? false;
  const prefix = withoutSlash(value);
  return prefix === '/' || path === prefix || path.startsWith(`${prefix}/`);
}

const compiled = new Map<string, RE2JS | undefined>();

/** Linear in the length of the text, whatever the expression; undefined for one that is none. */
function regex(text: string): RE2JS | undefined {
  if (!compiled.has(text)) {
    if (compiled.size > 1000) compiled.clear();
    try {
      compiled.set(text, RE2JS.compile(text));
    } catch {
      compiled.set(text, undefined);
    }
  }
  return compiled.get(text);
}

const valueMatches = ({ type, value }: ValueMatch, actual: string | undefined): boolean =>
  actual !== undefined && (type === 'Exact' ? actual === value : (regex(value)?.matches(actual) ?? false));

/** The most specific of the names that means `host`; undefined if none does. */
export function mostSpecific(names: readonly string[], host: string): string | undefined {
  const rank = (name: string) => (name === '' ? 0 : name.startsWith('*') ? name.length : 1000 + name.length);
  return names.filter((name) => hostMatches(name, host, false)).sort((a, b) => rank(b) - rank(a))[0];
}

/** The route that a request takes; `routes` are in order of precedence, `sections` the names that the port's listeners are for. */
export function findRoute({ routes, sections }: Pick<Listener, 'routes' | 'sections'>, request: RequestView): Route | undefined {
  const own = mostSpecific(sections, request.host);
  return routes.find(
    ({ hostname, oneLabel, match, section }) =>
      (section === undefined || section === own) &&
      hostMatches(hostname, request.host, oneLabel) &&
      pathMatches(match.path, request.path) &&
      (match.method === undefined || match.method === request.method) &&
      match.headers.every((header) => valueMatches(header, request.header(header.name))) &&
      match.query.every((parameter) => valueMatches(parameter, request.query.get(parameter.name) ?? undefined)),
  );
}

const pathRank = { Exact: 2, RegularExpression: 1, Prefix: 0 };

/**
 * Puts routes in order of precedence. Mirrors what the API reference of Gateway API's HTTPRouteRule says, of which
 * Ingress' rules are a part: the more specific first, then the older.
 */
export function byPrecedence(routes: Route[]): Route[] {
  const rank = ({ hostname, match }: Route) => [
    hostname === '' ? 0 : hostname.startsWith('*') ? 1 : 2,
    hostname.length,
    pathRank[match.path.type],
    match.path.value.length,
    match.method === undefined ? 0 : 1,
    match.headers.length,
    match.query.length,
  ];
  return routes
    .map((route, position) => ({ route, position, rank: rank(route) }))
    .sort((a, b) => {
      for (const [index, value] of a.rank.entries()) if (value !== b.rank[index]) return b.rank[index]! - value;
      if (a.route.created !== b.route.created) return a.route.created < b.route.created ? -1 : 1;
      if (a.route.owner !== b.route.owner) return a.route.owner < b.route.owner ? -1 : 1;
      return a.position - b.position;
    })
    .map(({ route }) => route);
}
