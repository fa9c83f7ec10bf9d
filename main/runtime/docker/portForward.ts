import type Docker from 'dockerode';
import { Duplex } from 'node:stream';
import { RuntimeError } from '../index.ts';
import { FrameReader } from './frames.ts';
import { startExec } from './streams.ts';

const connected = 'skiff: connected\n';

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
    socket.pipe(process.stdout);
    socket.on('close', () => process.stdout.write('', () => process.exit(0)));
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
        if (!connection.push(content)) stream.pause();
        return;
      }
      told += content.toString();
      if (!open && told.startsWith(connected)) {
        open = true;
        resolve(connection);
      }
    });
    const over = () => {
      if (open) return connection.push(null);
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
