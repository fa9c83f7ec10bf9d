import type { TerminalSize } from '../../api/kubelet.ts';
import { failure } from '../../api/status.ts';
import type { Clock } from '../../util/clock.ts';
import type { Upgrade } from '../call.ts';
import type { CommandChannels, CommandOptions } from './command.ts';
import { flushed } from './flushed.ts';
import { SpdyConnection, type SpdyStream } from './spdy/connection.ts';
import { beginSpdy, chooseProtocol } from './spdyUpgrade.ts';
import { sizeOf, statusText } from './webSocketChannels.ts';

const protocols = ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'];
const creationTimeout = 30_000;
const types = ['error', 'stdin', 'stdout', 'stderr', 'resize'] as const;
type StreamType = (typeof types)[number];

/**
 * The client opens one SPDY stream for each end that it asked for; the command starts when all are there.
 * Mirrors k8s.io/cri-streaming, remotecommand/httpstream.go (createHTTPStreamStreams).
 */
export async function spdyChannels(upgrade: Upgrade, options: CommandOptions, clock: Clock): Promise<CommandChannels> {
  const protocol = chooseProtocol(upgrade, protocols);
  const version = /^v(\d)/.exec(protocol)?.[1] ?? '1';
  beginSpdy(upgrade, protocol);
  const gone = new AbortController();
  const streams = new Map<StreamType, SpdyStream>();
  const expected =
    1 + Number(options.stdin) + Number(options.stdout) + Number(options.stderr) + Number(options.tty && version >= '3');

  const connection = await new Promise<SpdyConnection>((resolve, reject) => {
    const timer = clock.setTimer(creationTimeout, () => {
      made.close();
      reject(failure(504, 'Timeout', 'timed out waiting for client to create streams'));
    });
    const made: SpdyConnection = new SpdyConnection(
      upgrade.socket,
      {
        onStream(stream) {
          const type = stream.headers.get('streamtype') as StreamType;
          if (!types.includes(type) || streams.has(type)) throw new Error(`unexpected stream type: ${JSON.stringify(type)}`);
          streams.set(type, stream);
          if (streams.size < expected) return;
          timer.cancel();
          resolve(made);
        },
        onClose() {
          timer.cancel();
          gone.abort();
          reject(failure(400, 'BadRequest', 'the client has gone'));
        },
      },
      upgrade.head,
    );
  });

  return {
    stdin: options.stdin ? streams.get('stdin') : undefined,
    stdout: options.stdout ? streams.get('stdout') : undefined,
    stderr: options.stderr ? streams.get('stderr') : undefined,
    onResize: (listener) => readSizes(streams.get('resize'), listener),
    finish(status) {
      const errors = streams.get('error')!;
      void flushed(streams.get('stdout'), streams.get('stderr')).then(() => errors.end(statusText(status, version >= '4'), () => connection.finish()));
    },
    signal: gone.signal,
  };
}

function readSizes(stream: SpdyStream | undefined, listener: (size: TerminalSize) => void): void {
  let text = '';
  stream?.on('data', (bytes: Buffer) => {
    const lines = (text + bytes.toString('utf8')).replaceAll('}{', '}\n{').split('\n');
    text = lines.pop()!;
    for (const line of text.endsWith('}') ? [...lines, text] : lines) {
      const size = sizeOf(Buffer.from(line));
      if (size) listener(size);
    }
    if (text.endsWith('}')) text = '';
  });
}
