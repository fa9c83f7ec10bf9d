/** The kube-scheduler: gives every pod a node. */
export { Scheduler, type SchedulerOptions } from './scheduler.ts';
export type { Attempt, NodeVerdict } from './attempts.ts';
export { readSchedulerConfiguration, type SchedulerConfiguration } from './configuration.ts';
