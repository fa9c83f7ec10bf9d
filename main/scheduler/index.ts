/** The kube-scheduler: gives every pod a node. */
export { Scheduler, type SchedulerOptions } from './scheduler.ts';
export { readSchedulerConfiguration, type SchedulerConfiguration } from './configuration.ts';
export { SchedulerMetrics } from './metrics.ts';
