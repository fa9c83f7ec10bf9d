import type { KubeObject } from '../../api/meta.ts';
import type { Objects, RequestContext, ResourceDefinition } from '../registry/strategy.ts';

export type AdmissionOperation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

/** What admission judges (upstream: k8s.io/apiserver/pkg/admission/interfaces.go, Attributes). */
export interface AdmissionAttributes {
  context: RequestContext;
  operation: AdmissionOperation;
  resource: ResourceDefinition;
  subresource: string;
  namespace: string;
  name: string;
  /** A private copy that `admit` may change; undefined for DELETE. */
  object: KubeObject | undefined;
  /** Shared; do not change. */
  oldObject: KubeObject | undefined;
  objects: Objects;
}

/** One plugin, one file (upstream: plugin/pkg/admission). Rejects by throwing a StatusError. */
export interface AdmissionPlugin {
  readonly name: string;
  handles(operation: AdmissionOperation, resource: ResourceDefinition, subresource: string): boolean;
  /** May change the object. */
  admit?(attributes: AdmissionAttributes): Promise<void> | void;
  /** May not. */
  validate?(attributes: AdmissionAttributes): Promise<void> | void;
}
