import type { ClientRequest } from 'node:http';

/** What was known of a question when it failed. */
export interface Sent {
  /** The connection was there before: its other end may have closed it just then. */
  reused: boolean;
  /** The answer has begun. */
  answered: boolean;
}

export interface HttpAnswer {
  code: number;
  text: string;
  contentType: string;
}

/** Ends the request with `body`. Resolves with the whole answer; rejects as Node says, or with `tooLarge` where it has more than `most` bytes. */
export function exchange(request: ClientRequest, body: string, sent: Sent, most: number, tooLarge: () => Error): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    request.on('error', (error) => {
      sent.reused = request.reusedSocket;
      reject(error);
    });
    request.on('response', (response) => {
      sent.answered = true;
      const parts: Buffer[] = [];
      let size = 0;
      response.on('data', (part: Buffer) => {
        size += part.length;
        if (size > most) response.destroy(tooLarge());
        else parts.push(part);
      });
      response.on('end', () => resolve({ code: response.statusCode ?? 0, text: Buffer.concat(parts).toString('utf8'), contentType: response.headers['content-type'] ?? '' }));
      response.on('error', reject);
    });
    request.end(body);
  });
}
