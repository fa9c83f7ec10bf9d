import dgram from 'node:dgram';
import { Duplex } from 'node:stream';

/** Datagrams to and from one address, in object mode: a chunk a datagram. Rejects where no way leads there. */
export function dialUdp(host: string, port: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4');
    socket.once('error', reject);
    socket.connect(port, host, () => {
      socket.removeListener('error', reject);
      resolve(connected(socket));
    });
  });
}

function connected(socket: dgram.Socket): Duplex {
  const stream = new Duplex({
    objectMode: true,
    read() {},
    write(message: Buffer, _encoding, done) {
      // Lost or refused is no failure of the stream here: `error` tells what ends it.
      socket.send(message, () => {});
      done();
    },
    final(done) {
      done();
    },
    destroy(error, done) {
      socket.removeAllListeners('message');
      socket.close(() => done(error));
    },
  });
  socket.on('message', (message) => stream.push(message));
  // Nobody listens there (ICMP): whoever sends again may find somebody.
  socket.on('error', (error) => stream.destroy(error));
  stream.on('error', () => {});
  return stream;
}
