import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Duplex, Readable, Writable } from 'node:stream';
import type { TerminalSize } from '../api/kubelet.ts';
import type { KubeObject } from '../api/meta.ts';
import type { Entry } from '../store/index.ts';
import type { AuditedRequest } from './audit/index.ts';
import type { RequestInfo, UserInfo } from './auth/types.ts';
import type { Flow } from './flowControl/index.ts';
import type { Query } from './query.ts';
import type { Registry } from './registry/generic.ts';
import type { Page } from './registry/listing.ts';
import type { WatchSink } from './registry/watching.ts';

/** One request, whichever way it came in. */
export interface Call {
  /** Upper case. */
  method: string;
  /** Percent-encoded, without the query. */
  path: string;
  info: RequestInfo;
  query: Query;
  /** The query as it came, percent-encoded; '' where there is none. */
  search: string;
  user: UserInfo;
  userAgent: string;
  accept: string | undefined;
  contentType: string | undefined;
  ifNoneMatch?: string;
  /** Throws 413. */
  body(): Promise<Body>;
  /** The revision that made the client act, if it says so. */
  causeRevision?: number;
  /** Milliseconds since the epoch, when the request came. */
  now: number;
  /** Texts of `Warning` headers of the answer. */
  warnings: string[];
  /** Which flow it is of; requests of this process are of none. */
  flow?: Flow;
  /** Is told how the request goes on; absent where nobody wants to know. */
  audited?: AuditedRequest;
  /** What authorization and admission note for the audit log. */
  auditAnnotations?: Record<string, string>;
  /** Milliseconds that it waited for its turn, and for webhooks. */
  waited?: number;
  /** The authorizer said no. */
  denied?: boolean;
  /** The kind that it asks for is deprecated. */
  deprecated?: boolean;
  /** Runs when the client has gone, or at once if it has already. */
  onGone(listener: () => void): void;
  /** Absent on requests of this process. */
  wire?: Wire;
  /** Present on requests that ask to change the protocol. */
  upgrade?: Upgrade;
  /** Present on streams of this process: the client's ends, without a protocol. */
  local?: LocalEnds;
}

/** A request as it came, for those who pass it on. */
export interface Wire {
  headers: IncomingHttpHeaders;
  /** What the client called this server. */
  host: string;
  /** The client's address. */
  from?: string;
  http2: boolean;
  /** Not read yet; whoever reads it does not ask for `body()`. */
  body: Readable;
}

export type Body = { type: 'none' } | { type: 'bytes'; bytes: Buffer } | { type: 'value'; value: unknown };

/** The connection of a request that asks for another protocol. */
export interface Upgrade {
  request: IncomingMessage;
  socket: Duplex;
  head: Buffer;
}

export interface LocalEnds {
  stdin?: Readable;
  stdout?: Writable;
  stderr?: Writable;
  onResize?(listener: (size: TerminalSize) => void): void;
  signal: AbortSignal;
}

/** What the server says. How it looks on the wire is content/'s and http/'s business. */
export type Answer =
  | { type: 'entry'; code: number; entry: Entry; registry: Registry }
  | { type: 'list'; page: Page; registry: Registry }
  | { type: 'watch'; registry: Registry; open(sink: WatchSink): Promise<{ cancel(): void }> }
  /** An object that is not (or not as such) in the store: Status, scale, review. */
  | { type: 'object'; code: number; object: KubeObject; /** It has no table and no metadata to show instead: a client that takes only these gets 406. */ plainOnly?: boolean }
  | { type: 'text'; code: number; contentType: string; body: string | Uint8Array; headers?: Record<string, string> }
  /** Bytes as they come; resolves when all were written. */
  | { type: 'stream'; contentType: string; pump(out: Writable, signal: AbortSignal): Promise<void> }
  /** Another server's answer, passed on as it comes. */
  | { type: 'relay'; code: number; headers: Record<string, string | string[]>; body: Readable }
  /** The connection has been taken over; nothing is left to say. */
  | { type: 'taken' }
  /** To streams of this process: how a command ended, and a connection to a pod's port. */
  | { type: 'ended'; exitCode: number }
  | { type: 'connected'; connection: Duplex };

/** Who is asked after a request has been understood and allowed. */
export type Handler = (call: Call, registry: Registry) => Promise<Answer>;
