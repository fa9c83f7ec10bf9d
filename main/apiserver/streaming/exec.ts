import type { Handler } from '../call.ts';
import { badRequest } from '../../api/status.ts';
import type { Serving } from '../serving.ts';
import { authorizeCreate } from '../authorize.ts';
import { Admit } from '../handlers/admit.ts';
import { writeContext } from '../writeContext.ts';
import { commandOptions, runCommand, serveUpgrade } from './command.ts';
import { containerOf, kubeletOf, podOf, targetOf } from './target.ts';

/** `exec` and `attach`. Mirrors pkg/registry/core/pod/rest/subresources.go. */
export const command =
  (serving: Serving, attach: boolean): Handler =>
  async (call, registry) => {
    // A WebSocket starts with a GET, which must not do what only `create` allows.
    if (call.info.verb !== 'create') await authorizeCreate(serving.authorizer, call);
    const pod = await podOf(call, registry);
    const target = { ...targetOf(pod), container: containerOf(pod, call.query.get('container')) };
    const kubelet = kubeletOf(serving, pod);
    const options = commandOptions(call.query, attach);
    const kind = attach ? 'PodAttachOptions' : 'PodExecOptions';
    const connect = { kind, apiVersion: 'v1', metadata: {}, ...options, container: target.container };
    await new Admit(serving, writeContext(call, call.info.namespace, 'CreateOptions'), registry, call.info.subresource, call.info.name).both('CONNECT', connect, undefined);

    if (call.local) {
      const { exitCode } = await runCommand(kubelet, target, options, call.local);
      return { type: 'ended', exitCode };
    }
    if (!call.upgrade) throw badRequest('Upgrade request required');
    await serveUpgrade(call.upgrade, kubelet, target, options, serving.clock);
    return { type: 'taken' };
  };
