import { createHash } from 'node:crypto';
import type { KubeObject } from '../../api/meta.ts';
import type { AggregatedGroup, Aggregator } from '../aggregation/index.ts';
import type { Answer, Call } from '../call.ts';
import { streamSubresources } from '../streaming/subresources.ts';
import type { ResourceTable } from '../registry/resources.ts';
import type { ResourceDefinition, Strategy } from '../registry/strategy.ts';

const allVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

// The order in which clients prefer groups when a name occurs in several
// (upstream: pkg/controlplane/apiserver/aggregator.go, DefaultGenericAPIServicePriorities).
const groupOrder = [
  '', 'apps', 'events.k8s.io', 'authentication.k8s.io', 'authorization.k8s.io', 'autoscaling', 'batch', 'certificates.k8s.io',
  'networking.k8s.io', 'policy', 'rbac.authorization.k8s.io', 'storage.k8s.io', 'apiextensions.k8s.io', 'admissionregistration.k8s.io',
  'scheduling.k8s.io', 'coordination.k8s.io', 'node.k8s.io', 'discovery.k8s.io', 'flowcontrol.apiserver.k8s.io',
];

interface Version {
  group: string;
  version: string;
  strategies: Strategy[];
}

/** What there is to ask for. Mirrors k8s.io/apiserver/pkg/endpoints/discovery. */
export class Discovery {
  #computedFor = -1;
  #othersComputedFor = -1;
  #groups = new Map<string, Version[]>();
  readonly #aggregated = new Map<string, { etag: string; body: string }>();

  constructor(
    private readonly resources: ResourceTable,
    private readonly serverAddress: () => string,
    /** Other servers and what they serve. */
    private readonly aggregator: Pick<Aggregator, 'version' | 'groups'>,
  ) {}

  /** Answers `/api`, `/apis` and what lies under them; undefined: nothing is there. */
  answer(call: Call): Answer | undefined {
    this.#refresh();
    const [root, ...rest] = call.info.path.split('/').filter((part) => part !== '');
    if (root === 'api') return this.#core(call, rest);
    if (root === 'apis') return this.#named(call, rest);
    return undefined;
  }

  #core(call: Call, rest: string[]): Answer | undefined {
    if (rest.length === 0) return this.#aggregate(call, true) ?? object({ kind: 'APIVersions', versions: this.#versions('').map((v) => v.version), serverAddressByClientCIDRs: this.#addresses() });
    return rest.length === 1 ? this.#resourceList('', rest[0]!) : undefined;
  }

  #named(call: Call, rest: string[]): Answer | undefined {
    const [group, version, ...more] = rest;
    if (group === undefined) {
      const groups = [...[...this.#groups.keys()].filter((g) => g !== '').map((g) => this.#group(g, false)), ...this.#others.map((other) => groupOf(other.group, other.versions, false))];
      return this.#aggregate(call, false) ?? object({ kind: 'APIGroupList', apiVersion: 'v1', groups });
    }
    const other = this.#others.find((candidate) => candidate.group === group);
    if (other && version === undefined) return object(groupOf(group, other.versions, true));
    if (!this.#groups.has(group) || group === '' || more.length) return undefined;
    return version === undefined ? object(this.#group(group, true)) : this.#resourceList(group, version);
  }

  #group(group: string, alone: boolean): object {
    return groupOf(group, this.#versions(group), alone);
  }

  /** Groups that only other servers serve. */
  get #others(): AggregatedGroup[] {
    return this.aggregator.groups().filter(({ group }) => !this.#groups.has(group));
  }

  #resourceList(group: string, version: string): Answer | undefined {
    const found = this.#versions(group).find((v) => v.version === version);
    if (!found) return undefined;
    const groupVersion = group ? `${group}/${version}` : version;
    return object({ kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: found.strategies.flatMap((strategy) => listed(strategy)) });
  }

  /** One document for all of it, when the client asks for that. */
  #aggregate(call: Call, core: boolean): Answer | undefined {
    const version = aggregatedVersion(call.accept);
    if (!version) return undefined;
    const key = `${core ? 'api' : 'apis'} ${version}`;
    let document = this.#aggregated.get(key);
    if (!document) {
      const items = [...this.#groups.keys()].filter((group) => (group === '') === core).map((group) => this.#aggregatedGroup(group));
      if (!core) for (const { group, versions } of this.#others) items.push({ metadata: { name: group, creationTimestamp: null }, versions });
      const body = JSON.stringify({ kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${version}`, metadata: {}, items });
      document = { body, etag: `"${createHash('sha512').update(body).digest('hex').toUpperCase()}"` };
      this.#aggregated.set(key, document);
    }
    const contentType = `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
    const headers = { etag: document.etag, vary: 'Accept' };
    if (call.ifNoneMatch === document.etag) return { type: 'text', code: 304, contentType, body: '', headers };
    return { type: 'text', code: 200, contentType, body: document.body, headers };
  }

  #aggregatedGroup(group: string): object {
    return {
      metadata: { ...(group ? { name: group } : {}), creationTimestamp: null },
      versions: this.#versions(group).map(({ version, strategies }) => ({
        version,
        resources: strategies.map((strategy) => aggregatedResource(strategy)),
        freshness: 'Current',
      })),
    };
  }

  #versions(group: string): Version[] {
    return this.#groups.get(group) ?? [];
  }

  #addresses(): object[] {
    return [{ clientCIDR: '0.0.0.0/0', serverAddress: this.serverAddress() }];
  }

  #refresh(): void {
    if (this.#othersComputedFor !== this.aggregator.version) this.#aggregated.clear();
    this.#othersComputedFor = this.aggregator.version;
    if (this.#computedFor === this.resources.version) return;
    this.#computedFor = this.resources.version;
    this.#aggregated.clear();
    const groups = new Map<string, Version[]>();
    for (const { strategy } of this.resources.all()) {
      const { group, version } = strategy.definition;
      const versions = groups.get(group) ?? [];
      groups.set(group, versions);
      let at = versions.find((v) => v.version === version);
      if (!at) versions.push((at = { group, version, strategies: [] }));
      at.strategies.push(strategy);
    }
    for (const versions of groups.values()) {
      versions.sort((a, b) => compareVersions(b.version, a.version));
      for (const { strategies } of versions) strategies.sort((a, b) => (a.definition.resource < b.definition.resource ? -1 : 1));
    }
    const rank = (group: string) => (groupOrder.includes(group) ? groupOrder.indexOf(group) : groupOrder.length);
    this.#groups = new Map([...groups].sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1)));
  }
}

function groupOf(name: string, served: readonly { version: string }[], alone: boolean): object {
  const versions = served.map(({ version }) => ({ groupVersion: `${name}/${version}`, version }));
  return { ...(alone ? { kind: 'APIGroup', apiVersion: 'v1' } : {}), name, versions, preferredVersion: versions[0] };
}

const object = (value: object): Answer => ({ type: 'object', code: 200, object: value as KubeObject });

function aggregatedVersion(accept: string | undefined): 'v2' | 'v2beta1' | undefined {
  if (!accept?.includes('APIGroupDiscoveryList')) return undefined;
  for (const clause of accept.split(',')) {
    const parts = clause.split(';').map((part) => part.trim());
    if (parts[0] !== 'application/json') continue;
    if (!parts.includes('as=APIGroupDiscoveryList')) return undefined;
    if (parts.includes('v=v2')) return 'v2';
    if (parts.includes('v=v2beta1')) return 'v2beta1';
  }
  return undefined;
}

const verbsOf = ({ verbs }: ResourceDefinition) => [...(verbs ?? allVerbs)].sort();

/** What lies under an object, by name: kind and verbs. */
function partsOf(strategy: Strategy) {
  const { definition } = strategy;
  const parts = Object.entries(strategy.subresources ?? {}).map(([name, { kind, verbs }]) => ({ name, kind, verbs: [...verbs].sort() }));
  for (const stream of streamSubresources)
    if (stream.group === definition.group && stream.resource === definition.resource)
      parts.push({ name: stream.subresource, kind: { group: '', version: 'v1', kind: stream.kind }, verbs: stream.verbs });
  return parts.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function listed(strategy: Strategy): object[] {
  const { definition } = strategy;
  const own = (kind: { group: string; version: string }) =>
    kind.group === definition.group && kind.version === definition.version ? {} : { group: kind.group, version: kind.version };
  return [
    {
      name: definition.resource,
      singularName: definition.singular,
      namespaced: definition.namespaced,
      kind: definition.kind,
      verbs: verbsOf(definition),
      ...(definition.shortNames.length ? { shortNames: definition.shortNames } : {}),
      ...(definition.categories.length ? { categories: definition.categories } : {}),
      ...(verbsOf(definition).includes('list') ? { storageVersionHash: storageVersionHash(strategy) } : {}),
    },
    ...partsOf(strategy).map(({ name, kind, verbs }) => ({
      name: `${definition.resource}/${name}`,
      singularName: '',
      namespaced: definition.namespaced,
      ...own(kind),
      kind: kind.kind,
      verbs,
    })),
  ];
}

/** By which clients notice that objects are stored in another version now. Mirrors discovery/storageversionhash.go. */
function storageVersionHash({ definition, storedAs }: Strategy): string {
  const { group, version, kind } = storedAs?.definition ?? definition;
  const stored = `${group}/${definition.storedVersion ?? version}/${kind}`;
  return createHash('sha256').update(stored).digest().subarray(0, 8).toString('base64');
}

function aggregatedResource(strategy: Strategy): object {
  const { definition } = strategy;
  const parts = partsOf(strategy);
  return {
    resource: definition.resource,
    responseKind: { group: definition.group, version: definition.version, kind: definition.kind },
    scope: definition.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: definition.singular,
    verbs: verbsOf(definition),
    ...(definition.shortNames.length ? { shortNames: definition.shortNames } : {}),
    ...(definition.categories.length ? { categories: definition.categories } : {}),
    ...(parts.length
      ? {
          subresources: parts.map(({ name, kind, verbs }) => ({
            subresource: name,
            responseKind: { group: kind.group, version: kind.version, kind: kind.kind },
            verbs,
          })),
        }
      : {}),
  };
}

/** v2 before v1 before v1beta2 before v1beta1 before v1alpha1 (upstream: apimachinery/pkg/version/helpers.go). */
function compareVersions(a: string, b: string): number {
  const parse = (text: string) => {
    const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(text);
    if (!match) return [-1, 0, 0];
    return [match[2] === 'alpha' ? 0 : match[2] === 'beta' ? 1 : 2, Number(match[1]), Number(match[3] ?? 0)];
  };
  const left = parse(a);
  const right = parse(b);
  for (let i = 0; i < 3; i++) if (left[i] !== right[i]) return left[i]! - right[i]!;
  return a < b ? -1 : 1;
}
