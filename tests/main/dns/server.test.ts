import packet, { type Answer, type Question } from 'dns-packet';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { DnsServer } from '../../../main/dns/server.ts';
import { FakeClock } from '../../support/fakeClock.ts';

let clock: FakeClock;
let server: DnsServer;
let asked: string[];
let asides: string[];
let world: Record<string, Answer[]>;

beforeEach(() => {
  clock = new FakeClock();
  asked = [];
  world = { 'example.com': [{ type: 'A', name: 'example.com', ttl: 20, data: '192.0.2.1' }] };
  asides = [];
  server = new DnsServer({
    clock,
    async ask(servers, message) {
      const query = packet.decode(message);
      asides.push(`${query.questions![0]!.name} ${servers.join()}`);
      return packet.encode({ type: 'response', id: query.id, flags: packet.RECURSION_AVAILABLE, questions: query.questions, answers: [{ type: 'A', name: query.questions![0]!.name, ttl: 20, data: '192.0.2.9' }] });
    },
    async foreign(message) {
      const query = packet.decode(message);
      const { name } = query.questions![0]!;
      asked.push(name);
      if (name === 'broken.com') throw new Error('no network');
      const answers = world[name] ?? [];
      return packet.encode({
        type: 'response',
        id: query.id,
        flags: packet.RECURSION_AVAILABLE | (answers.length ? 0 : 3),
        questions: query.questions,
        answers,
      });
    },
  });
  const endpoints = Array.from({ length: 60 }, (_, i) => ({ ip: `10.244.1.${i + 1}`, ports: [] }));
  server.setZone({
    domain: 'cluster.local',
    namespaces: ['default'],
    services: [
      { namespace: 'default', name: 'web', clusterIPs: ['10.96.1.1'], ports: [], endpoints: [] },
      { namespace: 'default', name: 'many', clusterIPs: [], ports: [], endpoints },
      { namespace: 'default', name: 'away', clusterIPs: [], externalName: 'example.com', ports: [], endpoints: [] },
      {
        namespace: 'default',
        name: 'near',
        clusterIPs: [],
        externalName: 'web.default.svc.cluster.local',
        ports: [],
        endpoints: [],
      },
      {
        namespace: 'default',
        name: 'round',
        clusterIPs: [],
        externalName: 'round.default.svc.cluster.local',
        ports: [],
        endpoints: [],
      },
    ],
  });
});

async function ask(
  name: string,
  type: Question['type'] = 'A',
  options: { via?: 'udp' | 'tcp'; id?: number; size?: number } = {},
) {
  const additionals = options.size
    ? [{ type: 'OPT', name: '.', udpPayloadSize: options.size, flags: 0, options: [] } as unknown as Answer]
    : [];
  const message = packet.encode({
    type: 'query',
    id: options.id ?? 7,
    flags: packet.RECURSION_DESIRED,
    questions: [{ name, type }],
    additionals,
  });
  const reply = (await server.answer(message, options.via ?? 'udp'))!;
  const decoded = packet.decode(reply);
  return {
    ...decoded,
    size: reply.length,
    code: reply[3]! & 0xf,
    values: decoded.answers!.map((answer) => ('data' in answer ? answer.data : undefined)),
  };
}

describe('a question about the cluster', () => {
  test('is answered with authority, in the letters it was asked in', async () => {
    const answer = await ask('Web.Default.SVC.cluster.local');
    expect(answer).toMatchObject({
      id: 7,
      code: 0,
      flag_aa: true,
      flag_rd: true,
      flag_ra: true,
      values: ['10.96.1.1'],
    });
    expect(answer.answers![0]!.name).toBe('Web.Default.SVC.cluster.local');
    expect(asked).toEqual([]);
  });

  test('about nothing is denied, with the reason to remember it', async () => {
    const answer = await ask('nobody.default.svc.cluster.local');
    expect(answer).toMatchObject({ code: 3, values: [] });
    expect(answer.authorities).toMatchObject([{ type: 'SOA' }]);
    expect(await ask('web.default.svc.cluster.local', 'AAAA')).toMatchObject({
      code: 0,
      values: [],
      authorities: [{ type: 'SOA' }],
    });
  });

  test('with a long answer is sent to TCP, unless the asker takes more', async () => {
    const name = 'many.default.svc.cluster.local';
    expect(await ask(name)).toMatchObject({ flag_tc: true, values: [] });
    const large = await ask(name, 'A', { size: 4096 });
    expect(large.size).toBeLessThanOrEqual(1232);
    expect((await ask(name, 'A', { via: 'tcp' })).values).toHaveLength(60);
  });

  test('follows an ExternalName to the address, here and outside', async () => {
    expect((await ask('near.default.svc.cluster.local')).values).toEqual([
      'web.default.svc.cluster.local',
      '10.96.1.1',
    ]);
    expect((await ask('away.default.svc.cluster.local')).values).toEqual(['example.com', '192.0.2.1']);
  });

  test('that leads in a circle ends', async () => {
    expect((await ask('round.default.svc.cluster.local')).code).toBe(0);
  });
});

describe('a question about the rest of the world', () => {
  test('is passed on, and its answer kept as long as it is true', async () => {
    expect(await ask('example.com', 'A', { id: 1 })).toMatchObject({ id: 1, values: ['192.0.2.1'] });
    await clock.advance(19_000);
    expect(await ask('example.com', 'A', { id: 2 })).toMatchObject({ id: 2, values: ['192.0.2.1'] });
    expect(asked).toEqual(['example.com']);
    await clock.advance(2_000);
    await ask('example.com');
    expect(asked).toEqual(['example.com', 'example.com']);
  });

  test('that two ask at once is asked once', async () => {
    await Promise.all([ask('example.com', 'A', { id: 1 }), ask('example.com', 'A', { id: 2 })]);
    expect(asked).toEqual(['example.com']);
  });

  test('that nobody answers fails, and is asked again', async () => {
    expect((await ask('broken.com')).code).toBe(2);
    await ask('broken.com');
    expect(asked).toEqual(['broken.com', 'broken.com']);
  });

  test('is the rest of the world as well before the zone is known', async () => {
    const fresh = new DnsServer({ clock, foreign: async (message) => message, ask: () => Promise.reject(new Error('nobody')) });
    const message = packet.encode({
      type: 'query',
      id: 3,
      questions: [{ name: 'web.default.svc.cluster.local', type: 'A' }],
    });
    expect(await fresh.answer(message, 'udp')).toEqual(message);
  });
});

test('what is no question gets no answer, or is told so', async () => {
  expect(await server.answer(Buffer.from('hello'), 'udp')).toBeUndefined();
  expect(await server.answer(packet.encode({ type: 'response', id: 1 }), 'udp')).toBeUndefined();
  const update = packet.encode({ type: 'query', id: 4, flags: 5 << 11, questions: [] });
  expect((await server.answer(update, 'udp'))![3]! & 0xf).toBe(4);
  const empty = packet.encode({ type: 'query', id: 4, questions: [] });
  expect((await server.answer(empty, 'udp'))![3]! & 0xf).toBe(1);
});

describe('resolvers that the cluster names', () => {
  const zone = (resolvers?: { stubDomains: { domain: string; servers: string[] }[]; upstream: string[] }) =>
    server.setZone({ domain: 'cluster.local', namespaces: [], services: [], ...(resolvers ? { resolvers } : {}) });

  test('are asked about their own domains, the longest first, and others are not', async () => {
    zone({ stubDomains: [{ domain: 'acme.local', servers: ['10.0.0.1'] }, { domain: 'lab.acme.local', servers: ['10.0.0.2:54'] }], upstream: [] });
    expect((await ask('www.acme.local')).values).toEqual(['192.0.2.9']);
    await ask('x.LAB.acme.local');
    await ask('acme.local');
    await ask('notacme.local');
    expect(asides).toEqual(['www.acme.local 10.0.0.1', 'x.LAB.acme.local 10.0.0.2:54', 'acme.local 10.0.0.1']);
    expect(asked).toEqual(['notacme.local']);
  });

  test('take the place of the computer\'s own for all other names where they are named for that', async () => {
    zone({ stubDomains: [], upstream: ['10.0.0.3'] });
    await ask('example.com');
    expect(asides).toEqual(['example.com 10.0.0.3']);
  });

  test('are asked anew when they are others', async () => {
    await ask('example.com');
    zone({ stubDomains: [{ domain: 'example.com', servers: ['10.0.0.1'] }], upstream: [] });
    expect((await ask('example.com')).values).toEqual(['192.0.2.9']);
    zone();
    expect((await ask('example.com')).values).toEqual(['192.0.2.1']);
  });
});

describe('a message of any bytes', () => {
  const name = fc.array(fc.oneof(fc.constantFrom('web', 'default', 'svc', 'cluster', 'local', 'many', 'away', '_http', 'a'.repeat(63)), fc.string({ minLength: 1, maxLength: 12 })), { maxLength: 6 }).map((labels) => labels.join('.'));
  const queries = fc
    .record({
      name,
      type: fc.constantFrom('A', 'AAAA', 'SRV', 'PTR', 'TXT', 'ANY', 'NS', 'SOA', 'MX', 'CNAME') as fc.Arbitrary<Question['type']>,
      opt: fc.boolean(),
      flags: fc.integer({ min: 0, max: 0x7fff }),
    })
    .map(({ name: asked, type, opt, flags }) => {
      try {
        return packet.encode({ type: 'query', id: 7, flags, questions: [{ name: asked, type }], additionals: opt ? [{ type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0, options: [] } as unknown as Answer] : [] });
      } catch {
        return Buffer.alloc(12);
      }
    });
  /** A question with some of its bytes changed, and cut short. */
  const broken = fc
    .tuple(queries, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 6 }), fc.nat())
    .map(([query, changes, cut]) => {
      const copy = Buffer.from(query);
      for (const [at, byte] of changes) copy[at % copy.length] = byte;
      return cut % 3 === 0 ? copy.subarray(0, cut % (copy.length + 1)) : copy;
    });

  test('gets an answer of the same id that can be read, or none', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(broken, queries, fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes))), fc.constantFrom('udp' as const, 'tcp' as const), async (message, via) => {
        const reply = await server.answer(message, via);
        if (!reply) return;
        expect(reply.readUInt16BE(0)).toBe(message.readUInt16BE(0));
        expect(packet.decode(reply).type).toBe('response');
        if (via === 'udp') expect(reply.length).toBeLessThanOrEqual(1232);
      }),
      { numRuns: 2000 },
    );
  });

  test('whose name has a dot within a label is no question', async () => {
    const header = packet.encode({ type: 'query', id: 9, questions: [] });
    header.writeUInt16BE(1, 4);
    for (const name of ['\x03web\x07default\x03svc\x07cluster\x05local', '\x0bweb.default\x03svc\x07cluster\x05local', '\x03  .\x05_http\x03web']) {
      const reply = await server.answer(Buffer.concat([header, Buffer.from(`${name}\0\0\x01\0\x01`, 'latin1')]), 'udp');
      expect([reply!.readUInt16BE(0), reply![3]! & 0xf]).toEqual([9, name.includes('.') ? 1 : 0]);
    }
  });

  test('whose names point in a circle is no question', async () => {
    const header = packet.encode({ type: 'query', id: 9, questions: [] });
    header.writeUInt16BE(1, 4);
    for (const pointer of [[0xc0, 12], [0xc0, 14, 0xc0, 12], [1, 97, 0xc0, 12]]) {
      const reply = await server.answer(Buffer.concat([header, Buffer.from([...pointer, 0, 1, 0, 1])]), 'udp');
      expect([reply!.readUInt16BE(0), reply![3]! & 0xf]).toEqual([9, 1]);
    }
  });
});

test('a client of a later version of EDNS is told which one is spoken', async () => {
  const message = packet.encode({ type: 'query', id: 7, questions: [{ name: 'web.default.svc.cluster.local', type: 'A' }], additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 1232, ednsVersion: 1, flags: 0, options: [] } as unknown as Answer] });
  const reply = packet.decode((await server.answer(message, 'udp'))!);
  const [opt] = reply.additionals as unknown as { type: string; extendedRcode: number; ednsVersion: number }[];
  expect([reply.answers, opt!.extendedRcode, opt!.ednsVersion]).toEqual([[], 1, 0]);
});

test('a name with bytes that are no text cannot be answered for', async () => {
  const header = packet.encode({ type: 'query', id: 9, flags: packet.RECURSION_DESIRED, questions: [] });
  header.writeUInt16BE(1, 4);
  const tail = packet.encode({ type: 'query', id: 9, questions: [{ name: 'default.svc.cluster.local', type: 'A' }] }).subarray(12);
  const reply = await server.answer(Buffer.concat([header, Buffer.from([63, ...Array<number>(63).fill(0xff)]), tail]), 'udp');
  expect(reply![3]! & 0xf).toBe(1);
});

test("another's answer that cannot be read is sent to TCP where it is too long", async () => {
  const garbage = new DnsServer({ clock, ask: async (_, message) => message, foreign: async (message) => Buffer.concat([message.subarray(0, 2), Buffer.alloc(700, 0xff)]) });
  const message = packet.encode({ type: 'query', id: 11, questions: [{ name: 'example.com', type: 'A' }] });
  expect(packet.decode((await garbage.answer(message, 'udp'))!)).toMatchObject({ id: 11, flag_tc: true });
  expect((await garbage.answer(message, 'tcp'))!.length).toBe(702);
});
