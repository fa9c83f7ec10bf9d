import type { CorsRules, Filter, HeaderChange, PathChange, RequestMatch, Route, WeightedBackend } from '../model.ts';
import { keyOf } from '../../api/meta.ts';
import type { BackendTlsPolicies } from './backendTls.ts';
import { no, yes, type Finding } from './conditions.ts';
import type { AnyRoute, BackendRef, GrpcMatch, HttpMatch, RouteFilter, RouteRule } from './kinds.ts';
import { resolveReference, type ClusterView } from './references.ts';

/** A route as the proxies take it, for all names; and what is to be said of it. */
export interface Compiled {
  routes: Omit<Route, 'hostname'>[];
  /** Of each rule, for connections that are passed on as they are. */
  backends: WeightedBackend[];
  accepted: Finding;
  resolved: Finding;
}

export function compileRoute(view: ClusterView, tls: BackendTlsPolicies, route: AnyRoute): Compiled {
  const findings: { accepted?: Finding; resolved?: Finding } = {};
  const context: Context = { view, tls, route, findings };
  const common = { owner: `${route.kind} ${keyOf(route)}`, oneLabel: false, created: String(route.metadata!.creationTimestamp ?? '') };
  const routes: Compiled['routes'] = [];
  const all: WeightedBackend[] = [];
  for (const rule of (route.spec.rules ?? []) as RouteRule<HttpMatch & GrpcMatch>[]) {
    const filters = filtersOf(context, rule.filters);
    const backends = (rule.backendRefs ?? []).map((ref) => backendOf(context, ref));
    all.push(...backends);
    if (route.kind === 'TLSRoute') continue;
    const matches = rule.matches?.length ? rule.matches : [{}];
    const timeoutMs = timeoutOf(rule.timeouts);
    for (const match of matches)
      routes.push({
        ...common,
        match: route.kind === 'GRPCRoute' ? grpcMatch(match as GrpcMatch) : httpMatch(match as HttpMatch),
        filters,
        backends,
        ...(timeoutMs ? { timeoutMs } : {}),
        ...(route.kind === 'GRPCRoute' ? { grpc: true } : {}),
      });
  }
  return {
    routes,
    backends: all,
    accepted: findings.accepted ?? yes('Accepted', 'Accepted', 'Route is accepted'),
    resolved: findings.resolved ?? yes('ResolvedRefs', 'ResolvedRefs', 'All references are resolved'),
  };
}

interface Context {
  view: ClusterView;
  tls: BackendTlsPolicies;
  route: AnyRoute;
  findings: { accepted?: Finding; resolved?: Finding };
}

function backendOf(context: Context, ref: BackendRef): WeightedBackend {
  const found = resolveReference(context.view, context.tls, context.route, ref);
  if ('problem' in found) context.findings.resolved ??= found.problem;
  return { weight: ref.weight ?? 1, filters: filtersOf(context, ref.filters), ...('backend' in found ? { backend: found.backend } : {}) };
}

const headerChange = ({ set = [], add = [], remove = [] }: Partial<HeaderChange> = {}): HeaderChange => ({ set, add, remove });

function filtersOf(context: Context, filters: RouteFilter[] | undefined): Filter[] {
  return (filters ?? []).flatMap((filter): Filter[] => {
    switch (filter.type) {
      case 'RequestHeaderModifier':
        return [{ type: 'RequestHeaders', change: headerChange(filter.requestHeaderModifier) }];
      case 'ResponseHeaderModifier':
        return [{ type: 'ResponseHeaders', change: headerChange(filter.responseHeaderModifier) }];
      case 'URLRewrite': {
        const { hostname, path } = filter.urlRewrite ?? {};
        return [{ type: 'Rewrite', ...(hostname ? { hostname } : {}), ...(path ? { path: pathChange(path) } : {}) }];
      }
      case 'RequestRedirect': {
        const { scheme, hostname, port, path, statusCode = 302 } = filter.requestRedirect ?? {};
        return [
          {
            type: 'Redirect',
            statusCode,
            ...(scheme ? { scheme } : {}),
            ...(hostname ? { hostname } : {}),
            ...(port ? { port } : {}),
            ...(path ? { path: pathChange(path) } : {}),
          },
        ];
      }
      case 'RequestMirror': {
        const { backendRef, percent, fraction } = filter.requestMirror!;
        const found = resolveReference(context.view, context.tls, context.route, backendRef);
        if ('backend' in found) return [{ type: 'Mirror', backend: found.backend, percent: percent ?? (fraction ? (100 * fraction.numerator) / (fraction.denominator ?? 100) : 100) }];
        context.findings.resolved ??= found.problem;
        return [];
      }
      case 'CORS':
        return [{ type: 'Cors', rules: corsRules(filter.cors ?? {}) }];
      default:
        // To leave a filter out could let in what it was to keep out.
        context.findings.accepted ??= no('Accepted', 'UnsupportedValue', `a filter of type ${filter.type} is not supported`);
        return [];
    }
  });
}

function corsRules({ allowOrigins = [], allowMethods = [], allowHeaders = [], exposeHeaders = [], allowCredentials = false, maxAge = 5 }: NonNullable<RouteFilter['cors']>): CorsRules {
  return { origins: allowOrigins, methods: allowMethods, headers: allowHeaders, expose: exposeHeaders, credentials: allowCredentials, maxAgeSeconds: maxAge };
}

const pathChange = ({ type, replaceFullPath = '', replacePrefixMatch = '' }: { type: string; replaceFullPath?: string; replacePrefixMatch?: string }): PathChange =>
  type === 'ReplaceFullPath' ? { type, value: replaceFullPath } : { type: 'ReplacePrefixMatch', value: replacePrefixMatch };

type Named = { type?: string; name: string; value: string }[] | undefined;

/** Of entries with one name only the first counts. */
function values(entries: Named, nameOf: (name: string) => string): RequestMatch['headers'] {
  const seen = new Map<string, RequestMatch['headers'][number]>();
  for (const { type, name, value } of entries ?? []) {
    const key = nameOf(name);
    if (!seen.has(key)) seen.set(key, { name: key, type: type === 'RegularExpression' ? type : 'Exact', value });
  }
  return [...seen.values()];
}
const headersOf = (entries: Named) => values(entries, (name) => name.toLowerCase());

const httpMatch = ({ path, headers, queryParams, method }: HttpMatch): RequestMatch => ({
  path: { type: path?.type === 'Exact' || path?.type === 'RegularExpression' ? path.type : 'Prefix', value: path?.value ?? '/' },
  ...(method ? { method } : {}),
  headers: headersOf(headers),
  query: values(queryParams, (name) => name),
});

function grpcMatch({ method, headers }: GrpcMatch): RequestMatch {
  return { path: grpcPath(method ?? {}), headers: headersOf(headers), query: [] };
}

/** gRPC calls are requests to `/service/method`. */
function grpcPath({ type, service, method }: NonNullable<GrpcMatch['method']>): RequestMatch['path'] {
  if (!service && !method) return { type: 'Prefix', value: '/' };
  if (type === 'RegularExpression') return { type, value: `/${service ? `(?:${service})` : '[^/]+'}/${method ? `(?:${method})` : '[^/]+'}` };
  if (service && method) return { type: 'Exact', value: `/${service}/${method}` };
  if (service) return { type: 'Prefix', value: `/${service}` };
  return { type: 'RegularExpression', value: `/[^/]+/${method}` };
}

const units: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** Of `1m30s`, in milliseconds. */
export function durationOf(text: string): number {
  let sum = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)(ms|h|m|s)/g)) sum += Number(amount) * units[unit!]!;
  return sum;
}

/** The shorter of both; none means no limit. */
function timeoutOf(timeouts: RouteRule<unknown>['timeouts']): number | undefined {
  const limits = [timeouts?.request, timeouts?.backendRequest].flatMap((text) => (text ? [durationOf(text)] : [])).filter((ms) => ms > 0);
  return limits.length ? Math.min(...limits) : undefined;
}
