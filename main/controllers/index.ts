/** The kube-controller-manager: loops that make the cluster what its objects say it should be. */
export { startControllers, type RunningControllers } from './manager.ts';
export { ControllerMetrics } from './metrics.ts';
export type { Controller, ControllerContext, EngineVolumes } from './controller.ts';
