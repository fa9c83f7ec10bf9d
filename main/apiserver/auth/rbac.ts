import type { ClusterRole, ClusterRoleBinding, PolicyRule, RbacSubject, Role, RoleBinding, RoleRef } from '../../api/index.ts';
import { selectorFromLabelSelector } from '../../api/labels.ts';
import type { Store } from '../../store/index.ts';
import { LiveObjects } from './liveObjects.ts';
import { describeRules, missingRules, ruleAllows, type RequestAttributes } from './rules.ts';
import { usernameOf } from './serviceAccountTokens.ts';
import type { Authorizer, Decision, RequestInfo, UserInfo } from './types.ts';

const group = 'rbac.authorization.k8s.io';

interface Grant {
  roleRef: RoleRef;
  /** Empty for a ClusterRoleBinding. */
  namespace: string;
  /** `ClusterRoleBinding "x" of ClusterRole "y" to Group "z"`, as reasons name it. */
  source: string;
}

/**
 * Who may do what by roles and bindings. The bindings are indexed by subject and kept up to date by watches, so that a
 * request costs some lookups. Mirrors plugin/pkg/auth/authorizer/rbac and pkg/registry/rbac/validation/rule.go.
 */
export class RbacAuthorizer implements Authorizer {
  readonly #roles: LiveObjects<Role>;
  readonly #clusterRoles: LiveObjects<ClusterRole>;
  readonly #roleBindings: LiveObjects<RoleBinding>;
  readonly #clusterRoleBindings: LiveObjects<ClusterRoleBinding>;
  /** `user:name` or `group:name` → its cluster-wide grants; made again after a binding changed. */
  #clusterGrants = new Map<string, Grant[]>();
  /** Namespace → the same. */
  #grants = new Map<string, Map<string, Grant[]>>();
  #aggregated = new Map<string, PolicyRule[]>();
  #indexed = { cluster: -1, namespaced: -1, roles: -1 };

  constructor(store: Store) {
    this.#roles = new LiveObjects(store, { group, resource: 'roles' });
    this.#clusterRoles = new LiveObjects(store, { group, resource: 'clusterroles' });
    this.#roleBindings = new LiveObjects(store, { group, resource: 'rolebindings' });
    this.#clusterRoleBindings = new LiveObjects(store, { group, resource: 'clusterrolebindings' });
  }

  authorize(user: UserInfo, info: RequestInfo): Decision | Promise<Decision> {
    if (user.groups.includes('system:masters')) return { allowed: true, reason: '' };
    return this.#ready ? this.#decide(user, info) : this.load().then(() => this.#decide(user, info));
  }

  /** Reads roles and bindings; requests that come before wait for it. */
  async load(): Promise<void> {
    await Promise.all(this.#all.map((objects) => objects.load()));
  }

  close(): void {
    for (const objects of this.#all) objects.close();
  }

  /** All rules that a user has in a namespace (and, with '', in the cluster). */
  async rulesFor(user: UserInfo, namespace: string): Promise<PolicyRule[]> {
    await this.load();
    return this.#grantsOf(user, namespace).flatMap((grant) => this.#rulesOf(grant.roleRef, grant.namespace) ?? []);
  }

  /** The rules of a role that a binding names; undefined when it is not there. */
  async rulesOfRole(roleRef: RoleRef, namespace: string): Promise<PolicyRule[] | undefined> {
    await this.load();
    return this.#rulesOf(roleRef, namespace);
  }

  /** Why a user may not hand out these rules: they hold less themselves. Undefined when they may. */
  async escalation(user: UserInfo, namespace: string, rules: readonly PolicyRule[]): Promise<string | undefined> {
    if (user.groups.includes('system:masters')) return undefined;
    const missing = missingRules(await this.rulesFor(user, namespace), rules);
    if (!missing.length) return undefined;
    const groups = `[${user.groups.map((name) => JSON.stringify(name)).join(' ')}]`;
    return `user ${JSON.stringify(user.name)} (groups=${groups}) is attempting to grant RBAC permissions not currently held:\n${describeRules(missing).join('\n')}`;
  }

  /** Whether RBAC allows something that is no request of its own: the verbs `bind` and `escalate`. */
  async allows(user: UserInfo, namespace: string, attributes: RequestAttributes): Promise<boolean> {
    if (user.groups.includes('system:masters')) return true;
    return (await this.rulesFor(user, namespace)).some((rule) => ruleAllows(rule, attributes));
  }

  get #all(): LiveObjects<Role>[] {
    return [this.#roles, this.#clusterRoles, this.#roleBindings, this.#clusterRoleBindings] as LiveObjects<Role>[];
  }

  get #ready(): boolean {
    return this.#roles.ready && this.#clusterRoles.ready && this.#roleBindings.ready && this.#clusterRoleBindings.ready;
  }

  #decide(user: UserInfo, info: RequestInfo): Decision {
    const missing: string[] = [];
    for (const grant of this.#grantsOf(user, info.isResourceRequest ? info.namespace : '')) {
      const rules = this.#rulesOf(grant.roleRef, grant.namespace);
      if (!rules) missing.push(`${grant.roleRef.kind.toLowerCase()}.${group} ${JSON.stringify(grant.roleRef.name)} not found`);
      else if (rules.some((rule) => ruleAllows(rule, info))) return { allowed: true, reason: `RBAC: allowed by ${grant.source}` };
    }
    const why = missing.length > 1 ? `[${missing.join(', ')}]` : missing[0];
    return { allowed: false, reason: why ? `RBAC: ${why}` : '' };
  }

  #rulesOf({ kind, name }: RoleRef, namespace: string): PolicyRule[] | undefined {
    if (kind === 'Role') {
      const role = this.#roles.get(namespace, name);
      return role && (role.rules ?? []);
    }
    const role = this.#clusterRoles.get('', name);
    return role && (role.aggregationRule ? this.#aggregatedRules(role) : (role.rules ?? []));
  }

  /** A role made of others has their rules at once, before a controller writes them into it. */
  #aggregatedRules(role: ClusterRole): PolicyRule[] {
    if (this.#indexed.roles !== this.#clusterRoles.version) {
      this.#aggregated = new Map();
      this.#indexed.roles = this.#clusterRoles.version;
    }
    const name = role.metadata!.name!;
    const known = this.#aggregated.get(name);
    if (known) return known;
    const rules = [...(role.rules ?? [])];
    // Set first: roles that aggregate each other end here.
    this.#aggregated.set(name, rules);
    const selectors = role.aggregationRule!.clusterRoleSelectors?.map(selectorFromLabelSelector) ?? [];
    for (const other of this.#clusterRoles.all()) {
      if (other === role || !selectors.some((selector) => selector.matches(other.metadata?.labels))) continue;
      rules.push(...(other.aggregationRule ? this.#aggregatedRules(other) : (other.rules ?? [])));
    }
    return rules;
  }

  #grantsOf(user: UserInfo, namespace: string): Grant[] {
    this.#index();
    const keys = [`user:${user.name}`, ...user.groups.map((name) => `group:${name}`)];
    const grants: Grant[] = [];
    const seen = new Set<Grant>();
    const take = (index: Map<string, Grant[]> | undefined) => {
      for (const key of keys)
        for (const grant of index?.get(key) ?? []) {
          if (seen.has(grant)) continue;
          seen.add(grant);
          grants.push(grant);
        }
    };
    take(this.#clusterGrants);
    if (namespace) take(this.#grants.get(namespace));
    return grants;
  }

  #index(): void {
    if (this.#indexed.cluster !== this.#clusterRoleBindings.version) {
      this.#clusterGrants = new Map();
      for (const binding of this.#clusterRoleBindings.all()) add(this.#clusterGrants, binding, 'ClusterRoleBinding');
      this.#indexed.cluster = this.#clusterRoleBindings.version;
    }
    if (this.#indexed.namespaced !== this.#roleBindings.version) {
      this.#grants = new Map();
      for (const binding of this.#roleBindings.all()) {
        const namespace = binding.metadata!.namespace!;
        let index = this.#grants.get(namespace);
        if (!index) this.#grants.set(namespace, (index = new Map()));
        add(index, binding, 'RoleBinding');
      }
      this.#indexed.namespaced = this.#roleBindings.version;
    }
  }
}

function add(index: Map<string, Grant[]>, binding: ClusterRoleBinding | RoleBinding, kind: string): void {
  const namespace = binding.metadata?.namespace ?? '';
  const name = binding.metadata!.name!;
  for (const subject of binding.subjects ?? []) {
    const key = keyOf(subject, namespace);
    if (!key) continue;
    const shown = subject.kind === 'ServiceAccount' ? `${subject.name}/${subject.namespace || namespace}` : subject.name;
    const grant: Grant = {
      roleRef: binding.roleRef,
      namespace,
      source: `${kind} ${JSON.stringify(namespace ? `${name}/${namespace}` : name)} of ${binding.roleRef.kind} ${JSON.stringify(binding.roleRef.name)} to ${subject.kind} ${JSON.stringify(shown)}`,
    };
    const grants = index.get(key);
    if (grants) grants.push(grant);
    else index.set(key, [grant]);
  }
}

function keyOf(subject: RbacSubject, namespace: string): string | undefined {
  switch (subject.kind) {
    case 'User':
      return `user:${subject.name}`;
    case 'Group':
      return `group:${subject.name}`;
    case 'ServiceAccount': {
      const of = subject.namespace || namespace;
      return of ? `user:${usernameOf(of, subject.name)}` : undefined;
    }
    default:
      return undefined;
  }
}
