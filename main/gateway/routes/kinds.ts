import type { Condition, LabelSelector } from '../../api/index.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { ResourceDef } from '../../client/index.ts';

/* The kinds of Gateway API that are served here, as far as their fields are read. */

export const group = 'gateway.networking.k8s.io';
/** Of the GatewayClasses whose Gateways are served here. */
export const controllerName = 'skiff.dev/gateway';

export interface ObjectReference {
  group?: string;
  kind?: string;
  namespace?: string;
  name: string;
}

export interface GatewayClass extends KubeObject {
  spec: { controllerName: string; parametersRef?: ObjectReference };
  status?: { conditions?: Condition[]; supportedFeatures?: { name: string }[] };
}

export interface GatewayListener {
  name: string;
  port: number;
  protocol: string;
  hostname?: string;
  allowedRoutes?: { namespaces?: { from?: string; selector?: LabelSelector }; kinds?: { group?: string; kind: string }[] };
  tls?: { mode?: string; certificateRefs?: ObjectReference[] };
}

export interface ListenerStatus {
  name: string;
  supportedKinds: { group: string; kind: string }[];
  attachedRoutes: number;
  conditions: Condition[];
}

export interface GatewayObject extends KubeObject {
  spec: {
    gatewayClassName: string;
    listeners: GatewayListener[];
    addresses?: { type?: string; value?: string }[];
    infrastructure?: { parametersRef?: ObjectReference };
  };
  status?: { addresses?: { type?: string; value: string }[]; conditions?: Condition[]; listeners?: ListenerStatus[] };
}

export interface ParentReference extends ObjectReference {
  sectionName?: string;
  port?: number;
}

export interface ParentStatus {
  parentRef: ParentReference;
  controllerName: string;
  conditions: Condition[];
}

export interface BackendRef extends ObjectReference {
  port?: number;
  weight?: number;
  filters?: RouteFilter[];
}

interface HeaderFilter {
  set?: { name: string; value: string }[];
  add?: { name: string; value: string }[];
  remove?: string[];
}

interface PathModifier {
  type: string;
  replaceFullPath?: string;
  replacePrefixMatch?: string;
}

export interface RouteFilter {
  type: string;
  requestHeaderModifier?: HeaderFilter;
  responseHeaderModifier?: HeaderFilter;
  requestRedirect?: { scheme?: string; hostname?: string; port?: number; path?: PathModifier; statusCode?: number };
  urlRewrite?: { hostname?: string; path?: PathModifier };
  cors?: { allowOrigins?: string[]; allowMethods?: string[]; allowHeaders?: string[]; exposeHeaders?: string[]; allowCredentials?: boolean; maxAge?: number };
  requestMirror?: { backendRef: BackendRef; percent?: number; fraction?: { numerator: number; denominator?: number } };
}

interface NamedMatch {
  type?: string;
  name: string;
  value: string;
}

export interface HttpMatch {
  path?: { type?: string; value?: string };
  headers?: NamedMatch[];
  queryParams?: NamedMatch[];
  method?: string;
}

export interface GrpcMatch {
  method?: { type?: string; service?: string; method?: string };
  headers?: NamedMatch[];
}

export interface RouteRule<Match> {
  matches?: Match[];
  filters?: RouteFilter[];
  backendRefs?: BackendRef[];
  timeouts?: { request?: string; backendRequest?: string };
}

interface RouteObject<Match> extends KubeObject {
  spec: { parentRefs?: ParentReference[]; hostnames?: string[]; rules?: RouteRule<Match>[] };
  status?: { parents?: ParentStatus[] };
}

export type HttpRoute = RouteObject<HttpMatch> & { kind: 'HTTPRoute' };
export type GrpcRoute = RouteObject<GrpcMatch> & { kind: 'GRPCRoute' };
export type TlsRoute = RouteObject<never> & { kind: 'TLSRoute' };
export type AnyRoute = HttpRoute | GrpcRoute | TlsRoute;
export type RouteKind = AnyRoute['kind'];

export interface ReferenceGrant extends KubeObject {
  spec: { from: { group: string; kind: string; namespace: string }[]; to: { group: string; kind: string; name?: string }[] };
}

export interface BackendTlsPolicy extends KubeObject {
  spec: {
    targetRefs: { group?: string; kind: string; name: string; sectionName?: string }[];
    validation: {
      hostname: string;
      caCertificateRefs?: { group?: string; kind: string; name: string }[];
      wellKnownCACertificates?: string;
      subjectAltNames?: { type: string; hostname?: string; uri?: string }[];
    };
  };
  status?: { ancestors?: { ancestorRef: ParentReference; controllerName: string; conditions?: Condition[] }[] };
}

const version = 'v1';

export const gatewayClasses: ResourceDef<GatewayClass> = { group, version, kind: 'GatewayClass', resource: 'gatewayclasses', namespaced: false };
export const gateways: ResourceDef<GatewayObject> = { group, version, kind: 'Gateway', resource: 'gateways', namespaced: true };
export const httpRoutes: ResourceDef<HttpRoute> = { group, version, kind: 'HTTPRoute', resource: 'httproutes', namespaced: true };
export const grpcRoutes: ResourceDef<GrpcRoute> = { group, version, kind: 'GRPCRoute', resource: 'grpcroutes', namespaced: true };
export const tlsRoutes: ResourceDef<TlsRoute> = { group, version, kind: 'TLSRoute', resource: 'tlsroutes', namespaced: true };
export const backendTlsPolicies: ResourceDef<BackendTlsPolicy> = { group, version, kind: 'BackendTLSPolicy', resource: 'backendtlspolicies', namespaced: true };
/** Read at the version that every release of Gateway API serves. */
export const referenceGrants: ResourceDef<ReferenceGrant> = { group, version: 'v1beta1', kind: 'ReferenceGrant', resource: 'referencegrants', namespaced: true };
export const routeKinds: Record<RouteKind, ResourceDef<AnyRoute>> = { HTTPRoute: httpRoutes, GRPCRoute: grpcRoutes, TLSRoute: tlsRoutes };
