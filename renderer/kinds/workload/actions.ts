import { mdiPause, mdiPlay, mdiRestart } from '@mdi/js';
import type { CronJob, Job } from '../../../main/api/index.ts';
import { cloneJson } from '../../../main/api/json.ts';
import { resourcePath, type KubeObject } from '../../../main/api/meta.ts';
import { apiVersion, client, core, objectPath, type Resource } from '../../client/index.ts';
import type { KindAction } from '../types.ts';

export async function scale(resource: Resource, object: KubeObject, replicas: number): Promise<void> {
  await client().api.patch(objectPath(resource, object, 'scale'), 'merge', { spec: { replicas } });
}

/** As `kubectl rollout restart` does it: a new annotation in the template makes a new revision. */
export async function restart(resource: Resource, object: KubeObject): Promise<void> {
  const restartedAt = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  await client().api.patch(objectPath(resource, object), 'strategic', { spec: { template: { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': restartedAt } } } } });
}

export const restartAction = <T extends KubeObject>(shown: (object: T) => boolean = () => true): KindAction<T> => ({
  id: 'restart',
  title: 'action.restart',
  icon: mdiRestart,
  shown,
  confirm: 'action.restartQuestion',
  async run(object, resource) {
    await restart(resource, object);
    return 'action.restarted';
  },
});

/** What `spec.suspend` stops and lets go on: no new Jobs of a CronJob, no pods of a Job. */
export const suspendActions = <T extends Job | CronJob>(hasEnded: (object: T) => boolean = () => false): readonly KindAction<T>[] => {
  const set = (suspend: boolean) => async (object: T, resource: Resource) => {
    await client().api.patch(objectPath(resource, object), 'merge', { spec: { suspend } });
    return suspend ? 'action.suspended' : 'action.unsuspended';
  };
  return [
    { id: 'suspend', title: 'action.suspend', icon: mdiPause, shown: (object) => !object.spec?.suspend && !hasEnded(object), run: set(true) },
    { id: 'unsuspend', title: 'action.unsuspend', icon: mdiPlay, shown: (object) => object.spec?.suspend === true, run: set(false) },
  ];
};

/** The longest name of a Job whose pods still have names of their own. */
const longestName = 63;

/** A Job out of turn, as `kubectl create job --from=cronjob/NAME` makes it; resolves with its name. */
export async function runNow(cronJob: CronJob): Promise<string> {
  const { name = '', namespace, uid = '' } = cronJob.metadata ?? {};
  const stamp = Date.now().toString(36);
  const template = cronJob.spec?.jobTemplate;
  const job = {
    apiVersion: apiVersion(core.jobs),
    kind: core.jobs.kind,
    metadata: {
      name: `${name.slice(0, longestName - stamp.length - 1)}-${stamp}`,
      labels: template?.metadata?.labels ?? {},
      annotations: { 'cronjob.kubernetes.io/instantiate': 'manual', ...template?.metadata?.annotations },
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'CronJob', name, uid, controller: true }],
    },
    spec: cloneJson(template?.spec ?? {}),
  };
  const made = await client().api.create<KubeObject>(resourcePath(core.jobs, namespace), job as KubeObject);
  return made.metadata?.name ?? '';
}
