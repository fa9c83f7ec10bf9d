import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { TestAuthority } from './certificates.ts';

/* eslint-disable @typescript-eslint/no-explicit-any -- reviews of all kinds of objects pass through here */

export interface Review {
  path: string;
  request: any;
}

export type Answer = { /** In place of AdmissionReview. */ kind?: string; allowed?: boolean; patch?: unknown[]; /** Base64, in place of `patch`. */ rawPatch?: string; status?: object; warnings?: string[]; auditAnnotations?: Record<string, string> } | undefined;

/** A webhook on this machine that answers by path. An answer of undefined is HTTP 500. */
export class WebhookServer {
  readonly seen: Review[] = [];
  /** Who asked, in the order of `seen`: the header and the name in the certificate that were shown. */
  readonly callers: { authorization: string | undefined; name: string | undefined }[] = [];
  /** As whom, by the headers that say so. */
  readonly impersonated: Record<string, unknown>[] = [];
  answers: Record<string, (request: any) => Answer> = {};
  /** Answers ConversionReviews with these objects. */
  conversions: ((request: { desiredAPIVersion: string; objects: any[] }) => any[]) | undefined;

  private constructor(
    private readonly server: https.Server,
    readonly caBundle: string,
  ) {}

  static async start(): Promise<WebhookServer> {
    const authority = await TestAuthority.create();
    const { certificate, key } = await authority.server();
    const server = https.createServer({ cert: certificate, key, requestCert: true, rejectUnauthorized: false }, (request, response) => {
      let text = '';
      request.on('data', (part: Buffer) => (text += part.toString()));
      request.on('end', () => {
        const path = request.url!.split('?')[0]!;
        const review = JSON.parse(text) as { apiVersion: string; kind: string; request: { uid: string; desiredAPIVersion: string; objects: any[] } };
        hooks.seen.push({ path, request: review.request });
        hooks.callers.push({ authorization: request.headers.authorization, name: [(request.socket as TLSSocket).getPeerCertificate().subject?.CN].flat()[0] });
        hooks.impersonated.push(Object.fromEntries(Object.entries(request.headers).filter(([name]) => name.startsWith('impersonate-'))));
        if (review.kind === 'ConversionReview' && hooks.conversions) {
          const answer = { uid: review.request.uid, result: { status: 'Success' }, convertedObjects: hooks.conversions(review.request) };
          return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ kind: review.kind, apiVersion: review.apiVersion, response: answer }));
        }
        const answer = hooks.answers[path]?.(review.request);
        if (!answer) return response.writeHead(500).end('no such path');
        const { kind = 'AdmissionReview', patch, rawPatch = patch && btoa(JSON.stringify(patch)), ...rest } = answer;
        const patched = rawPatch ? { patchType: 'JSONPatch', patch: rawPatch } : {};
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ kind, apiVersion: review.apiVersion, response: { uid: review.request.uid, allowed: true, ...rest, ...patched } }));
      });
    });
    const hooks = new WebhookServer(server, Buffer.from(authority.certificate).toString('base64'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return hooks;
  }

  clientConfig(path: string) {
    return { url: `https://localhost:${(this.server.address() as AddressInfo).port}${path}`, caBundle: this.caBundle };
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}
