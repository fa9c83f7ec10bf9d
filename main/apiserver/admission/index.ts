import type { Clock } from '../../util/clock.ts';
import type { Random } from '../../util/random.ts';
import { defaultStorageClass } from './defaultStorageClass.ts';
import { defaultTolerationSeconds } from './defaultTolerationSeconds.ts';
import { limitRanger } from './limitRanger.ts';
import { namespaceLifecycle } from './namespaceLifecycle.ts';
import { nodeRestriction } from './nodeRestriction.ts';
import { priority } from './priority.ts';
import { resourceQuotaAdmission } from './resourceQuota.ts';
import { runtimeClassAdmission } from './runtimeClass.ts';
import { serviceAccountAdmission } from './serviceAccount.ts';
import { taintNodesByCondition } from './taintNodesByCondition.ts';
import type { AdmissionPlugin } from './types.ts';

/** The plugins of this server, in upstream's order (pkg/kubeapiserver/options/plugins.go); quotas count last. */
export function builtinAdmission({ clock, random }: { clock: Clock; random: Random }): AdmissionPlugin[] {
  return [
    namespaceLifecycle,
    limitRanger,
    serviceAccountAdmission(clock, random),
    nodeRestriction,
    taintNodesByCondition,
    priority,
    defaultTolerationSeconds,
    defaultStorageClass,
    runtimeClassAdmission,
    resourceQuotaAdmission(),
  ];
}
