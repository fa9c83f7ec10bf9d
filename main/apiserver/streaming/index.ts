import type { Handler } from '../call.ts';
import type { Serving } from '../serving.ts';
import { command } from './exec.ts';
import { log } from './log.ts';
import { nodeProxy, podProxy, serviceProxy } from '../proxy/index.ts';
import { portForward } from './portForward.ts';

/** The subresources whose answers flow, by path. */
export function streamHandlers(serving: Serving): Record<string, Handler> {
  return {
    'pods/log': log(serving),
    'pods/exec': command(serving, false),
    'pods/attach': command(serving, true),
    'pods/portforward': portForward(serving),
    'pods/proxy': podProxy(serving),
    'services/proxy': serviceProxy(serving),
    'nodes/proxy': nodeProxy(serving),
  };
}
