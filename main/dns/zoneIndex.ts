import type { Answer, RecordType, SrvAnswer, StringAnswer } from 'dns-packet';
import { isIP, isIPv4, isIPv6 } from 'node:net';
import type { DnsService, DnsZone } from './records.ts';

/** Seconds that answers about the cluster may be kept; short, because pods come and go. */
export const ttl = 5;

/** Version of the specification that the names follow. */
const specification = '1.1.0';

export type ZoneAnswer =
  /** Not a name of this cluster: somebody else's resolver knows. */
  | { kind: 'foreign' }
  | { kind: 'nxdomain'; authority: Answer[] }
  /** `answers` is empty when the name has no record of that type; `alias` wants to be followed. */
  | { kind: 'answer'; answers: Answer[]; additionals: Answer[]; authority: Answer[]; alias?: string };

interface Endpoint {
  name: string;
  ip: string;
  ports: DnsService['ports'];
}

interface Entry {
  service: DnsService;
  fqdn: string;
  endpoints: Endpoint[];
}

/** Answers questions about a zone without searching it. Names are lower case and without the last dot. */
export class ZoneIndex {
  readonly #domain: string;
  readonly #namespaces: Set<string>;
  readonly #services = new Map<string, Entry>();
  readonly #reverse = new Map<string, string[]>();

  constructor(zone: DnsZone) {
    this.#domain = zone.domain.toLowerCase();
    this.#namespaces = new Set(zone.namespaces);
    for (const service of zone.services) {
      const fqdn = `${service.name}.${service.namespace}.svc.${this.#domain}`;
      const endpoints = service.endpoints.map(({ ip, hostname, ports }) => ({
        name: hostname?.toLowerCase() ?? dashed(ip),
        ip,
        ports,
      }));
      this.#services.set(`${service.name}.${service.namespace}`, { service, fqdn, endpoints });
      for (const ip of service.clusterIPs) this.#addReverse(ip, fqdn);
      for (const endpoint of endpoints) this.#addReverse(endpoint.ip, `${endpoint.name}.${fqdn}`);
    }
  }

  lookup(name: string, type: RecordType): ZoneAnswer {
    if (name.endsWith('.in-addr.arpa') || name.endsWith('.ip6.arpa')) {
      const names = this.#reverse.get(name);
      // Addresses that are not of this cluster have names elsewhere.
      if (!names) return { kind: 'foreign' };
      return this.#answers(type === 'PTR' ? names.map((data) => record('PTR', name, data)) : []);
    }
    if (name === this.#domain) return this.#apex(name, type);
    if (!name.endsWith(`.${this.#domain}`)) return { kind: 'foreign' };
    const labels = name.slice(0, -this.#domain.length - 1).split('.');
    if (labels.length === 1 && labels[0] === 'dns-version')
      return this.#answers(type === 'TXT' ? [{ type: 'TXT', name, ttl, class: 'IN', data: specification }] : []);
    const kind = labels.pop()!;
    if (kind !== 'svc' && kind !== 'pod') return this.#nothing();
    if (labels.length === 0) return this.#answers([]);
    const namespace = labels.pop()!;
    if (!this.#namespaces.has(namespace)) return this.#nothing();
    if (labels.length === 0) return this.#answers([]);
    return kind === 'pod' ? this.#pod(name, labels, type) : this.#service(name, labels, namespace, type);
  }

  #apex(name: string, type: RecordType): ZoneAnswer {
    if (type === 'SOA') return this.#answers([this.#soa()]);
    if (type === 'NS') return this.#answers([record('NS', name, `ns.dns.${this.#domain}`)]);
    return this.#answers([]);
  }

  /** `1-2-3-4.namespace.pod.cluster.local` */
  #pod(name: string, labels: string[], type: RecordType): ZoneAnswer {
    if (labels.length !== 1) return this.#nothing();
    const v4 = labels[0]!.replace(/-/g, '.');
    if (isIPv4(v4)) return this.#answers(type === 'A' ? [record('A', name, v4)] : []);
    const v6 = labels[0]!.replace(/-/g, ':');
    if (isIPv6(v6)) return this.#answers(type === 'AAAA' ? [record('AAAA', name, v6)] : []);
    return this.#nothing();
  }

  #service(name: string, labels: string[], namespace: string, type: RecordType): ZoneAnswer {
    const entry = this.#services.get(`${labels.pop()!}.${namespace}`);
    if (!entry) return this.#nothing();
    const { service } = entry;
    if (labels.length === 0) {
      if (service.externalName !== undefined) return this.#alias(name, service.externalName, type);
      if (service.clusterIPs.length > 0)
        return type === 'SRV' ? this.#srv(name, entry) : this.#addresses(name, service.clusterIPs, type);
      // A headless Service without endpoints has no name at all, as CoreDNS has it.
      if (entry.endpoints.length === 0) return this.#nothing();
      return type === 'SRV'
        ? this.#srv(name, entry)
        : this.#addresses(
            name,
            entry.endpoints.map((endpoint) => endpoint.ip),
            type,
          );
    }
    if (labels.length === 2 && labels[0]!.startsWith('_') && labels[1]!.startsWith('_'))
      return this.#port(name, entry, labels[0]!.slice(1), labels[1]!.slice(1), type);
    if (labels.length === 1 && !labels[0]!.startsWith('_')) {
      const found = entry.endpoints.filter((endpoint) => endpoint.name === labels[0]);
      if (found.length === 0) return this.#nothing();
      return this.#addresses(
        name,
        found.map((endpoint) => endpoint.ip),
        type,
      );
    }
    return this.#nothing();
  }

  /** `_http._tcp.web.default.svc.cluster.local` */
  #port(name: string, entry: Entry, port: string, protocol: string, type: RecordType): ZoneAnswer {
    const wanted = (candidate: DnsService['ports'][number]) =>
      candidate.name.toLowerCase() === port && candidate.protocol.toLowerCase() === protocol;
    const known =
      entry.service.clusterIPs.length > 0
        ? entry.service.ports.some(wanted)
        : entry.endpoints.some(({ ports }) => ports.some(wanted));
    if (!known) return this.#nothing();
    if (type === 'SRV') return this.#srv(name, entry, wanted);
    const ips =
      entry.service.clusterIPs.length > 0
        ? entry.service.clusterIPs
        : entry.endpoints.filter(({ ports }) => ports.some(wanted)).map(({ ip }) => ip);
    return this.#addresses(name, ips, type);
  }

  #srv(
    name: string,
    { service, fqdn, endpoints }: Entry,
    wanted: (port: DnsService['ports'][number]) => boolean = () => true,
  ): ZoneAnswer {
    const answers: SrvAnswer[] = [];
    const additionals: Answer[] = [];
    const add = (port: number, target: string, ips: string[]) => {
      // A pod of two families of addresses is one place.
      if (!answers.some(({ data }) => data.port === port && data.target === target)) answers.push({ type: 'SRV', name, ttl, class: 'IN', data: { priority: 0, weight: 0, port, target } });
      for (const ip of ips) additionals.push(record(family(ip), target, ip));
    };
    if (service.clusterIPs.length > 0)
      for (const { port } of service.ports.filter(wanted)) add(port, fqdn, service.clusterIPs);
    else
      for (const endpoint of endpoints)
        for (const { port } of endpoint.ports.filter(wanted)) add(port, `${endpoint.name}.${fqdn}`, [endpoint.ip]);
    const weight = Math.max(1, Math.floor(100 / Math.max(1, answers.length)));
    for (const answer of answers) answer.data.weight = weight;
    return { ...this.#answers(answers), additionals: unique(additionals) };
  }

  #alias(name: string, target: string, type: RecordType): ZoneAnswer {
    const alias = target.toLowerCase().replace(/\.$/, '');
    // Some give an address for a name.
    if (isIP(alias)) return this.#addresses(name, [alias], type);
    const answer = this.#answers([record('CNAME', name, alias)]);
    return type === 'CNAME' ? answer : { ...answer, alias };
  }

  #addresses(name: string, ips: string[], type: RecordType): ZoneAnswer & { kind: 'answer' } {
    return this.#answers(unique(ips.filter((ip) => family(ip) === type).map((ip) => record(family(ip), name, ip))));
  }

  #answers(answers: Answer[]): ZoneAnswer & { kind: 'answer' } {
    return { kind: 'answer', answers, additionals: [], authority: answers.length > 0 ? [] : [this.#soa()] };
  }

  #nothing(): ZoneAnswer {
    return { kind: 'nxdomain', authority: [this.#soa()] };
  }

  #soa(): Answer {
    const data = {
      mname: `ns.dns.${this.#domain}`,
      rname: `hostmaster.${this.#domain}`,
      serial: 1,
      refresh: 7200,
      retry: 1800,
      expire: 86400,
      minimum: ttl,
    };
    return { type: 'SOA', name: this.#domain, ttl, class: 'IN', data };
  }

  #addReverse(ip: string, fqdn: string): void {
    const name = reverseName(ip);
    const names = this.#reverse.get(name);
    if (!names) this.#reverse.set(name, [fqdn]);
    else if (!names.includes(fqdn)) names.push(fqdn);
  }
}

const dashed = (ip: string): string => ip.replace(/[.:]/g, '-');

const family = (ip: string): 'A' | 'AAAA' => (ip.includes(':') ? 'AAAA' : 'A');

function record(type: 'A' | 'AAAA' | 'CNAME' | 'NS' | 'PTR', name: string, data: string): StringAnswer {
  return { type, name, ttl, class: 'IN', data };
}

function unique<T extends Answer>(answers: T[]): T[] {
  const seen = new Set<string>();
  return answers.filter((answer) => {
    const key = JSON.stringify(answer);
    return !seen.has(key) && seen.add(key);
  });
}

/** The name under which an address is looked up: `4.3.2.1.in-addr.arpa`. */
function reverseName(ip: string): string {
  if (!ip.includes(':')) return `${ip.split('.').reverse().join('.')}.in-addr.arpa`;
  const [head = '', tail] = ip.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const all = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  const digits = all.map((group) => group.padStart(4, '0')).join('');
  return `${[...digits].reverse().join('.')}.ip6.arpa`;
}
