import dgram from 'node:dgram';
import net from 'node:net';
import type { DnsServer } from '../../dns/server.ts';

const idleMs = 10_000;

/** Cluster DNS' sockets, UDP and TCP. Resolves when both are bound. */
export async function listenDns(server: DnsServer, address: string, port: number): Promise<void> {
  const udp = dgram.createSocket('udp4');
  udp.on('message', (message, from) => {
    void server.answer(message, 'udp').then((answer) => {
      if (answer) udp.send(answer, from.port, from.address, () => {});
    });
  });
  const tcp = net.createServer((socket) => serveTcp(server, socket));
  await Promise.all([
    new Promise<void>((resolve, reject) => {
      udp.once('error', reject);
      udp.bind(port, address, () => {
        udp.on('error', () => {});
        resolve();
      });
    }),
    new Promise<void>((resolve, reject) => {
      tcp.once('error', reject);
      tcp.listen(port, address, resolve);
    }),
  ]);
}

/** Each message is preceded by its length. */
function serveTcp(server: DnsServer, socket: net.Socket): void {
  let buffer = Buffer.alloc(0);
  socket.on('error', () => socket.destroy());
  socket.setTimeout(idleMs, () => socket.destroy());
  socket.on('data', (chunk) => {
    buffer = Buffer.concat([buffer, chunk as Buffer]);
    while (buffer.length >= 2 && buffer.length >= 2 + buffer.readUInt16BE(0)) {
      const message = buffer.subarray(2, 2 + buffer.readUInt16BE(0));
      buffer = buffer.subarray(2 + message.length);
      void server.answer(message, 'tcp').then((answer) => {
        if (!answer) return socket.destroy();
        const length = Buffer.alloc(2);
        length.writeUInt16BE(answer.length);
        socket.write(Buffer.concat([length, answer]));
      });
    }
  });
}
