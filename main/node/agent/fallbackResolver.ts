import dgram from 'node:dgram';
import dns from 'node:dns';

const timeoutMs = 5000;

/** While no engine is connected the container engine's resolver answers questions about the rest of the world. */
export function askDirectly(message: Buffer): Promise<Buffer> {
  const [server = '127.0.0.11'] = dns.getServers();
  return new Promise((resolve, reject) => {
    const socket = dgram.createSocket(server.includes(':') ? 'udp6' : 'udp4');
    const done = (act: () => void) => {
      clearTimeout(timer);
      socket.close();
      act();
    };
    const timer = setTimeout(() => done(() => reject(new Error(`${server} did not answer`))), timeoutMs);
    socket.once('error', (error) => done(() => reject(error)));
    socket.once('message', (answer) => done(() => resolve(answer)));
    socket.send(message, 53, server);
  });
}
