import { internalError } from '../../api/status.ts';
import type { Handler } from '../call.ts';
import { notAllowed } from '../chain.ts';
import type { Serving } from '../serving.ts';

/** What a node's kubelet serves: its pods, statistics and metrics. Mirrors pkg/registry/core/node/rest/proxy.go. */
export const nodeProxy =
  (serving: Serving): Handler =>
  async (call, registry) => {
    const { info } = call;
    if (info.verb !== 'get') throw notAllowed();
    const name = info.name.replace(/^https?:/, '').replace(/:\d*$/, '');
    await registry.get('', name);
    const kubelet = serving.kubelets(name);
    if (!kubelet) throw internalError(`error dialing backend: no kubelet runs on node ${JSON.stringify(name)}`);
    const { status, contentType, body } = await kubelet.http(`/${info.parts.slice(3).join('/')}`, call.query.toURLSearchParams());
    return { type: 'text', code: status, contentType, body };
  };
