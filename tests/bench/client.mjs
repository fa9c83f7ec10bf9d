// A bare API client: HTTP/1.1 keep-alive over TLS, bodies as bytes, nothing parsed unless asked.
import https from 'node:https';

export class ApiClient {
  #agent;
  #base;

  /** @param {{server: string, ca: Buffer, cert: Buffer, key: Buffer}} endpoint */
  constructor({ server, ca, cert, key }) {
    this.#base = new URL(server);
    this.#agent = new https.Agent({ keepAlive: true, maxSockets: 512, ca, cert, key });
  }

  /** Resolves to status and body, whatever the status is. */
  request(method, path, body, type = 'application/json') {
    return new Promise((resolve, reject) => {
      this.#send(method, path, body, type, (response) => {
        const parts = [];
        response.on('data', (part) => parts.push(part));
        response.on('end', () => resolve({ status: response.statusCode, body: Buffer.concat(parts) }));
        response.on('error', reject);
      }).on('error', reject);
    });
  }

  /** The same, parsed; throws what is no success. */
  async json(method, path, body, type) {
    const { status, body: bytes } = await this.request(method, path, body, type);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${bytes.toString().slice(0, 300)}`);
    return JSON.parse(bytes.toString());
  }

  /** Calls `onLine` with each event's line until the returned function is called, `onEnd` if the server ends it. Resolves when the watch stands. */
  watch(path, onLine, onEnd = () => undefined) {
    return new Promise((resolve, reject) => {
      const request = this.#send('GET', path, undefined, undefined, (response) => {
        if (response.statusCode !== 200) return reject(new Error(`watch ${path}: ${response.statusCode}`));
        let rest = '';
        response.setEncoding('utf8');
        response.on('data', (text) => {
          const lines = (rest + text).split('\n');
          rest = lines.pop();
          for (const line of lines) onLine(line);
        });
        response.on('error', () => undefined);
        response.on('close', onEnd);
        resolve(() => {
          response.off('close', onEnd);
          request.destroy();
        });
      });
      request.on('error', reject);
    });
  }

  close() {
    this.#agent.destroy();
  }

  #send(method, path, body, type, onResponse) {
    const data = body === undefined ? undefined : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
    const headers = { accept: 'application/json', ...(data ? { 'content-type': type, 'content-length': data.length } : {}) };
    const request = https.request({ agent: this.#agent, hostname: this.#base.hostname, port: this.#base.port, method, path, headers }, onResponse);
    request.end(data);
    return request;
  }
}
