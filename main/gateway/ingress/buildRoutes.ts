import type { Ingress, IngressBackend, IngressClass, Secret } from '../../api/index.ts';
import { keyOf } from '../../api/meta.ts';
import { loopback } from '../addresses.ts';
import { byPrecedence } from '../match.ts';
import type { Certificate, Listener, Route, WeightedBackend } from '../model.ts';

/** Of the IngressClass whose Ingresses are served here. */
export const controllerName = 'skiff.dev/ingress';

const classAnnotation = 'kubernetes.io/ingress.class';
const defaultClassAnnotation = 'ingressclass.kubernetes.io/is-default-class';

/** Whether an Ingress is ours: its class is, or it has none and ours is the default. */
export function isOurs(ingress: Ingress, classes: IngressClass[]): boolean {
  const ours = classes.filter(({ spec }) => spec?.controller === controllerName);
  const name = ingress.spec?.ingressClassName ?? ingress.metadata?.annotations?.[classAnnotation];
  if (name !== undefined) return ours.some(({ metadata }) => metadata!.name === name);
  return ours.some(({ metadata }) => metadata!.annotations?.[defaultClassAnnotation] === 'true');
}

/**
 * What Ingresses ask for, at a port for plain HTTP and one for TLS. Several Ingresses of one host share it; where two
 * want the same path, the older has it. Semantics: the API reference of Ingress.
 */
export function buildIngressListeners(ingresses: Ingress[], secretOf: (key: string) => Secret | undefined, ports: { http: number; https: number }): Listener[] {
  if (ingresses.length === 0) return [];
  const routes = byPrecedence(ingresses.flatMap(routesOf));
  const certificates = ingresses.flatMap((ingress) => certificatesOf(ingress, secretOf));
  return [
    { address: loopback, port: ports.http, tls: false, sections: [], routes, certificates: [], passthrough: [] },
    ...(ingresses.some(({ spec }) => spec?.tls?.length) ? [{ address: loopback, port: ports.https, tls: true, sections: [], routes, certificates, passthrough: [] }] : []),
  ];
}

function routesOf(ingress: Ingress): Route[] {
  const { spec } = ingress;
  const namespace = ingress.metadata!.namespace!;
  const route = (hostname: string, path: Route['match']['path'], backend: IngressBackend | undefined): Route => ({
    owner: `Ingress ${keyOf(ingress)}`,
    hostname,
    oneLabel: true,
    match: { path, headers: [], query: [] },
    filters: [],
    backends: [backendOf(namespace, backend)],
    created: String(ingress.metadata!.creationTimestamp ?? ''),
  });
  const routes = (spec?.rules ?? []).flatMap(({ host = '', http }) =>
    (http?.paths ?? []).map(({ path, pathType, backend }) =>
      route(host, { type: pathType === 'Exact' ? 'Exact' : 'Prefix', value: path || '/' }, backend),
    ),
  );
  if (!spec?.defaultBackend) return routes;
  // It serves what no rule matches; a rule for a host without paths sends everything of that host there.
  const everything = { type: 'Prefix', value: '/' } as const;
  const bare = (spec.rules ?? []).filter(({ http }) => !http).map(({ host = '' }) => route(host, everything, spec.defaultBackend));
  return [...routes, ...bare, route('', everything, spec.defaultBackend)];
}

function backendOf(namespace: string, backend: IngressBackend | undefined): WeightedBackend {
  const service = backend?.service;
  const port = service?.port?.number || service?.port?.name;
  return { weight: 1, filters: [], ...(service && port ? { backend: { namespace, service: service.name, port } } : {}) };
}

function certificatesOf(ingress: Ingress, secretOf: (key: string) => Secret | undefined): Certificate[] {
  return (ingress.spec?.tls ?? []).flatMap(({ hosts, secretName }) => {
    const pair = secretName ? keyPairOf(secretOf(`${ingress.metadata!.namespace}/${secretName}`)) : undefined;
    return pair ? (hosts?.length ? hosts : ['']).map((hostname) => ({ hostname, ...pair })) : [];
  });
}

export function keyPairOf(secret: Secret | undefined): { certificate: string; key: string } | undefined {
  const text = (name: string) => Buffer.from(secret?.data?.[name] ?? '', 'base64').toString();
  const pair = { certificate: text('tls.crt'), key: text('tls.key') };
  return pair.certificate && pair.key ? pair : undefined;
}
