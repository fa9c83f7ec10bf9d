/** The kube-controller-manager: loops that make the cluster what its objects say it should be. */
export { startControllers, type RunningControllers } from './manager.ts';
export type { Controller, ControllerContext, VolumeDeleter } from './controller.ts';
