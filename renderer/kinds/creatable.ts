import { kindScreens } from './index.ts';

/** Kinds in the order in which people make them. */
const wished = [
  'Deployment', 'Pod', 'StatefulSet', 'DaemonSet', 'Job', 'CronJob', 'Service', 'Ingress', 'ConfigMap', 'Secret', 'PersistentVolumeClaim', 'PersistentVolume',
  'Namespace', 'HorizontalPodAutoscaler', 'NetworkPolicy', 'PodDisruptionBudget', 'ResourceQuota',
];

/** The kinds that have a form. */
export const creatableKinds = (): string[] => wished.filter((kind) => kindScreens.hasForm(kind));
