import { X509Certificate } from 'node:crypto';
import { keyOf } from '../../api/meta.ts';
import type { BackendTls } from '../model.ts';
import { no, yes, type Finding } from './conditions.ts';
import type { BackendTlsPolicy, GatewayObject } from './kinds.ts';
import type { ClusterView } from './references.ts';

interface Judged {
  object: BackendTlsPolicy;
  accepted: Finding;
  resolved: Finding;
  tls: BackendTls;
  /** Gateways by whose routes the Services are reached. */
  gateways: Map<string, GatewayObject>;
}

/** How the Services of a cluster want to be spoken to, as policies say. Of several for one target the oldest counts. */
export class BackendTlsPolicies {
  readonly #judged: Judged[];
  /** By `namespace/service/port name`, which is empty for all ports. */
  readonly #byTarget = new Map<string, Judged>();

  constructor(private readonly view: Pick<ClusterView, 'backendTlsPolicies' | 'configMap' | 'service'>) {
    const age = ({ metadata }: BackendTlsPolicy) => String(metadata!.creationTimestamp ?? '');
    const oldest = view.backendTlsPolicies
      .filter(({ metadata }) => !metadata!.deletionTimestamp)
      .sort((a, b) => (age(a) === age(b) ? (keyOf(a) < keyOf(b) ? -1 : 1) : age(a) < age(b) ? -1 : 1));
    this.#judged = oldest.map((object) => this.#judge(object));
    for (const judged of this.#judged)
      for (const target of targetsOf(judged.object)) {
        const holder = this.#byTarget.get(target);
        if (!holder) this.#byTarget.set(target, judged);
        else judged.accepted = no('Accepted', 'Conflicted', `BackendTLSPolicy ${keyOf(holder.object)} has the same target and is older`);
      }
  }

  /** Undefined: without TLS. */
  tlsOf(namespace: string, service: string, port: number): BackendTls | undefined {
    return (this.#byTarget.get(this.#targetOf(namespace, service, port)) ?? this.#byTarget.get(`${namespace}/${service}/`))?.tls;
  }

  /** A route of that Gateway leads to a Service's port. */
  reached(gateway: GatewayObject, namespace: string, service: string, port: number): void {
    const targets = [this.#targetOf(namespace, service, port), `${namespace}/${service}/`];
    for (const judged of this.#judged) if (targetsOf(judged.object).some((target) => targets.includes(target))) judged.gateways.set(keyOf(gateway), gateway);
  }

  /** What there is to say of each policy, for each Gateway that it matters to. */
  said(): { object: BackendTlsPolicy; gateways: GatewayObject[]; findings: Finding[] }[] {
    return this.#judged.map(({ object, accepted, resolved, gateways }) => ({ object, gateways: [...gateways.values()], findings: [accepted, resolved] }));
  }

  #targetOf(namespace: string, service: string, port: number): string {
    const name = this.view.service(`${namespace}/${service}`)?.spec?.ports?.find((each) => each.port === port)?.name ?? '';
    return `${namespace}/${service}/${name}`;
  }

  #judge(object: BackendTlsPolicy): Judged {
    const { hostname, subjectAltNames, caCertificateRefs = [], wellKnownCACertificates } = object.spec.validation;
    const names = (subjectAltNames ?? []).map((name) => (name.type === 'URI' ? { uri: name.uri ?? '' } : { hostname: name.hostname ?? '' }));
    const tls: BackendTls = { hostname, names };
    const judged: Judged = { object, tls, gateways: new Map(), accepted: yes('Accepted', 'Accepted', 'Policy is accepted'), resolved: yes('ResolvedRefs', 'ResolvedRefs', 'All references are resolved') };
    const authorities: string[] = [];
    for (const ref of caCertificateRefs) {
      const found = this.#authority(object.metadata!.namespace!, ref);
      if (typeof found === 'string') authorities.push(found);
      else if (judged.resolved.status === 'True') judged.resolved = found;
    }
    if (caCertificateRefs.length > 0) {
      if (authorities.length === 0) judged.accepted = no('Accepted', 'NoValidCACertificate', judged.resolved.message);
      // Of none: nobody is believed.
      tls.authorities = authorities;
    } else if (wellKnownCACertificates !== 'System') {
      judged.accepted = no('Accepted', 'Invalid', `well-known certificates ${wellKnownCACertificates ?? ''} are not known here`);
      tls.authorities = [];
    }
    return judged;
  }

  #authority(namespace: string, { group = '', kind, name }: { group?: string; kind: string; name: string }): string | Finding {
    if (group !== '' || kind !== 'ConfigMap') return no('ResolvedRefs', 'InvalidKind', `a certificate authority of kind ${group ? `${group}/` : ''}${kind} is not supported`);
    const text = this.view.configMap(`${namespace}/${name}`)?.data?.['ca.crt'];
    const refuse = (why: string) => no('ResolvedRefs', 'InvalidCACertificateRef', `ConfigMap ${namespace}/${name} ${why}`);
    if (text === undefined) return refuse('does not exist, or has no ca.crt');
    try {
      new X509Certificate(text);
      return text;
    } catch {
      return refuse('has a ca.crt that is no certificate in PEM');
    }
  }
}

const targetsOf = ({ metadata, spec }: BackendTlsPolicy): string[] =>
  spec.targetRefs.flatMap(({ group = '', kind, name, sectionName = '' }) => (group === '' && kind === 'Service' ? [`${metadata!.namespace}/${name}/${sectionName}`] : []));
