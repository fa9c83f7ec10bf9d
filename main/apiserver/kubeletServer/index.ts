import type { Writable } from 'node:stream';
import type { Pod } from '../../api/index.ts';
import type { KubeletApi, PodTarget } from '../../api/kubelet.ts';
import { isNotFound, StatusError } from '../../api/status.ts';
import type { UserInfo } from '../auth/types.ts';
import type { Answer, Call } from '../call.ts';
import type { Incoming } from '../chain.ts';
import type { Query } from '../query.ts';
import { parseRequestInfo } from '../requestInfo.ts';
import type { Serving } from '../serving.ts';
import { checkedCommand, serveUpgrade, type CommandOptions } from '../streaming/command.ts';
import { logOptions } from '../streaming/log.ts';
import { forwardPorts } from '../streaming/portForward.ts';
import { targetOf } from '../streaming/target.ts';
import { attributesOf } from './attributes.ts';

const text = (code: number, body: string): Answer => ({ type: 'text', code, contentType: 'text/plain; charset=utf-8', body });

/**
 * What a kubelet answers at its node's own address: to monitoring in the cluster, and whoever else may ask it. It knows
 * clients and their rights by its API server, as upstream's does by reviews (--authentication-token-webhook,
 * --authorization-mode=Webhook); nobody is let in without a name. Mirrors pkg/kubelet/server/server.go.
 */
export class KubeletServer {
  constructor(
    private readonly serving: Serving,
    private readonly node: string,
    private readonly authenticate: (incoming: Incoming) => Promise<UserInfo>,
  ) {}

  async handle(incoming: Incoming): Promise<Answer> {
    const info = parseRequestInfo(incoming.method, incoming.path, incoming.query);
    const user = await this.authenticate(incoming).catch((error: unknown) => {
      if (error instanceof StatusError && error.code === 401) return undefined;
      throw error;
    });
    if (!user || user.name === 'system:anonymous') return text(401, 'Unauthorized');
    const call: Call = Object.assign(incoming, { info, user });
    const path = decodeURI(call.path);
    const attributes = attributesOf(this.node, call.method, path);
    if (!(await this.#allows(user, attributes))) {
      const subresources = attributes.map(({ subresource }) => subresource).join(' ');
      return text(403, `Forbidden (user=${user.name}, verb=${attributes[0]!.verb}, resource=nodes, subresource(s)=[${subresources}])\n`);
    }
    try {
      return await this.#answer(call, path);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      return text(error.code, `${error.message}\n`);
    }
  }

  async #allows(user: UserInfo, attributes: ReturnType<typeof attributesOf>): Promise<boolean> {
    if (user.groups.includes('system:masters')) return true;
    for (const info of attributes) if ((await this.serving.authorizer.authorize(user, info)).allowed) return true;
    return false;
  }

  async #answer(call: Call, path: string): Promise<Answer> {
    const kubelet = this.serving.kubelets(this.node);
    if (!kubelet) return text(503, 'the kubelet is starting\n');
    const [what, ...parts] = path.split('/').filter((part) => part !== '');
    switch (what) {
      case 'containerLogs':
        return this.#logs(kubelet, call, parts);
      case 'exec':
      case 'attach':
        return this.#command(kubelet, call, parts, what === 'attach');
      case 'run':
        return this.#run(kubelet, call, parts);
      case 'portForward':
        return this.#portForward(kubelet, call, parts);
    }
    if (call.method !== 'GET' && call.method !== 'HEAD') return text(405, '405: Method Not Allowed\n');
    const { status, contentType, body } = await kubelet.http(path, call.query.toURLSearchParams());
    return { type: 'text', code: status, contentType, body };
  }

  async #logs(kubelet: KubeletApi, call: Call, parts: string[]): Promise<Answer> {
    if (parts.length !== 3) return notFound();
    const pod = await this.#pod(parts[0]!, parts[1]!);
    if (!pod) return text(404, `pod ${JSON.stringify(parts[1])} not found`);
    const options = logOptions(call.query, parts[1]!);
    const target = { ...targetOf(pod), container: parts[2]! };
    return { type: 'stream', contentType: 'text/plain', pump: (out: Writable, signal: AbortSignal) => kubelet.containerLogs(target, options, out, signal) };
  }

  async #command(kubelet: KubeletApi, call: Call, parts: string[], attach: boolean): Promise<Answer> {
    const target = await this.#container(parts);
    if (!target) return notFound();
    const options = commandOptions(call.query, attach);
    if (!call.upgrade) return text(400, 'Upgrade request required');
    await serveUpgrade(call.upgrade, kubelet, target, options, this.serving.clock);
    return { type: 'taken' };
  }

  /** Runs a command and answers with all that it says. */
  async #run(kubelet: KubeletApi, call: Call, parts: string[]): Promise<Answer> {
    if (call.method !== 'POST') return text(405, '405: Method Not Allowed\n');
    const target = await this.#container(parts);
    const command = call.query.get('cmd')?.split(' ') ?? [];
    if (!target) return notFound();
    const pump = async (out: Writable, signal: AbortSignal) => void (await kubelet.exec(target, command, { stdout: out, stderr: out, tty: false, signal }));
    return { type: 'stream', contentType: 'text/plain', pump };
  }

  async #portForward(kubelet: KubeletApi, call: Call, parts: string[]): Promise<Answer> {
    const target = parts.length === 2 || parts.length === 3 ? await this.#target(parts) : undefined;
    if (!target) return notFound();
    if (!call.upgrade) return text(400, 'Upgrade request required');
    await forwardPorts(call.upgrade, kubelet, target, call.query.all('port'));
    return { type: 'taken' };
  }

  /** Of `namespace/pod/container` or `namespace/pod/uid/container`. */
  async #container(parts: string[]): Promise<(PodTarget & { container: string }) | undefined> {
    if (parts.length !== 3 && parts.length !== 4) return undefined;
    const target = await this.#target(parts.slice(0, -1));
    return target && { ...target, container: parts.at(-1)! };
  }

  async #target([namespace, name, uid]: string[]): Promise<PodTarget | undefined> {
    const pod = await this.#pod(namespace!, name!);
    return pod && (uid === undefined || pod.metadata!.uid === uid) ? targetOf(pod) : undefined;
  }

  /** One of this node's. */
  async #pod(namespace: string, name: string): Promise<Pod | undefined> {
    const pod = await this.serving.objects.get<Pod>({ group: '', version: 'v1', resource: 'pods' }, namespace, name).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    return pod?.spec?.nodeName === this.node ? pod : undefined;
  }
}

const notFound = () => text(404, 'pod does not exist\n');

/** The kubelet's own words for the same. Mirrors k8s.io/cri-streaming, remotecommand/httpstream.go (NewOptions). Throws 400. */
function commandOptions(query: Query, attach: boolean): CommandOptions {
  const tty = query.flag('tty') ?? false;
  return checkedCommand({
    command: attach ? undefined : query.all('command'),
    stdin: query.flag('input') ?? false,
    stdout: query.flag('output') ?? false,
    stderr: (query.flag('error') ?? false) && !tty,
    tty,
  });
}
