import type { Tone } from '../../components/grid/types.ts';

/** Something that is not well, and why in the server's words. */
export interface Trouble {
  namespace: string;
  name: string;
  kind: TroubleKind;
  word: string;
  tone: Tone;
  why: string;
  /** Key of what the word means. */
  means?: string | undefined;
  /** Pods of one owner that fail for one reason are one trouble, and so are nodes, and the jobs of one owner. */
  others: number;
  /** It may well be meant so: its workload has what it promises without it. */
  standby?: boolean;
}

export type TroubleKind =
  | 'Node'
  | 'Pod'
  | 'Deployment'
  | 'ReplicaSet'
  | 'ReplicationController'
  | 'StatefulSet'
  | 'DaemonSet'
  | 'Job'
  | 'CronJob'
  | 'HorizontalPodAutoscaler'
  | 'PersistentVolumeClaim'
  | 'Namespace';

/** A trouble of one object, before those that are alike are told as one. */
export interface Complaint extends Omit<Trouble, 'others'> {
  /** What is alike has the same. */
  group: string;
  /** The object's own state does not tell it: without what somebody's events say there would be no complaint. */
  hearsay?: boolean;
}
