import type { Authorizer } from './auth/types.ts';
import type { Egress } from './egress/index.ts';
import type { FlowControl } from './flowControl/index.ts';
import type { LongRunning } from './site/longRunning.ts';
import type { WebhookClient } from './webhook/index.ts';
import type { AdmissionChain } from './admissionChain.ts';
import type { ResourceTable } from './registry/resources.ts';
import type { Objects } from './registry/strategy.ts';
import type { KubeletApi } from '../api/kubelet.ts';
import type { Store } from '../store/index.ts';
import type { Clock } from '../util/clock.ts';
import type { Logger } from '../util/log.ts';
import type { Random } from '../util/random.ts';

/** What handlers work with; made once, in index.ts. */
export interface Serving {
  store: Store;
  clock: Clock;
  random: Random;
  log: Logger;
  resources: ResourceTable;
  objects: Objects;
  admission: AdmissionChain;
  authorizer: Authorizer;
  flows: FlowControl;
  longRunning: LongRunning;
  kubelets(nodeName: string): KubeletApi | undefined;
  egress: Egress;
  webhooks: WebhookClient;
}
