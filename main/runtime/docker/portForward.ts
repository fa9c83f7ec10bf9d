import type Docker from 'dockerode';
import { Duplex } from 'node:stream';
import { RuntimeError } from '../index.ts';
import { FrameReader } from './frames.ts';
import { startExec } from './streams.ts';

const connected = 'skiff: connected\n';
/** With the number of bytes that came before: standard output and error reach us in no certain order. */
const endPattern = /skiff: end (\d+)\n/;

/**
 * One connection, carried by a command inside the sandbox: only there is the pod's own loopback. IPv4's loopback comes
 * first, then IPv6's, then the pod's address, as servers listen on any of them.
 */
const program = `
const net = require('node:net');
const [port, ...hosts] = process.argv.slice(1);
let last = '';
const next = () => {
  const host = hosts.shift();
  if (host === undefined) { process.stderr.write(last); process.exit(1); }
  const socket = net.connect({ port: Number(port), host, allowHalfOpen: true });
  const failed = (error) => { last = error.message; next(); };
  socket.once('error', failed);
  socket.once('connect', () => {
    socket.off('error', failed);
    socket.on('error', (error) => { process.stderr.write(error.message); process.exit(1); });
    process.stderr.write(${JSON.stringify(connected)});
    process.stdin.pipe(socket);
    let bytes = 0;
    socket.on('data', (data) => {
      bytes += data.length;
      if (!process.stdout.write(data)) { socket.pause(); process.stdout.once('drain', () => socket.resume()); }
    });
    socket.on('end', () => process.stderr.write('skiff: end ' + bytes + '\\n'));
    socket.on('close', () => process.stdout.write('', () => process.stderr.write('', () => process.exit(0))));
  });
};
next();
`;

/** Where the sandbox image has no Node.js, its netcat does; it ends its side when its input ends and keeps reading. */
const fallback = `if command -v node > /dev/null; then exec node -e "$1" "$2" 127.0.0.1 ::1 $3; fi
if nc -z 127.0.0.1 "$2"; then printf 'skiff: connected\\n' >&2; exec nc 127.0.0.1 "$2"; fi
if [ -n "$3" ] && nc -z "$3" "$2"; then printf 'skiff: connected\\n' >&2; exec nc "$3" "$2"; fi
printf 'connection refused' >&2; exit 1`;

export async function portForward(docker: Docker, sandboxId: string, address: string | undefined, port: number): Promise<Duplex> {
  const { stream } = await startExec(docker, sandboxId, ['sh', '-c', fallback, 'sh', program, String(port), address ?? ''], {
    stdin: true,
    stdout: true,
    stderr: true,
    tty: false,
  });
  return new Promise<Duplex>((resolve, reject) => {
    let told = '';
    let open = false;
    let received = 0;
    let total = Infinity;
    let finished = false;
    const finish = () => {
      if (finished) return;
      finished = true;
      connection.push(null);
    };
    const connection = new Duplex({
      allowHalfOpen: true,
      read() {
        stream.resume();
      },
      write(chunk: Buffer, _encoding, done) {
        stream.write(chunk, done);
      },
      final(done) {
        stream.end(done);
      },
      destroy(error, done) {
        stream.destroy();
        done(error);
      },
    });
    const reader = new FrameReader((kind, content) => {
      if (kind === 'stdout') {
        received += content.length;
        if (!finished && !connection.push(content)) stream.pause();
      } else {
        told += content.toString();
        if (!open && told.startsWith(connected)) {
          open = true;
          resolve(connection);
        }
        const end = endPattern.exec(told);
        if (end) total = Number(end[1]);
      }
      // The server has said its last; the client may go on.
      if (received >= total) finish();
    });
    const over = () => {
      if (open) return finish();
      reject(new RuntimeError('other', `failed to connect to localhost:${port} inside the pod: ${told.trim() || 'the sandbox ended'}`));
    };
    stream.on('data', (chunk: Buffer) => reader.push(chunk));
    stream.once('end', over);
    stream.once('error', (error) => {
      if (open) connection.destroy(error);
      else over();
    });
  });
}
