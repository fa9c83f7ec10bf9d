import type { Namespace } from '../../api/index.ts';
import { selectorFromLabelSelector } from '../../api/labels.ts';
import { no, type Finding } from './conditions.ts';
import { commonHostnames } from './hostnames.ts';
import { group, type AnyRoute, type GatewayListener, type GatewayObject, type ParentReference, type RouteKind } from './kinds.ts';

const kindsByProtocol: Record<string, RouteKind[]> = { HTTP: ['HTTPRoute', 'GRPCRoute'], HTTPS: ['HTTPRoute', 'GRPCRoute'], TLS: ['TLSRoute'] };

/** The kinds of routes that a listener takes, and whether it asks for some that it cannot. */
export function supportedKinds({ protocol, allowedRoutes }: GatewayListener): { kinds: RouteKind[]; invalid: boolean } {
  const possible = kindsByProtocol[protocol] ?? [];
  const asked = allowedRoutes?.kinds;
  if (!asked?.length) return { kinds: possible, invalid: false };
  const isPossible = (one: { group?: string; kind: string }) => (one.group ?? group) === group && possible.includes(one.kind as RouteKind);
  return { kinds: possible.filter((kind) => asked.some((one) => isPossible(one) && one.kind === kind)), invalid: !asked.every(isPossible) };
}

/** Whether a reference of a route is to a Gateway. */
export const isGatewayReference = ({ group: of = group, kind = 'Gateway' }: ParentReference): boolean => of === group && kind === 'Gateway';

/** A listener that a route is attached to, and the names it has there. */
export interface Attachment {
  listener: GatewayListener;
  hostnames: string[];
}

/** Where a route is attached by one of its references to this Gateway, or why nowhere. */
export function attach(gateway: GatewayObject, route: AnyRoute, ref: ParentReference, namespaceOf: (name: string) => Namespace | undefined): Attachment[] | Finding {
  const meant = gateway.spec.listeners.filter(({ name, port }) => (!ref.sectionName || ref.sectionName === name) && (!ref.port || ref.port === port));
  if (meant.length === 0) return no('Accepted', 'NoMatchingParent', 'The Gateway has no listener of that name and port');
  const allowed = meant.filter((listener) => supportedKinds(listener).kinds.includes(route.kind) && isNamespaceAllowed(gateway, listener, route, namespaceOf));
  if (allowed.length === 0) return no('Accepted', 'NotAllowedByListeners', 'No listener allows routes of this kind from this namespace');
  const attached = allowed.flatMap((listener) => {
    const hostnames = commonHostnames(listener.hostname, route.spec.hostnames);
    return hostnames ? [{ listener, hostnames }] : [];
  });
  return attached.length > 0 ? attached : no('Accepted', 'NoMatchingListenerHostname', 'No listener has a hostname in common with the route');
}

function isNamespaceAllowed(gateway: GatewayObject, { allowedRoutes }: GatewayListener, route: AnyRoute, namespaceOf: (name: string) => Namespace | undefined): boolean {
  const { from = 'Same', selector } = allowedRoutes?.namespaces ?? {};
  const namespace = route.metadata!.namespace!;
  if (from === 'All') return true;
  if (from === 'Same') return namespace === gateway.metadata!.namespace;
  if (from !== 'Selector' || !selector) return false;
  try {
    return selectorFromLabelSelector(selector).matches(namespaceOf(namespace)?.metadata?.labels);
  } catch {
    // The schema lets operators through that are none.
    return false;
  }
}
