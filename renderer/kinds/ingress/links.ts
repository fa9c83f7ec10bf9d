import type { Ingress, IngressBackend } from '../../../main/api/index.ts';
import { isHere } from '../../../preload/links.ts';

export interface IngressRow {
  host: string;
  path: string;
  service: string | undefined;
  port: string | number | undefined;
  /** Where this computer's browser reaches it; undefined for hosts that lead elsewhere, and before it has an address. */
  url: string | undefined;
}

/** One row a path of an Ingress. */
export function linksOf({ spec, status }: Ingress): IngressRow[] {
  const address = status?.loadBalancer?.ingress?.[0];
  const secure = new Set((spec?.tls ?? []).flatMap(({ hosts }) => hosts ?? []));
  const row = (host: string, path: string, backend: IngressBackend | undefined): IngressRow => {
    const name = host || address?.hostname || address?.ip || 'localhost';
    // The address says which ports it has: HTTP's first, then that of HTTPS.
    const [plain, tls] = (address?.ports ?? []).map(({ port }) => port);
    const isSecure = secure.has(host);
    const port = isSecure ? (tls ?? 443) : (plain ?? 80);
    const shown = port === (isSecure ? 443 : 80) ? '' : `:${port}`;
    const isReached = address !== undefined && (host === '' || isHere(host)) && !host.startsWith('*');
    return {
      host,
      path,
      service: backend?.service?.name,
      port: backend?.service?.port?.number ?? backend?.service?.port?.name,
      url: isReached ? `${isSecure ? 'https' : 'http'}://${name}${shown}${path.startsWith('/') ? path : '/'}` : undefined,
    };
  };
  const rules = (spec?.rules ?? []).flatMap(({ host = '', http }) => (http?.paths ?? []).map(({ path = '/', backend }) => row(host, path, backend)));
  return spec?.defaultBackend ? [...rules, row('', '/', spec.defaultBackend)] : rules;
}
