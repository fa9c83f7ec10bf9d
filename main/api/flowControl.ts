import type { FlowSchema, FlowSchemaSpec, FlowcontrolSubject, PolicyRulesWithSubjects, PriorityLevelConfiguration, PriorityLevelConfigurationSpec } from './index.ts';

/*
 * The flow schemas and priority levels that every cluster has: mandatory ones, whose specs are fixed, and suggested ones.
 * Mirrors k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap/default.go.
 */

const apiVersion = 'flowcontrol.apiserver.k8s.io/v1';
/** Whether the server may bring the object up to date; whoever changes it sets `false`. */
export const autoUpdate = 'apf.kubernetes.io/autoupdate-spec';
const metadata = (name: string) => ({ name, annotations: { [autoUpdate]: 'true' } });

const level = (name: string, spec: PriorityLevelConfigurationSpec): PriorityLevelConfiguration => ({
  apiVersion, kind: 'PriorityLevelConfiguration', metadata: metadata(name), spec,
});

const queued = (name: string, nominalConcurrencyShares: number, lendablePercent: number, queues: number, handSize: number) =>
  level(name, {
    type: 'Limited',
    limited: { nominalConcurrencyShares, lendablePercent, limitResponse: { type: 'Queue', queuing: { queues, handSize, queueLengthLimit: 50 } } },
  });

export const mandatoryLevels = [
  level('exempt', { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } }),
  level('catch-all', { type: 'Limited', limited: { nominalConcurrencyShares: 5, lendablePercent: 0, limitResponse: { type: 'Reject' } } }),
];

export const suggestedLevels = [
  queued('system', 30, 33, 64, 6),
  queued('node-high', 40, 25, 64, 6),
  queued('leader-election', 10, 0, 16, 4),
  queued('workload-high', 40, 50, 128, 6),
  queued('workload-low', 100, 90, 128, 6),
  queued('global-default', 20, 50, 128, 6),
];

const groups = (...names: string[]): FlowcontrolSubject[] => names.map((name) => ({ kind: 'Group', group: { name } }));
const users = (...names: string[]): FlowcontrolSubject[] => names.map((name) => ({ kind: 'User', user: { name } }));
const systemAccounts: FlowcontrolSubject[] = [{ kind: 'ServiceAccount', serviceAccount: { name: '*', namespace: 'kube-system' } }];
const everybody = groups('system:unauthenticated', 'system:authenticated');

const rule = (verbs: string[], apiGroups: string[], resources: string[], clusterScope: boolean) => ({
  verbs, apiGroups, resources, ...(clusterScope ? { clusterScope } : {}), namespaces: ['*'],
});
const everything = (subjects: FlowcontrolSubject[]): PolicyRulesWithSubjects => ({
  subjects,
  resourceRules: [rule(['*'], ['*'], ['*'], true)],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
});

function schema(name: string, levelName: string, matchingPrecedence: number, distinguisher: 'ByUser' | 'ByNamespace' | undefined, rules: PolicyRulesWithSubjects): FlowSchema {
  const spec: FlowSchemaSpec = {
    priorityLevelConfiguration: { name: levelName },
    matchingPrecedence,
    ...(distinguisher ? { distinguisherMethod: { type: distinguisher } } : {}),
    rules: [rules],
  };
  return { apiVersion, kind: 'FlowSchema', metadata: metadata(name), spec };
}

export const mandatorySchemas = [
  schema('exempt', 'exempt', 1, undefined, everything(groups('system:masters'))),
  schema('catch-all', 'catch-all', 10000, 'ByUser', everything(everybody)),
];

export const suggestedSchemas = [
  schema('probes', 'exempt', 2, undefined, { subjects: everybody, nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }] }),
  schema('system-leader-election', 'leader-election', 100, 'ByUser', {
    subjects: [...users('system:kube-controller-manager', 'system:kube-scheduler'), ...systemAccounts],
    resourceRules: [rule(['get', 'create', 'update'], ['coordination.k8s.io'], ['leases'], false)],
  }),
  schema('system-node-high', 'node-high', 400, 'ByUser', {
    subjects: groups('system:nodes'),
    resourceRules: [rule(['*'], [''], ['nodes', 'nodes/status'], true), rule(['*'], ['coordination.k8s.io'], ['leases'], false)],
  }),
  schema('system-nodes', 'system', 500, 'ByUser', everything(groups('system:nodes'))),
  schema('kube-controller-manager', 'workload-high', 800, 'ByNamespace', everything(users('system:kube-controller-manager'))),
  schema('kube-scheduler', 'workload-high', 800, 'ByNamespace', everything(users('system:kube-scheduler'))),
  schema('kube-system-service-accounts', 'workload-high', 900, 'ByNamespace', everything(systemAccounts)),
  schema('service-accounts', 'workload-low', 9000, 'ByUser', everything(groups('system:serviceaccounts'))),
  schema('global-default', 'global-default', 9900, 'ByUser', everything(everybody)),
];
