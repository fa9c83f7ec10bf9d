import type { GroupVersionKind, KubeObject } from '../../api/meta.ts';
import type { Store } from '../../store/index.ts';
import type { Clock } from '../../util/clock.ts';
import type { Logger } from '../../util/log.ts';
import type { Random } from '../../util/random.ts';
import type { Authorizer } from '../auth/types.ts';
import type { Objects, RequestContext, ResourceDefinition } from '../registry/strategy.ts';
import type { ResourceTable } from '../registry/resources.ts';
import type { WebhookClient } from '../webhook/index.ts';
import type { AdmissionMetrics } from './metrics.ts';
import type { Reinvocation } from './reinvocation.ts';

export type AdmissionOperation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

/** What admission judges (upstream: k8s.io/apiserver/pkg/admission/interfaces.go, Attributes). */
export interface AdmissionAttributes {
  context: RequestContext;
  operation: AdmissionOperation;
  resource: ResourceDefinition;
  /** Of `object` and `oldObject`: the resource's own, or that of its subresource. */
  kind: GroupVersionKind;
  subresource: string;
  namespace: string;
  name: string;
  /** A private copy that `admit` may change; undefined for DELETE. */
  object: KubeObject | undefined;
  /** Shared; do not change. */
  oldObject: KubeObject | undefined;
  objects: Objects;
  /** Which plugins have run before in this request. */
  reinvocation: Reinvocation;
  /** An object of `kind` that somebody outside has made, as the server itself would have decoded it. Throws a DecodeError. */
  settle(object: KubeObject): KubeObject;
}

/** The admitted write is over, whichever way. */
export type Settle = () => void;

/** One plugin, one file (upstream: plugin/pkg/admission). Rejects by throwing a StatusError. */
export interface AdmissionPlugin {
  readonly name: string;
  handles(operation: AdmissionOperation, resource: ResourceDefinition, subresource: string): boolean;
  /** May change the object. */
  admit?(attributes: AdmissionAttributes): Promise<void> | void;
  /** May not. What it returns is called when the write that it let through has succeeded or failed. */
  validate?(attributes: AdmissionAttributes): Promise<Settle | void> | Settle | void;
  /** Whether nobody has registered anything with it, so that it has nothing to say of any request. */
  isIdle?(): boolean;
  close?(): void;
}

/** What plugins work with besides the request. */
export interface AdmissionServices {
  store: Store;
  objects: Objects;
  resources: ResourceTable;
  authorizer: Authorizer;
  webhooks: WebhookClient;
  clock: Clock;
  random: Random;
  log: Logger;
  metrics: AdmissionMetrics;
}
