import type { ClusterRole, PolicyRule } from '../api/index.ts';
import { equalJson } from '../api/json.ts';
import { selectorFromLabelSelector } from '../api/labels.ts';
import { resources, type Client, type Informer } from '../client/index.ts';
import { QueueController, type ControllerContext } from './controller.ts';

/** Writes into a role that is made of others what those allow. Mirrors pkg/controller/clusterroleaggregation. */
export class ClusterRoleAggregationController extends QueueController {
  readonly #roles: Informer<ClusterRole>;

  constructor(context: ControllerContext) {
    super(context, 'clusterrole-aggregation-controller');
    this.#roles = context.informers.informer(resources.clusterRoles);
    // Any role may be part of any other.
    const all = (cause: ClusterRole) => {
      for (const role of this.#roles.list()) if (role.aggregationRule) this.enqueue(role.metadata!.name!, cause);
    };
    this.#roles.on({ add: all, update: (_, role) => all(role), delete: all });
  }

  protected async sync(name: string, client: Client): Promise<void> {
    const role = this.#roles.get(name);
    if (!role?.aggregationRule) return;
    const rules: PolicyRule[] = [];
    for (const selector of role.aggregationRule.clusterRoleSelectors ?? []) {
      const chosen = selectorFromLabelSelector(selector);
      const parts = this.#roles.list().filter(({ metadata }) => metadata!.name !== name && chosen.matches(metadata?.labels));
      for (const part of parts.sort((a, b) => (a.metadata!.name! < b.metadata!.name! ? -1 : 1)))
        for (const rule of part.rules ?? []) if (!rules.some((known) => equalJson(known, rule))) rules.push(rule);
    }
    if (equalJson(role.rules ?? [], rules)) return;
    // With its uid, or one that has just been deleted would be made again.
    const wanted = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name, uid: role.metadata!.uid }, rules };
    await client.of(resources.clusterRoles).patch('', name, 'apply', wanted, { fieldManager: this.name, force: true });
  }
}
