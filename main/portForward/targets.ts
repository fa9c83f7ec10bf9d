import type { ForwardProblem } from '../../preload/contract.ts';
import type { Deployment, Job, Pod, ReplicaSet, ReplicationController, Service, ServicePort, StatefulSet } from '../api/index.ts';
import { everything, nothing, selectorFromLabelSelector, selectorFromSet, type Selector } from '../api/labels.ts';
import type { KubeObject } from '../api/meta.ts';
import { findPort } from '../api/servicePorts.ts';
import { resources, type ResourceDef } from '../client/index.ts';

/** A kind whose ports can be forwarded. Mirrors polymorphichelpers/attachablepodforobject.go in kubectl. */
export interface TargetKind {
  def: ResourceDef;
  /** Which pods of its namespace are the object's. */
  selects(object: KubeObject): Selector;
  /** Throws, in words for people, where the object leads to no pods at all, or not by this port. */
  check?(object: KubeObject, port: number): void;
  /** The port inside `pod` that the object's `port` leads to. */
  portOf(object: KubeObject, pod: Pod, port: number): number | undefined;
}

const same = (_object: KubeObject, _pod: Pod, port: number): number => port;

const byLabelSelector = (def: ResourceDef): TargetKind => ({
  def,
  selects: (object) => selectorFromLabelSelector((object as Deployment | ReplicaSet | StatefulSet | Job).spec?.selector),
  portOf: same,
});

const kinds: readonly TargetKind[] = [
  { def: resources.pods, selects: () => everything, portOf: same },
  {
    def: resources.services,
    selects: (object) => ofSet(podSelector(object as Service)),
    check: (object, port) => checkService(object as Service, port),
    portOf: (object, pod, port) => {
      const found = portOfService(object as Service, port);
      return found && findPort(pod, found);
    },
  },
  { def: resources.replicationControllers, selects: (object) => ofSet((object as ReplicationController).spec?.selector), portOf: same },
  ...[resources.deployments, resources.replicaSets, resources.statefulSets, resources.daemonSets, resources.jobs].map(byLabelSelector),
];

const byId = new Map(kinds.map((kind) => [kind.def.group ? `${kind.def.resource}.${kind.def.group}` : kind.def.resource, kind]));

/** Of `pods`, `deployments.apps` …; undefined for kinds that have no pods to forward to. */
export const targetKind = (id: string): TargetKind | undefined => byId.get(id);

/** No labels at all select nothing here: they never mean every pod there is. */
const ofSet = (labels: Record<string, string> | undefined): Selector => (Object.keys(labels ?? {}).length > 0 ? selectorFromSet(labels) : nothing);

const podSelector = ({ spec }: Service) => (spec?.type === 'ExternalName' ? undefined : spec?.selector);

const portOfService = ({ spec }: Service, port: number): ServicePort | undefined => spec?.ports?.find((each) => each.port === port && (each.protocol ?? 'TCP') === 'TCP');

function checkService(service: Service, port: number): void {
  const name = JSON.stringify(service.metadata?.name);
  if (Object.keys(podSelector(service) ?? {}).length === 0) throw new Error(`service ${name} has no selector: there are no pods to forward to`);
  if (!portOfService(service, port)) throw new Error(`service ${name} has no TCP port ${port}`);
}

/** How good a pod is to forward to: 0 not at all, then one that is leaving, one that runs, one that is ready. */
export function fitness({ metadata, status }: Pod): number {
  if (status?.phase !== 'Running') return 0;
  if (metadata?.deletionTimestamp) return 1;
  return status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ? best : 2;
}

export const best = 3;

/** Why a connection into a pod failed. */
export function problemOf(error: unknown): ForwardProblem {
  const message = error instanceof Error ? error.message : String(error);
  return { reason: /ECONNREFUSED|connection refused/i.test(message) ? 'refused' : 'failed', message };
}
