import type { FlowcontrolSubject, FlowSchema, NonResourcePolicyRule, PolicyRulesWithSubjects, PriorityLevelConfiguration, ResourcePolicyRule } from '../api/index.ts';
import type { Store } from '../store/index.ts';
import { LiveObjects } from './auth/liveObjects.ts';
import type { RequestInfo, UserInfo } from './auth/types.ts';

/** Which flow a request belongs to: the uids of its schema and of the priority level that it names. */
export interface Flow {
  schema: string;
  level: string;
}

const group = 'flowcontrol.apiserver.k8s.io';

/**
 * Says by the cluster's flow schemas which flow a request is of; answers tell the client in two headers.
 * Mirrors k8s.io/apiserver/pkg/util/flowcontrol (rule.go, apf_controller.go); how many run at once is Inflight's business.
 */
export class FlowControl {
  readonly #schemas: LiveObjects<FlowSchema>;
  readonly #levels: LiveObjects<PriorityLevelConfiguration>;
  #sorted: FlowSchema[] = [];
  #sortedFor = -1;

  constructor(store: Store) {
    this.#schemas = new LiveObjects(store, { group, resource: 'flowschemas' });
    this.#levels = new LiveObjects(store, { group, resource: 'prioritylevelconfigurations' });
  }

  /** undefined as long as the schemas have not been read. */
  classify(user: UserInfo, info: RequestInfo): Flow | undefined {
    if (!this.#schemas.ready || !this.#levels.ready) {
      // Requests do not wait for this; the first ones go without.
      void Promise.all([this.#schemas.load(), this.#levels.load()]).catch(() => undefined);
      return undefined;
    }
    if (this.#sortedFor !== this.#schemas.version) this.#sort();
    for (const schema of this.#sorted) {
      if (!schema.spec?.rules?.some((rule) => matches(rule, user, info))) continue;
      const level = this.#levels.get('', schema.spec.priorityLevelConfiguration.name);
      if (level) return { schema: schema.metadata!.uid!, level: level.metadata!.uid! };
    }
    return undefined;
  }

  close(): void {
    this.#schemas.close();
    this.#levels.close();
  }

  /** By precedence, and by name where that is the same. */
  #sort(): void {
    this.#sortedFor = this.#schemas.version;
    const precedence = ({ spec }: FlowSchema) => spec?.matchingPrecedence ?? 0;
    this.#sorted = [...this.#schemas.all()].sort((a, b) => precedence(a) - precedence(b) || (a.metadata!.name! < b.metadata!.name! ? -1 : 1));
  }
}

function matches({ subjects = [], resourceRules = [], nonResourceRules = [] }: PolicyRulesWithSubjects, user: UserInfo, info: RequestInfo): boolean {
  if (!subjects.some((subject) => isSubject(subject, user))) return false;
  return info.isResourceRequest ? resourceRules.some((rule) => ofResource(rule, info)) : nonResourceRules.some((rule) => ofPath(rule, info));
}

function isSubject({ user, group, serviceAccount }: FlowcontrolSubject, who: UserInfo): boolean {
  if (user) return user.name === '*' || user.name === who.name;
  if (group) return group.name === '*' || who.groups.includes(group.name);
  if (!serviceAccount) return false;
  const { namespace, name } = serviceAccount;
  const prefix = `system:serviceaccount:${namespace}:`;
  return name === '*' ? who.name.startsWith(prefix) : who.name === prefix + name;
}

const has = (list: readonly string[] | undefined, value: string) => list !== undefined && (list.includes('*') || list.includes(value));

function ofResource(rule: ResourcePolicyRule, { verb, group, resource, subresource, namespace }: RequestInfo): boolean {
  const what = subresource ? `${resource}/${subresource}` : resource;
  return has(rule.verbs, verb) && has(rule.apiGroups, group) && has(rule.resources, what) && (namespace ? has(rule.namespaces, namespace) : rule.clusterScope === true);
}

function ofPath(rule: NonResourcePolicyRule, { verb, path }: RequestInfo): boolean {
  return has(rule.verbs, verb) && rule.nonResourceURLs.some((url) => url === '*' || url === path || (url.endsWith('/*') && path.startsWith(url.slice(0, -1))));
}
