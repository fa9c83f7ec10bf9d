import type { Duplex, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { createWebSocketStream } from 'ws';
import type { KubeletApi, PodTarget } from '../../api/kubelet.ts';
import { badRequest } from '../../api/status.ts';
import { authorizeCreate } from '../authorize.ts';
import type { Handler, Upgrade } from '../call.ts';
import { Admit } from '../handlers/admit.ts';
import type { Serving } from '../serving.ts';
import { writeContext } from '../writeContext.ts';
import { ChannelSocket } from './channelSocket.ts';
import { portForwardChannels } from './portForwardChannels.ts';
import { SpdyConnection, type SpdyStream } from './spdy/connection.ts';
import { beginSpdy, chooseProtocol, isWebSocket } from './spdyUpgrade.ts';
import { kubeletOf, podOf, targetOf } from './target.ts';
import { acceptWebSocket, offeredProtocols } from './webSocketChannels.ts';

const protocol = 'portforward.k8s.io';
const tunnelled = `SPDY/3.1+${protocol}`;
const plain = ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io'];

/** Mirrors pkg/registry/core/pod/rest/subresources.go (PortForwardREST). */
export const portForward =
  (serving: Serving): Handler =>
  async (call, registry) => {
    if (call.info.verb !== 'create') await authorizeCreate(serving.authorizer, call);
    const pod = await podOf(call, registry);
    const kubelet = kubeletOf(serving, pod);
    const context = writeContext(call, call.info.namespace, 'CreateOptions');
    const connect = { kind: 'PodPortForwardOptions', apiVersion: 'v1', metadata: {} };
    await new Admit(serving, context, registry, call.info.subresource, call.info.name).both('CONNECT', connect, undefined);

    if (call.local) return { type: 'connected', connection: await kubelet.portForward(targetOf(pod), portOf(call.query.get('ports') ?? '')) };
    if (!call.upgrade) throw badRequest('Upgrade request required');
    await forwardPorts(call.upgrade, kubelet, targetOf(pod), call.query.all('ports'));
    return { type: 'taken' };
  };

/**
 * Takes the client's connection over, in whichever protocol it speaks. Only the plain WebSocket
 * protocols need the ports at once, as a query has them; the others name them later. Throws 400.
 */
export async function forwardPorts(upgrade: Upgrade, kubelet: KubeletApi, target: PodTarget, ports: string[]): Promise<void> {
  if (!isWebSocket(upgrade)) {
    beginSpdy(upgrade, chooseProtocol(upgrade, [protocol]));
    return forward(upgrade.socket, upgrade.head, kubelet, target);
  }
  if (offeredProtocols(upgrade).includes(tunnelled)) {
    const { socket } = await acceptWebSocket(upgrade, [tunnelled]);
    socket.on('error', () => socket.terminate());
    return forward(createWebSocketStream(socket), undefined, kubelet, target);
  }
  const wanted = portsOf(ports);
  const { socket, protocol: chosen } = await acceptWebSocket(upgrade, plain);
  const pairs = portForwardChannels(new ChannelSocket(socket, chosen.includes('base64')), wanted);
  for (const { port, data, errors } of pairs) void connect(kubelet, target, port, data, errors);
  const over = pairs.flatMap(({ data, errors }) => [finished(data, { readable: false }), finished(errors)]);
  void Promise.allSettled(over).then(() => socket.close(1000));
}

/** Throws 400. */
function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65535) throw badRequest(`unable to parse ${JSON.stringify(text)} as a port`);
  return port;
}

/** Of parameters that may each name several. Throws 400. Mirrors k8s.io/cri-streaming, portforward/websocket.go (NewV4Options). */
function portsOf(parameters: string[]): number[] {
  if (parameters.length === 0) throw badRequest('query parameter "port" is required');
  return parameters.flatMap((text) => text.split(',')).map(portOf);
}

/**
 * Each forwarded connection is a pair of streams: one for data, one for what went wrong.
 * Mirrors k8s.io/cri-streaming, portforward/httpstream.go.
 */
function forward(carrier: Duplex, head: Buffer | undefined, kubelet: KubeletApi, target: PodTarget): void {
  const waiting = new Map<string, SpdyStream>();
  new SpdyConnection(
    carrier,
    {
      onStream(stream) {
        const type = stream.headers.get('streamtype');
        if (type !== 'data' && type !== 'error') throw new Error(`invalid stream type ${JSON.stringify(type)}`);
        const port = portOf(stream.headers.get('port') ?? '');
        const request = stream.headers.get('requestid') ?? String(type === 'error' ? stream.id : stream.id - 2);
        const other = waiting.get(request);
        if (!other) {
          waiting.set(request, stream);
          stream.once('close', () => waiting.delete(request));
          return;
        }
        waiting.delete(request);
        const [data, errors] = type === 'data' ? [stream, other] : [other, stream];
        void connect(kubelet, target, port, data, errors);
      },
      onClose: () => waiting.clear(),
    },
    head,
  );
}

async function connect(kubelet: KubeletApi, target: PodTarget, port: number, data: Duplex, errors: Writable): Promise<void> {
  const fail = (error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    errors.end(`error forwarding port ${port} to pod ${target.name}, uid ${target.uid}: ${why}`);
    data.end();
  };
  let connection: Duplex;
  try {
    connection = await kubelet.portForward(target, port);
  } catch (error) {
    fail(error);
    return;
  }
  let failed = false;
  connection.on('error', (error) => {
    failed = true;
    fail(error);
  });
  // The pod's side decides: clients wait for the end of the error stream before they let go of theirs.
  const over = () => {
    if (failed) return;
    if (!data.writableEnded) data.end();
    if (!errors.writableEnded) errors.end();
  };
  connection.on('end', over);
  connection.on('close', over);
  connection.pipe(data);
  data.pipe(connection);
  data.on('close', () => connection.destroy());
}
