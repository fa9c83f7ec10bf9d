import { DeploymentController } from './deployment.ts';
import { ReplicaSetController } from './replicaSet.ts';
import type { Controller, ControllerContext } from './controller.ts';

/** Every controller of the cluster: the kube-controller-manager's list. */
const controllers: (new (context: ControllerContext) => Controller)[] = [DeploymentController, ReplicaSetController];

export interface RunningControllers {
  /** Resolves when every cache is in and the controllers are at work. */
  ready: Promise<void>;
  /** Resolves when nothing is under way any more. Stops the informers as well. */
  stop(): Promise<void>;
}

/** Starts the informers and, as soon as they are in, all controllers. */
export function startControllers(context: ControllerContext): RunningControllers {
  const all = controllers.map((Constructor) => new Constructor(context));
  let stopped = false;
  context.informers.start();
  const ready = context.informers.synced().then(() => {
    if (!stopped) for (const controller of all) controller.start();
  });
  return {
    ready,
    async stop() {
      stopped = true;
      context.informers.stop();
      await ready;
      await Promise.all(all.map((controller) => controller.stop()));
    },
  };
}
