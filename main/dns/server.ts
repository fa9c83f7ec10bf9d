import packet, { type Answer, type DecodedPacket, type Packet, type Question } from 'dns-packet';
import type { Clock } from '../util/clock.ts';
import type { DnsResolvers, DnsZone } from './records.ts';
import { ZoneIndex } from './zoneIndex.ts';

const rcode = { noError: 0, formatError: 1, serverFailure: 2, nameError: 3, notImplemented: 4 } as const;

/** Seconds that a foreign answer is kept at most, as CoreDNS' cache is set up in clusters. */
const maxCacheSeconds = 30;
const maxCached = 4096;
/** Bytes of a message's header. */
const questionsAt = 12;
const maxAliases = 8;
/** Larger UDP answers would be cut in pieces on the way. */
const maxUdpSize = 1232;

export interface DnsServerOptions {
  clock: Clock;
  /** Answers a question about names outside of the cluster: a DNS message each way. */
  foreign(message: Buffer): Promise<Buffer>;
  /** Asks certain resolvers (`address` or `address:port`) instead. */
  ask(servers: string[], message: Buffer): Promise<Buffer>;
}

/** Cluster DNS without its sockets: a message in, a message out. */
export class DnsServer {
  #zone: ZoneIndex | undefined;
  #resolvers: DnsResolvers | undefined;
  readonly #cache = new Map<string, { answer: Buffer; until: number }>();
  readonly #asking = new Map<string, Promise<Buffer>>();

  constructor(private readonly options: DnsServerOptions) {}

  setZone(zone: DnsZone): void {
    // What others answered may be wrong now.
    if (JSON.stringify(zone.resolvers) !== JSON.stringify(this.#resolvers)) this.#cache.clear();
    this.#resolvers = zone.resolvers;
    this.#zone = new ZoneIndex(zone);
  }

  /** Undefined when the message does not deserve an answer. */
  async answer(message: Buffer, via: 'udp' | 'tcp'): Promise<Buffer | undefined> {
    let query: DecodedPacket;
    try {
      query = packet.decode(message);
    } catch {
      if (message.length < 12 || message[2]! & 0x80) return undefined;
      return bare(message, rcode.formatError);
    }
    if (query.type !== 'query') return undefined;
    // Such a name would not come back as it was asked.
    if (hasDotInLabel(message) || query.questions?.some(({ name }) => !isText(name))) return bare(message, rcode.formatError);
    const reply = await this.#reply(query, message).catch(() => bare(message, rcode.serverFailure));
    const limit = via === 'tcp' ? 65_535 : udpLimit(query);
    return reply.length <= limit ? reply : truncated(reply, message);
  }

  async #reply(query: DecodedPacket, message: Buffer): Promise<Buffer> {
    const question = query.questions?.[0];
    if (((query.flags ?? 0) >> 11) & 0xf) return respond(query, rcode.notImplemented, {});
    if (!question || query.questions!.length !== 1) return bare(message, rcode.formatError);
    if (ednsOf(query)?.ednsVersion) return respond(query, rcode.noError, {}, badVersion);
    try {
      const local = this.#zone && question.class === 'IN' ? await this.#local(this.#zone, query, question) : undefined;
      return local ?? (await this.#foreign(question, message));
    } catch {
      return respond(query, rcode.serverFailure, {});
    }
  }

  /** Undefined for a name that is not the cluster's. */
  async #local(zone: ZoneIndex, query: DecodedPacket, question: Question): Promise<Buffer | undefined> {
    let found = zone.lookup(question.name.toLowerCase(), question.type);
    if (found.kind === 'foreign') return undefined;
    if (found.kind === 'nxdomain') return respond(query, rcode.nameError, { authorities: found.authority });
    const answers: Answer[] = [...found.answers];
    // A resolver in a pod expects the whole way to the address from the server that it asks.
    for (let hops = 0; found.kind === 'answer' && found.alias !== undefined && hops < maxAliases; hops++) {
      const { alias }: { alias?: string } = found;
      found = zone.lookup(alias!, question.type);
      if (found.kind === 'answer') answers.push(...found.answers);
      else if (found.kind === 'foreign') answers.push(...(await this.#resolve({ ...question, name: alias! })));
    }
    const [first] = answers;
    // With the letters as they were asked: resolvers may check them.
    if (first && first.name === question.name.toLowerCase())
      for (const [index, answer] of answers.entries())
        if (answer.name === first.name) answers[index] = { ...answer, name: question.name };
    if (found.kind !== 'answer') return respond(query, rcode.noError, { answers });
    return respond(query, rcode.noError, {
      answers,
      authorities: answers.length > 0 ? [] : found.authority,
      additionals: found.additionals,
    });
  }

  async #resolve(question: Question): Promise<Answer[]> {
    const message = packet.encode({ type: 'query', id: 0, flags: packet.RECURSION_DESIRED, questions: [question] });
    const answer = await this.#foreign(question, message).catch(() => undefined);
    return answer ? (packet.decode(answer).answers ?? []) : [];
  }

  /** Whoever knows names of that domain. */
  #ask(name: string, message: Buffer): Promise<Buffer> {
    const { stubDomains = [], upstream = [] } = this.#resolvers ?? {};
    const stub = stubDomains
      .filter(({ domain }) => name === domain || name.endsWith(`.${domain}`))
      .sort((a, b) => b.domain.length - a.domain.length)[0];
    const servers = stub?.servers ?? upstream;
    return servers.length > 0 ? this.options.ask(servers, message) : this.options.foreign(message);
  }

  async #foreign(question: Question, message: Buffer): Promise<Buffer> {
    // Everything but the id counts: flags, the name and what the client can take.
    const key = message.toString('latin1', 2);
    const now = this.options.clock.monotonic();
    const cached = this.#cache.get(key);
    if (cached && cached.until > now) return withId(cached.answer, message);
    this.#cache.delete(key);
    let asking = this.#asking.get(key);
    if (!asking) {
      asking = this.#ask(question.name.toLowerCase(), message).finally(() => this.#asking.delete(key));
      this.#asking.set(key, asking);
    }
    const answer = await asking;
    const seconds = cacheSeconds(answer);
    if (seconds > 0) {
      if (this.#cache.size >= maxCached) this.#cache.delete(this.#cache.keys().next().value!);
      this.#cache.set(key, { answer, until: now + seconds * 1000 });
    }
    return withId(answer, message);
  }
}

/** The part of a code that only EDNS has room for: the client speaks a version that is not known here. */
const badVersion = 1;

const ednsOf = (query: DecodedPacket) => query.additionals?.find((additional) => additional.type === 'OPT');

/** Whether the first name that is asked for has a dot within a label, where text cannot tell it from one between labels. */
function hasDotInLabel(message: Buffer): boolean {
  for (let at = questionsAt; at < message.length; ) {
    const length = message[at]!;
    if (length === 0 || length > 63) return false;
    if (message.subarray(at + 1, at + 1 + length).includes(0x2e)) return true;
    at += 1 + length;
  }
  return false;
}

/** Whether the bytes of a name were text: what was not has become a sign that stands for any byte. */
const isText = (name: string): boolean => !name.includes('\ufffd');

/** Nothing but how it went. */
const bare = (message: Buffer, code: number): Buffer => packet.encode({ id: message.readUInt16BE(0), type: 'response', flags: code });

function respond(
  query: DecodedPacket,
  code: number,
  sections: Pick<Packet, 'answers' | 'authorities' | 'additionals'>,
  extendedRcode = 0,
): Buffer {
  const flags =
    packet.AUTHORITATIVE_ANSWER | (query.flag_rd ? packet.RECURSION_DESIRED : 0) | packet.RECURSION_AVAILABLE | code;
  const opt = ednsOf(query) !== undefined;
  const edns: Answer = {
    type: 'OPT',
    name: '.',
    udpPayloadSize: maxUdpSize,
    flags: 0,
    options: [],
    extendedRcode,
    ednsVersion: 0,
    flag_do: false,
  } as unknown as Answer;
  return packet.encode({
    type: 'response',
    id: query.id ?? 0,
    flags,
    questions: query.questions ?? [],
    answers: sections.answers ?? [],
    authorities: sections.authorities ?? [],
    additionals: [...(sections.additionals ?? []), ...(opt ? [edns] : [])],
  });
}

/** The same answer for another asker. */
function withId(answer: Buffer, query: Buffer): Buffer {
  const copy = Buffer.from(answer);
  query.copy(copy, 0, 0, 2);
  return copy;
}

function udpLimit(query: DecodedPacket): number {
  const opt = ednsOf(query);
  return opt?.type === 'OPT' ? Math.min(Math.max(512, opt.udpPayloadSize), maxUdpSize) : 512;
}

/** Tells a resolver to ask again over TCP. */
function truncated(reply: Buffer, message: Buffer): Buffer {
  let decoded: DecodedPacket;
  try {
    decoded = packet.decode(reply);
  } catch {
    // Another's answer may hold what is not known here.
    return bare(message, packet.TRUNCATED_RESPONSE);
  }
  const { id, questions, flags, additionals } = decoded;
  return packet.encode({
    type: 'response',
    id,
    flags: ((flags ?? 0) & 0x7fff) | packet.TRUNCATED_RESPONSE,
    questions,
    additionals: additionals?.filter((additional) => additional.type === 'OPT'),
  });
}

/** How long a foreign answer stays true: as long as its shortest record; a denial, as long as its SOA says. */
function cacheSeconds(answer: Buffer): number {
  try {
    const decoded = packet.decode(answer);
    const code = answer[3]! & 0x0f;
    if ((code !== rcode.noError && code !== rcode.nameError) || decoded.flag_tc) return 0;
    const ttls = [...(decoded.answers ?? []), ...(decoded.authorities ?? [])].map((entry) => {
      if (entry.type === 'SOA') return Math.min(entry.ttl ?? 0, entry.data.minimum ?? 0);
      return 'ttl' in entry ? (entry.ttl ?? 0) : 0;
    });
    return ttls.length === 0 ? 0 : Math.min(maxCacheSeconds, ...ttls);
  } catch {
    return 0;
  }
}
