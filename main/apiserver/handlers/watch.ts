import type { Handler } from '../call.ts';
import { listOptions } from '../listOptions.ts';
import { watch as openWatch } from '../registry/watching.ts';
import type { Serving } from '../serving.ts';

// --min-request-timeout of kube-apiserver; watches that ask for no timeout get one to two times this.
const minTimeoutSeconds = 1800;

/** Mirrors k8s.io/apiserver/pkg/endpoints/handlers/get.go (handleWatch). */
export const watch =
  (serving: Pick<Serving, 'clock' | 'random'>): Handler =>
  async (call, registry) => {
    const options = listOptions(call, registry, true);
    const timeoutSeconds = options.timeoutSeconds || minTimeoutSeconds * (1 + serving.random.next());
    return {
      type: 'watch',
      registry,
      open: (sink) =>
        openWatch(
          registry,
          serving.clock,
          {
            namespace: options.namespace,
            selection: options.selection,
            resourceVersion: options.resourceVersion,
            resourceVersionMatch: options.resourceVersionMatch,
            sendInitialEvents: options.sendInitialEvents,
            allowBookmarks: options.allowWatchBookmarks,
            timeoutMilliseconds: timeoutSeconds * 1000,
          },
          sink,
        ),
    };
  };
