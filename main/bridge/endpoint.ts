import { Agent, request as httpsRequest } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import type { BridgeRequest, BridgeResponse } from '../../preload/contract.ts';

/** An API server and who we are to it: what a kubeconfig's context holds. All PEM. */
export interface ApiEndpoint {
  /** `https://127.0.0.1:6443` */
  server: string;
  ca: string;
  cert: string;
  key: string;
}

/** The largest answer that is handed to the window in one piece: 256 MiB. */
const maxBody = 256 * 2 ** 20;

/**
 * The window's way to an API server. It goes over TLS as any client does, so that the window works
 * against every server alike and the engine cannot treat it better than kubectl.
 */
export class EndpointClient {
  readonly #agent: Agent;
  readonly #origin: URL;

  constructor(readonly endpoint: ApiEndpoint) {
    this.#origin = new URL(endpoint.server);
    this.#agent = new Agent({ keepAlive: true, maxSockets: 256, ca: endpoint.ca, cert: endpoint.cert, key: endpoint.key });
  }

  /** Rejects only where no answer came; an answer of any status resolves. */
  async request(request: BridgeRequest): Promise<BridgeResponse> {
    const response = await this.#send(request.method, request.path, {
      accept: request.accept ?? 'application/json',
      contentType: request.contentType,
      body: request.body,
    });
    return {
      status: response.statusCode ?? 0,
      contentType: response.headers['content-type'] ?? '',
      body: await text(response),
      warnings: warningsOf(response),
    };
  }

  /** The lines of a streaming answer (watch), or its bytes (log). Resolves when it ended; rejects with the server's message. */
  async stream(path: string, accept: string, signal: AbortSignal, onOpen: () => void, onChunk: (chunk: Buffer) => void): Promise<void> {
    const response = await this.#send('GET', path, { accept, signal });
    if ((response.statusCode ?? 500) >= 400) throw new Error(messageOf(await text(response)));
    onOpen();
    for await (const chunk of response) onChunk(chunk as Buffer);
  }

  /** Opens an upgraded stream with the channels of `v5.channel.k8s.io`. */
  upgrade(path: string): WebSocket {
    const url = new URL(path, this.#origin);
    url.protocol = 'wss:';
    return new WebSocket(url, ['v5.channel.k8s.io', 'v4.channel.k8s.io'], {
      ca: this.endpoint.ca,
      cert: this.endpoint.cert,
      key: this.endpoint.key,
      perMessageDeflate: false,
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(
    method: string,
    path: string,
    options: { accept: string; contentType?: string; body?: string; signal?: AbortSignal },
  ): Promise<IncomingMessage> {
    if (!path.startsWith('/') || path.startsWith('//')) return Promise.reject(new Error(`not a path of the API: ${path.slice(0, 80)}`));
    return new Promise((resolve, reject) => {
      const request = httpsRequest(
        {
          agent: this.#agent,
          host: this.#origin.hostname,
          port: this.#origin.port,
          method,
          path,
          signal: options.signal,
          headers: {
            accept: options.accept,
            'user-agent': 'skiff-window',
            ...(options.body === undefined
              ? {}
              : { 'content-type': options.contentType ?? 'application/json', 'content-length': Buffer.byteLength(options.body) }),
          },
        },
        resolve,
      );
      request.on('error', reject);
      request.end(options.body);
    });
  }
}

async function text(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += (chunk as Buffer).length;
    if (size > maxBody) {
      response.destroy();
      throw new Error(`the answer is larger than ${maxBody} bytes`);
    }
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The texts of `Warning: 299 - "text"` headers. */
function warningsOf(response: IncomingMessage): string[] {
  const warnings: string[] = [];
  for (let i = 0; i + 1 < response.rawHeaders.length; i += 2) {
    if (response.rawHeaders[i]!.toLowerCase() !== 'warning') continue;
    for (const match of response.rawHeaders[i + 1]!.matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)) warnings.push(match[1]!.replace(/\\(.)/g, '$1'));
  }
  return warnings;
}

/** The message of a Status, or the text itself. */
export function messageOf(body: string): string {
  try {
    const status = JSON.parse(body) as { message?: unknown };
    if (typeof status.message === 'string') return status.message;
  } catch {
    // Not JSON: the text is the message.
  }
  return body.slice(0, 1000);
}
