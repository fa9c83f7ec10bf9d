import { Duplex } from 'node:stream';

/** Larger than any datagram: a length of two bytes. */
const lengthBytes = 2;

/**
 * A stream of datagrams (in object mode: a chunk a datagram) over a stream of bytes, each preceded by its length. What is
 * sent while the other side does not read is lost, as datagrams are.
 */
export function framedDatagrams(bytes: Duplex): Duplex {
  const datagrams = new Duplex({
    objectMode: true,
    read() {},
    write(message: Buffer, _encoding, done) {
      if (!bytes.writableNeedDrain && message.length < 65_536) {
        const frame = Buffer.allocUnsafe(lengthBytes + message.length);
        frame.writeUInt16BE(message.length);
        message.copy(frame, lengthBytes);
        bytes.write(frame);
      }
      done();
    },
    final(done) {
      bytes.end(done);
    },
    destroy(error, done) {
      bytes.destroy();
      done(error);
    },
  });
  let rest: Buffer = Buffer.alloc(0);
  bytes.on('data', (chunk: Buffer) => {
    rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    while (rest.length >= lengthBytes && rest.length >= lengthBytes + rest.readUInt16BE(0)) {
      const end = lengthBytes + rest.readUInt16BE(0);
      datagrams.push(rest.subarray(lengthBytes, end));
      rest = rest.subarray(end);
    }
  });
  bytes.on('end', () => datagrams.push(null));
  bytes.on('error', (error) => datagrams.destroy(error));
  bytes.on('close', () => datagrams.destroy());
  return datagrams;
}
