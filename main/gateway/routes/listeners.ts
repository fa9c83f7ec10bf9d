import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Secret } from '../../api/index.ts';
import { keyPairOf } from '../ingress/buildRoutes.ts';
import type { Certificate } from '../model.ts';
import { supportedKinds } from './attach.ts';
import { no, yes, type Finding } from './conditions.ts';
import type { GatewayListener, GatewayObject } from './kinds.ts';
import { isPermitted, type ClusterView } from './references.ts';

/** What of a listener is right by itself, before ports are opened. */
export interface JudgedListener {
  listener: GatewayListener;
  certificates: Certificate[];
  accepted: Finding;
  resolved: Finding;
  conflicted: Finding;
}

/** Whether the connections of a listener begin with TLS. */
export const isTls = ({ protocol }: Pick<GatewayListener, 'protocol'>): boolean => protocol !== 'HTTP';

/** Whether something can be served at a listener. */
export const isUsable = ({ accepted, resolved, conflicted }: JudgedListener): boolean =>
  accepted.status === 'True' && conflicted.status === 'False' && (resolved.status === 'True' || resolved.reason === 'InvalidRouteKinds');

export function judgeListeners(view: ClusterView, gateway: GatewayObject): JudgedListener[] {
  const { listeners } = gateway.spec;
  return listeners.map((listener) => {
    const { certificates, problem } = certificatesOf(view, gateway, listener);
    const kinds = supportedKinds(listener);
    const wrongKinds = kinds.invalid ? no('ResolvedRefs', 'InvalidRouteKinds', 'Some of the allowed kinds of routes are not supported') : undefined;
    return {
      listener,
      certificates,
      accepted: acceptedOf(listener),
      // A certificate that some can be had of serves, whatever the others are.
      resolved: problem ?? wrongKinds ?? yes('ResolvedRefs', 'ResolvedRefs', 'All references are resolved'),
      conflicted: conflictOf(listener, listeners),
    };
  });
}

function acceptedOf({ protocol }: GatewayListener): Finding {
  if (!['HTTP', 'HTTPS', 'TLS'].includes(protocol)) return no('Accepted', 'UnsupportedProtocol', `protocol ${protocol} is not supported`);
  return yes('Accepted', 'Accepted', 'Listener is accepted');
}

function conflictOf(listener: GatewayListener, all: GatewayListener[]): Finding {
  const others = all.filter((other) => other !== listener && other.port === listener.port && ['HTTP', 'HTTPS', 'TLS'].includes(other.protocol));
  if (others.some((other) => isTls(other) !== isTls(listener))) return yes('Conflicted', 'ProtocolConflict', `Another listener has another protocol at port ${listener.port}`);
  if (others.some((other) => (other.hostname ?? '') === (listener.hostname ?? ''))) return yes('Conflicted', 'HostnameConflict', `Another listener has the same hostname at port ${listener.port}`);
  return no('Conflicted', 'NoConflicts', 'No conflicts');
}

function certificatesOf(view: ClusterView, gateway: GatewayObject, { protocol, hostname = '', tls }: GatewayListener): { certificates: Certificate[]; problem?: Finding } {
  if (!isTls({ protocol }) || tls?.mode === 'Passthrough') return { certificates: [] };
  const certificates: Certificate[] = [];
  let problem: Finding | undefined;
  const from = { kind: 'Gateway', namespace: gateway.metadata!.namespace! };
  for (const { group = '', kind = 'Secret', namespace = from.namespace, name } of tls?.certificateRefs ?? []) {
    const pair = group === '' && kind === 'Secret' ? validPair(view.secret(`${namespace}/${name}`)) : undefined;
    if (!isPermitted(view.grants, from, { group, kind, namespace, name })) problem ??= no('ResolvedRefs', 'RefNotPermitted', `no ReferenceGrant permits the reference to Secret ${namespace}/${name}`);
    else if (!pair) problem ??= no('ResolvedRefs', 'InvalidCertificateRef', `${kind} ${namespace}/${name} is no Secret with a certificate and its key`);
    else certificates.push({ hostname, ...pair });
  }
  if (certificates.length === 0) problem ??= no('ResolvedRefs', 'InvalidCertificateRef', 'The listener names no certificate');
  return { certificates, ...(problem ? { problem } : {}) };
}

const judged = new WeakMap<Secret, { certificate: string; key: string } | undefined>();

/** The key pair of a Secret, if it is one; looked at once. */
function validPair(secret: Secret | undefined): { certificate: string; key: string } | undefined {
  if (!secret) return undefined;
  if (!judged.has(secret)) {
    const pair = keyPairOf(secret);
    let valid = false;
    try {
      valid = pair !== undefined && new X509Certificate(pair.certificate).checkPrivateKey(createPrivateKey(pair.key));
    } catch {
      valid = false;
    }
    judged.set(secret, valid ? pair : undefined);
  }
  return judged.get(secret);
}
