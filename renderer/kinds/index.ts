import type { Component } from 'vue';
import { defineAsyncComponent } from 'vue';
import type { KubeObject } from '../../main/api/meta.ts';
import { resourceId, type Resource } from '../client/index.ts';
import { lazy } from '../lazy.ts';
import type { KindDetails, KindList } from './types.ts';

/**
 * Which folder speaks for which kind. A folder may hold `list.ts` (columns), `details.ts` (summary, tabs, actions)
 * and `form.vue` (creating one); what it lacks, and every kind without a folder, is shown generically.
 */
const folders: Record<string, string> = {
  pods: 'pod',
  'deployments.apps': 'deployment',
  'replicasets.apps': 'replicaset',
  'statefulsets.apps': 'statefulset',
  'daemonsets.apps': 'daemonset',
  'jobs.batch': 'job',
  'cronjobs.batch': 'cronjob',
  'ingresses.networking.k8s.io': 'ingress',
  'networkpolicies.networking.k8s.io': 'networkpolicy',
  'poddisruptionbudgets.policy': 'poddisruptionbudget',
  resourcequotas: 'resourcequota',
  'horizontalpodautoscalers.autoscaling': 'horizontalpodautoscaler',
  services: 'service',
  configmaps: 'configmap',
  secrets: 'secret',
  persistentvolumes: 'persistentvolume',
  persistentvolumeclaims: 'persistentvolumeclaim',
  namespaces: 'namespace',
  nodes: 'node',
  events: 'event',
};

const lists = import.meta.glob<KindList>('./*/list.ts', { eager: true, import: 'list' });
const details = import.meta.glob<KindDetails>('./*/details.ts', { import: 'details' });
const forms = import.meta.glob<Component>('./*/form.vue', { import: 'default' });

const nothing: KindDetails = {};

/** Kinds find their screens here. */
export const kindScreens = {
  list(resource: Resource): KindList<KubeObject> | undefined {
    return lists[`./${folders[resourceId(resource)]}/list.ts`];
  },
  async details(resource: Resource): Promise<KindDetails> {
    const load = details[`./${folders[resourceId(resource)]}/details.ts`];
    return load ? lazy(load)() : nothing;
  },
  /** By the kind's name, as `/create/Deployment` gives it. */
  form(kind: string): Component | undefined {
    const load = forms[`./${kind.toLowerCase()}/form.vue`];
    return load && defineAsyncComponent(lazy(load));
  },
  hasForm: (kind: string): boolean => `./${kind.toLowerCase()}/form.vue` in forms,
};
