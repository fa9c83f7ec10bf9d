import { Readable } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Status } from '../../api/index.ts';
import type { TerminalSize } from '../../api/kubelet.ts';
import { badRequest } from '../../api/status.ts';
import type { Upgrade } from '../call.ts';
import { ChannelSocket } from './channelSocket.ts';
import type { CommandChannels, CommandOptions } from './command.ts';
import { flushed } from './flushed.ts';

const stdin = 0;
const stdout = 1;
const stderr = 2;
const errors = 3;
const resize = 4;
/** v5: the channel whose number follows has ended. */
const closeSignal = 255;

/** Upstream's protocols, and the two that its other streams know. */
export const commandProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io', 'v4.base64.channel.k8s.io', 'channel.k8s.io', 'base64.channel.k8s.io'];
const maxMessageBytes = 32 * 1024 * 1024;

/** The WebSocket protocols that the client speaks, the best first. */
export function offeredProtocols({ request }: Upgrade): string[] {
  return String(request.headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((p) => p.trim())
    .filter((p) => p !== '');
}

/** Takes the connection over as a WebSocket. Throws 400 when none of the client's protocols is spoken here. */
export function acceptWebSocket(upgrade: Upgrade, protocols: readonly string[]): Promise<{ socket: WebSocket; protocol: string }> {
  const offered = offeredProtocols(upgrade);
  const protocol = offered.find((p) => protocols.includes(p)) ?? '';
  if (offered.length && !protocol)
    throw badRequest(`requested protocol(s) are not supported: [${offered.join(' ')}]; supports [${protocols.join(' ')}]`);
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: maxMessageBytes, handleProtocols: () => protocol || false });
  return new Promise((resolve) => {
    server.handleUpgrade(upgrade.request, upgrade.socket, upgrade.head, (socket) => resolve({ socket, protocol }));
  });
}

/**
 * stdin, stdout, stderr, errors and sizes in one WebSocket, each message led by its channel's number.
 * Mirrors k8s.io/streaming, httpstream/wsstream/conn.go and k8s.io/cri-streaming, remotecommand/websocket.go.
 */
export async function webSocketChannels(upgrade: Upgrade, options: CommandOptions): Promise<CommandChannels> {
  const { socket, protocol } = await acceptWebSocket(upgrade, commandProtocols);
  const channels = new ChannelSocket(socket, protocol.includes('base64'));
  const gone = new AbortController();
  const input = options.stdin ? new Readable({ read: () => socket.resume() }) : undefined;
  const resizes: ((size: TerminalSize) => void)[] = [];
  let lastSize: TerminalSize | undefined;

  channels.onMessage((channel, bytes) => {
    if (channel === closeSignal && protocol.startsWith('v5')) {
      if (bytes[0] === stdin) input?.push(null);
    } else if (channel === stdin && input && !input.readableEnded) {
      if (bytes.length && !input.push(bytes)) socket.pause();
    } else if (channel === resize) {
      const size = sizeOf(bytes);
      if (!size) return;
      lastSize = size;
      for (const listener of resizes) listener(size);
    }
  });
  socket.on('close', () => {
    if (input && !input.readableEnded) input.push(null);
    gone.abort();
  });
  const stdoutOf = options.stdout ? channels.output(stdout) : undefined;
  const stderrOf = options.stderr ? channels.output(stderr) : undefined;

  // An empty message tells clients that the connection stands.
  channels.send(options.stdout ? stdout : options.stderr ? stderr : errors, Buffer.alloc(0));
  return {
    stdin: input,
    stdout: stdoutOf,
    stderr: stderrOf,
    onResize(listener) {
      resizes.push(listener);
      if (lastSize) listener(lastSize);
    },
    finish(status) {
      const text = statusText(status, !/^(base64\.)?channel\.k8s\.io$|^$/.test(protocol));
      void flushed(stdoutOf, stderrOf).then(() => {
        if (text) channels.send(errors, Buffer.from(text));
        socket.close(1000);
      });
    },
    signal: gone.signal,
  };
}

/** Since v4 a Status says how it ended; before, only a failure is told, in words. */
export function statusText(status: Status, json: boolean): string {
  if (json) return JSON.stringify(status);
  return status.status === 'Success' ? '' : (status.message ?? '');
}

/** Go's encoding of a size: `{"Width":80,"Height":24}`. */
export function sizeOf(bytes: Buffer): TerminalSize | undefined {
  try {
    const { Width, Height } = JSON.parse(bytes.toString('utf8')) as { Width?: unknown; Height?: unknown };
    return typeof Width === 'number' && typeof Height === 'number' ? { width: Width, height: Height } : undefined;
  } catch {
    return undefined;
  }
}
