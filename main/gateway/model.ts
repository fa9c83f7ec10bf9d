/**
 * What a proxy at the edge of the cluster does with requests, as data: the common form of Ingresses and of Gateway API's
 * routes.
 */
export interface RouteTable {
  listeners: Listener[];
}

/** What is served at one port of this computer. */
export interface Listener {
  /** One of this computer's loopback addresses. */
  address: string;
  port: number;
  tls: boolean;
  /** The names that the listeners of this port are for: a request belongs to the most specific one only. */
  sections: string[];
  /** Best first: the first that matches is taken. */
  routes: Route[];
  /** Of a listener with TLS; the most specific name wins. */
  certificates: Certificate[];
  /** TLS connections that go on as bytes, by the name that the client asks for; best first. */
  passthrough: PassthroughRoute[];
}

export interface Certificate {
  /** `example.com`, `*.example.com` or empty for all names. */
  hostname: string;
  certificate: string;
  key: string;
}

export interface PassthroughRoute {
  hostname: string;
  /** TLS ends here, and what is in it goes on as it is. */
  terminate: boolean;
  backends: WeightedBackend[];
}

export interface Route {
  /** Whose it is, for logs: `Ingress default/web`. */
  owner: string;
  /** The name of the listener that it belongs to; absent: it takes the requests of all. */
  section?: string;
  /** `example.com`, `*.example.com` or empty for all names. */
  hostname: string;
  /** Whether `*.` stands for one label only, as Ingress has it, or for any number, as Gateway API has it. */
  oneLabel: boolean;
  match: RequestMatch;
  filters: Filter[];
  backends: WeightedBackend[];
  /** Milliseconds until the whole answer must have begun; undefined: no limit. */
  timeoutMs?: number;
  /** For routes that are equally specific: the older object's first. */
  created: string;
  /** Requests are gRPC's: refusals are said in its way. */
  grpc?: boolean;
}

export interface RequestMatch {
  path: { type: 'Exact' | 'Prefix' | 'RegularExpression'; value: string };
  method?: string;
  headers: ValueMatch[];
  query: ValueMatch[];
}

export interface ValueMatch {
  /** Of a header: in lower case. */
  name: string;
  type: 'Exact' | 'RegularExpression';
  value: string;
}

export interface HeaderChange {
  set: { name: string; value: string }[];
  add: { name: string; value: string }[];
  remove: string[];
}

export type PathChange = { type: 'ReplaceFullPath'; value: string } | { type: 'ReplacePrefixMatch'; value: string };

export type Filter =
  | { type: 'RequestHeaders'; change: HeaderChange }
  | { type: 'ResponseHeaders'; change: HeaderChange }
  | { type: 'Rewrite'; hostname?: string; path?: PathChange }
  | { type: 'Redirect'; scheme?: string; hostname?: string; port?: number; path?: PathChange; statusCode: number }
  | { type: 'Cors'; rules: CorsRules }
  | { type: 'Mirror'; backend: ServiceBackend; /** Of each 100 requests. */ percent: number };

/** Which pages of other origins may ask, and what browsers are told. */
export interface CorsRules {
  origins: string[];
  methods: string[];
  headers: string[];
  expose: string[];
  credentials: boolean;
  maxAgeSeconds: number;
}

export interface WeightedBackend {
  weight: number;
  /** Undefined for one that cannot be used: requests that fall to it are answered with 500. */
  backend?: ServiceBackend;
  filters: Filter[];
}

export interface ServiceBackend {
  namespace: string;
  service: string;
  port: number | string;
  /** Undefined: without TLS. */
  tls?: BackendTls;
}

/** How TLS is spoken to a backend. */
export interface BackendTls {
  /** What the backend is asked for, and unless `names` says otherwise what its certificate is for. */
  hostname: string;
  /** One of these its certificate has to have as alternative names. */
  names: ({ hostname: string } | { uri: string })[];
  /** Whose word counts, PEM; undefined: those that this computer believes. */
  authorities?: string[];
}
