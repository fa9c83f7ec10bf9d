import dgram from 'node:dgram';
import net from 'node:net';
import type { Clock } from '../util/clock.ts';

const tryMs = 2000;
const rounds = 2;

function parseServer(server: string): { host: string; port: number } {
  const bracketed = /^\[(.+)\]:(\d+)$/.exec(server) ?? /^([^:]+):(\d+)$/.exec(server);
  return bracketed ? { host: bracketed[1]!, port: Number(bracketed[2]) } : { host: server, port: 53 };
}

/**
 * Asks resolvers (`address` or `address:port`) in turn, again over TCP what is too large for UDP: a DNS message in, the
 * answer out. Rejects when none answers.
 */
export async function askServers(clock: Clock, servers: string[], message: Buffer): Promise<Buffer> {
  let failure: unknown = new Error('there is no DNS resolver to ask');
  for (let round = 0; round < rounds; round++)
    for (const server of servers) {
      try {
        const target = parseServer(server);
        const answer = await askUdp(clock, target, message);
        // Cut off: the whole answer needs TCP.
        return answer.length > 2 && answer[2]! & 0x02 ? await askTcp(clock, target, message).catch(() => answer) : answer;
      } catch (error) {
        failure = error;
      }
    }
  throw failure;
}

interface Server {
  host: string;
  port: number;
}

function askUdp(clock: Clock, { host, port }: Server, message: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4');
    const done = (act: () => void) => {
      timer.cancel();
      socket.removeAllListeners('message');
      socket.close();
      act();
    };
    const timer = clock.setTimer(tryMs, () => done(() => reject(new Error(`${host} did not answer in ${tryMs} ms`))));
    socket.once('error', (error) => done(() => reject(error)));
    socket.on('message', (answer) => {
      // Only the answer to this question counts.
      if (answer.length >= 12 && answer.readUInt16BE(0) === message.readUInt16BE(0)) done(() => resolve(answer));
    });
    socket.connect(port, host, () => socket.send(message));
  });
}

function askTcp(clock: Clock, { host, port }: Server, message: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port });
    const done = (act: () => void) => {
      timer.cancel();
      socket.destroy();
      act();
    };
    const timer = clock.setTimer(tryMs, () => done(() => reject(new Error(`${host} did not answer in ${tryMs} ms`))));
    const length = Buffer.alloc(2);
    length.writeUInt16BE(message.length);
    socket.write(Buffer.concat([length, message]));
    let received = Buffer.alloc(0);
    socket.once('error', (error) => done(() => reject(error)));
    socket.once('end', () => done(() => reject(new Error(`${host} closed the connection`))));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0))
        done(() => resolve(received.subarray(2, 2 + received.readUInt16BE(0))));
    });
  });
}
