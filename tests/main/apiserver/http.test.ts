import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { networkInterfaces } from 'node:os';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { start, type Harness, type Widget } from './support/harness.ts';

const base = '/apis/test.skiff/v1/namespaces/default/widgets';

interface Reply {
  code: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

let harness: Harness;
beforeAll(async () => {
  harness = await start();
  await harness.local.request({ method: 'POST', path: base, body: { metadata: { name: 'one', labels: { a: 'b' } }, spec: { color: 'blue' } } });
});
afterAll(() => harness.close());

interface Ask {
  method?: string;
  path: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
  as?: 'admin' | 'user' | 'nobody';
}

function ask({ method = 'GET', path, headers = {}, body, as = 'admin' }: Ask): Promise<Reply> {
  const pair = as === 'nobody' ? undefined : harness[as];
  return new Promise((resolve, reject) => {
    const request = https.request(
      { host: '127.0.0.1', port: harness.port, ca: harness.ca, cert: pair?.certificate, key: pair?.key, method, path, headers, agent: false, servername: 'localhost' },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => resolve({ code: response.statusCode!, headers: response.headers, text: Buffer.concat(parts).toString('utf8') }));
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

const json = (reply: Reply) => JSON.parse(reply.text) as Record<string, unknown>;

describe('what no client should send', () => {
  it('is refused and no more when it is nested without end', async () => {
    const body = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`;
    const reply = await ask({ method: 'POST', path: base, headers: { 'content-type': 'application/json' }, body });
    expect([reply.code, reply.text]).toEqual([400, expect.stringContaining('exceeded max depth')]);
  });

  it('lists everything for a limit below nothing', async () => {
    const reply = await ask({ path: `${base}?limit=-5` });
    expect([reply.code, json(reply).items]).toEqual([200, json(await ask({ path: base })).items]);
    expect(json(reply).items).toContainEqual(expect.objectContaining({ metadata: expect.objectContaining({ name: 'one' }) }));
  });
});

describe('who may ask', () => {
  it('a foreign Host is turned away, whoever asks: the browser was lured here', async () => {
    expect((await ask({ path: '/version', headers: { host: 'evil.example' } })).code).toBe(421);
    expect((await ask({ path: '/version', headers: { host: `localhost:${harness.port}` } })).code).toBe(200);
    expect((await ask({ path: '/version', headers: { host: 'kubernetes.default.svc' } })).code).toBe(200);
  });

  it('a page of another origin is turned away', async () => {
    expect((await ask({ path: '/version', headers: { origin: 'https://evil.example' } })).code).toBe(403);
    expect((await ask({ path: '/version', headers: { origin: `https://localhost:${harness.port}` } })).code).toBe(200);
  });

  it('the certificate says who asks, and the authorizer whether they may', async () => {
    const reply = await ask({ path: `${base}/one`, as: 'user' });
    expect(reply.code).toBe(403);
    expect(json(reply)).toMatchObject({
      reason: 'Forbidden',
      message:
        'widgets.test.skiff "one" is forbidden: User "jane" cannot get resource "widgets" in API group "test.skiff" in the namespace "default": nobody may',
    });
  });

  it('without a certificate one is anonymous, with a wrong token nobody', async () => {
    expect(json(await ask({ path: '/secret', as: 'nobody' }))).toMatchObject({
      code: 403,
      message: 'forbidden: User "system:anonymous" cannot get path "/secret": nobody may',
    });
    expect(json(await ask({ path: '/secret', as: 'nobody', headers: { authorization: 'Bearer x' } }))).toMatchObject({ code: 401, reason: 'Unauthorized' });
  });

  it('nobody from another machine: only loopback is listened on', async () => {
    const outside = Object.values(networkInterfaces()).flat().find((address) => address && !address.internal && address.family === 'IPv4');
    if (!outside) return;
    const socket = net.connect(harness.port, outside.address);
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
  });
});

describe('bodies', () => {
  it('larger than 3 MiB are refused', async () => {
    const reply = await ask({ method: 'POST', path: base, headers: { 'content-type': 'application/json', 'content-length': String(4 << 20) } }).catch(() => undefined);
    if (reply) expect(json(reply)).toMatchObject({ code: 413, reason: 'RequestEntityTooLarge', message: 'Request entity too large: limit is 3145728' });
    const chunked = await ask({ method: 'POST', path: base, headers: { 'transfer-encoding': 'chunked' }, body: Buffer.alloc(4 << 20, 32) });
    expect(json(chunked)).toMatchObject({ code: 413 });
  });

  it('may be YAML', async () => {
    const reply = await ask({ method: 'POST', path: base, headers: { 'content-type': 'application/yaml' }, body: 'metadata: {name: yes-y}\nspec: {color: red}\n' });
    expect(reply.code).toBe(201);
    expect(reply.headers.warning).toBe('299 - "spec.color: red is \\"discouraged\\""');
  });

  it('of another type are refused in upstream words', async () => {
    expect(json(await ask({ method: 'POST', path: base, headers: { 'content-type': 'text/plain' }, body: 'x' }))).toMatchObject({
      code: 415,
      reason: 'UnsupportedMediaType',
      message:
        'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    });
    expect(json(await ask({ method: 'PATCH', path: `${base}/one`, headers: { 'content-type': 'application/json' }, body: '{}' }))).toMatchObject({ code: 415, message: '415: Unsupported Media Type' });
  });

  it('are warned of in UTF-8', async () => {
    const body = JSON.stringify({ metadata: { name: 'warned' }, spec: { color: 'écarlate' } });
    const { headers } = await ask({ method: 'POST', path: `${base}?dryRun=All`, headers: { 'content-type': 'application/json' }, body });
    expect(Buffer.from(String(headers.warning), 'latin1').toString('utf8')).toBe('299 - "spec.color: écarlate is no color"');
    const odd = JSON.stringify({ metadata: { name: 'warned' }, spec: { color: 'two\nlines' } });
    expect((await ask({ method: 'POST', path: `${base}?dryRun=All`, headers: { 'content-type': 'application/json' }, body: odd })).headers.warning).toBeUndefined();
  });

  it('are warned of in headers that clients can take', async () => {
    const twice = (lengths: number[]) => `{"metadata":{"name":"twice"},${lengths.map((length, i) => `"${i}${'x'.repeat(length)}":1,"${i}${'x'.repeat(length)}":1`).join(',')}}`;
    const warnings = async (lengths: number[]) => {
      const reply = await ask({ method: 'POST', path: `${base}?dryRun=All`, headers: { 'content-type': 'application/json' }, body: twice(lengths) });
      expect(reply.code).toBe(201);
      return String(reply.headers.warning).split(', 299 - ');
    };
    expect((await warnings([3000]))[0]!.length).toBeGreaterThan(3000);
    expect((await warnings([1_000_000])).map((warning) => warning.length)).toEqual(['299 - ""'.length + '\\'.length + 256]);
    const many = await warnings(Array.from({ length: 40 }, () => 1000));
    expect([many.length, Math.max(...many.map((warning) => warning.length))]).toEqual([16, '299 - ""'.length + '\\'.length + 256]);
  });

  it('that are no JSON are refused', async () => {
    const reply = json(await ask({ method: 'POST', path: base, headers: { 'content-type': 'application/json' }, body: '{"metadata":' }));
    expect(reply).toMatchObject({ code: 400, reason: 'BadRequest' });
    expect(reply.message).toMatch(/^the object provided is unrecognized \(must be of type Widget\)/);
  });
});

describe('answers', () => {
  it('come as a table when kubectl wants to print one', async () => {
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
    const table = json(await ask({ path: `${base}?fieldSelector=metadata.name%3Done`, headers: { accept } })) as {
      kind: string;
      columnDefinitions: { name: string }[];
      rows: { cells: string[]; object: { kind: string; spec?: unknown } }[];
    };
    expect(table.kind).toBe('Table');
    expect(table.columnDefinitions.map((c) => c.name)).toEqual(['Name', 'Color', 'Age']);
    expect(table.rows[0]!.cells).toEqual(['one', 'blue', expect.stringMatching(/^\d+s$/)]);
    expect(table.rows[0]!.object).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { name: 'one' } });
    const whole = json(await ask({ path: `${base}/one?includeObject=Object`, headers: { accept } })) as typeof table;
    expect(whole.rows[0]!.object.spec).toEqual({ color: 'blue' });
    expect((await ask({ path: `${base}/one?includeObject=All`, headers: { accept } })).code).toBe(400);
  });

  it('come as metadata alone', async () => {
    const one = json(await ask({ path: `${base}/one`, headers: { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' } }));
    expect(one).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { name: 'one' } });
    expect(one).not.toHaveProperty('spec');
    const all = json(await ask({ path: base, headers: { accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' } }));
    expect(all.kind).toBe('PartialObjectMetadataList');
  });

  it('that a client would not take are refused before anything is done', async () => {
    const path = '/apis/test.skiff/v1/namespaces/unseen/widgets';
    const post = (accept: string, query: string) => ask({ method: 'POST', path: path + query, headers: { 'content-type': 'application/json', accept }, body: '{"metadata":{"name":"it"}}' });
    const as = (kind: string) => `application/json;as=${kind};g=meta.k8s.io;v=v1`;
    expect((await post(as('Table'), '?includeObject=odd')).code).toBe(400);
    expect((await post(as('PartialObjectMetadataList'), '')).code).toBe(406);
    expect(json(await ask({ path })).items).toEqual([]);
    expect((await post(as('Table'), '')).code).toBe(201);
    expect((await ask({ method: 'DELETE', path, headers: { accept: as('PartialObjectMetadata') } })).code).toBe(406);
    expect(json(await ask({ path })).items).toHaveLength(1);
    expect((await ask({ method: 'DELETE', path, headers: { accept: as('PartialObjectMetadataList') } })).code).toBe(200);
    expect(json(await ask({ path })).items).toEqual([]);
  });

  it('are refused when nothing is acceptable', async () => {
    expect(json(await ask({ path: `${base}/one`, headers: { accept: 'text/html' } }))).toMatchObject({
      code: 406,
      message: '406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    });
    expect(json(await ask({ path: `${base}/one`, headers: { accept: 'application/json;as=Table;g=meta.k8s.io;v=v9' } }))).toMatchObject({
      code: 406,
      message: 'only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    });
  });

  it('in YAML are plain: names in order, nothing by reference', async () => {
    const { text } = await ask({ path: `${base}/one`, headers: { accept: 'application/yaml' } });
    expect(text).toMatch(/^apiVersion: test.skiff\/v1\nkind: Widget\nmetadata:\n/);
    expect(text).toContain('\n  managedFields:\n  - apiVersion:');
    expect(text).not.toMatch(/[&*]a\d/);
  });

  it('are pretty for people', async () => {
    expect((await ask({ path: `${base}/one`, headers: { 'user-agent': 'curl/8' } })).text).toContain('{\n  "kind": "Widget"');
    expect((await ask({ path: `${base}/one` })).text).toMatch(/^\{"kind":"Widget","apiVersion":"test.skiff\/v1","metadata":\{"name":"one"/);
  });

  it('are complete also when a long list goes out in pieces, one behind the other on a connection', async () => {
    const many = '/apis/test.skiff/v1/namespaces/many/widgets';
    const note = 'ä'.repeat(30_000);
    for (let i = 100; i < 200; i++)
      await harness.local.request({ method: 'POST', path: many, body: { metadata: { name: `w-${i}`, annotations: { note } }, spec: { color: 'blue' } } });
    const whole = await ask({ path: many });
    expect(whole.headers['content-length']).toBeUndefined();
    const { items } = json(whole) as { items: Widget[] };
    expect(items.map(({ metadata }) => metadata!.name)).toEqual(Array.from({ length: 100 }, (_, i) => `w-${100 + i}`));
    expect(items.every(({ metadata }) => metadata!.annotations!.note === note)).toBe(true);

    const socket = tls.connect({ host: '127.0.0.1', port: harness.port, ca: harness.ca, cert: harness.admin.certificate, key: harness.admin.key, servername: 'localhost' });
    const request = (connection: string) => `GET ${many} HTTP/1.1\r\nhost: localhost\r\nconnection: ${connection}\r\n\r\n`;
    // The second is read before the first has been answered.
    socket.write(request('keep-alive') + request('close'));
    const parts: Buffer[] = [];
    socket.on('data', (part: Buffer) => parts.push(part));
    await once(socket, 'close');
    expect(Buffer.concat(parts).toString('utf8').match(/"kind":"WidgetList"/g)).toHaveLength(2);
  });

  it('to HEAD have no body, and objects take no HEAD', async () => {
    expect((await ask({ method: 'HEAD', path: `${base}/one` })).code).toBe(405);
    const reply = await ask({ method: 'HEAD', path: '/version' });
    expect(reply.code).toBe(200);
    expect(reply.text).toBe('');
    expect(Number(reply.headers['content-length'])).toBeGreaterThan(0);
  });
});

describe('watches', () => {
  const large = '/apis/test.skiff/v1/namespaces/large/widgets';
  const megabyte = 'x'.repeat(2 ** 20);
  const put = (name: string, value: string) => harness.local.request({ method: 'POST', path: large, body: { metadata: { name }, data: { value } } });
  const watch = (query: string): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const { certificate: cert, key } = harness.admin;
      const path = `${large}?watch=true&${query}`;
      https.get({ host: '127.0.0.1', port: harness.port, ca: harness.ca, cert, key, path, agent: false, servername: 'localhost' }, resolve).on('error', reject);
    });

  it('begin with a list at the pace of the client, however long it is', async () => {
    for (let i = 0; i < 40; i++) await put(`w-${i}`, megabyte);
    const response = await watch('sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true');
    await put('later', '1');
    const parts: Buffer[] = [];
    for await (const part of response) {
      parts.push(part as Buffer);
      if ((part as Buffer).includes('"name":"later"')) break;
    }
    const lines = Buffer.concat(parts).toString().split('\n').slice(0, -1);
    const seen = lines.map((line) => /"name":"([^"]*)"/.exec(line.slice(0, 300))?.[1] ?? line.slice(0, 20));
    expect(seen.filter((name) => name.startsWith('w-'))).toHaveLength(40);
    expect(seen.slice(-2)).toEqual(['{"type":"BOOKMARK","', 'later']);
  });

  it('that are not read are cut off before they take much, and hold up nobody', async () => {
    const { revision } = harness.store;
    const slow = await watch(`resourceVersion=${revision}`);
    slow.on('error', () => undefined);
    const cut = new Promise((resolve) => slow.once('close', resolve));
    const fast = await watch(`resourceVersion=${revision}`);
    let read = 0;
    fast.on('data', (part: Buffer) => (read += part.length));
    for (let i = 0; i < 48; i++) {
      await put(`slow-${i}`, megabyte);
      while (read < (i + 1) * 2 ** 20) await once(fast, 'data');
    }
    slow.resume();
    await cut;
    expect(slow.complete).toBe(false);
    fast.destroy();
  });

  it('come as messages of a WebSocket to those who ask for it, an event each', async () => {
    const path = '/apis/test.skiff/v1/namespaces/sockets/widgets';
    const made = (name: string) => harness.local.request({ method: 'POST', path, body: { metadata: { name } } });
    await made('first');
    await made('second');
    const { certificate: cert, key } = harness.admin;
    const open = (query: string) =>
      new WebSocket(`wss://127.0.0.1:${harness.port}${path}?watch=true&${query}`, ['chosen'], { ca: harness.ca, cert, key, origin: `https://127.0.0.1:${harness.port}` });
    const socket = open('resourceVersion=0');
    const seen: unknown[] = [];
    let arrived = () => {};
    socket.on('message', (data: Buffer, binary: boolean) => {
      const { type, object } = JSON.parse(data.toString()) as { type: string; object: Widget };
      seen.push([type, object.metadata!.name, binary]);
      arrived();
    });
    const until = async (count: number) => {
      while (seen.length < count) await new Promise<void>((resolve) => (arrived = resolve));
    };
    await until(2);
    await harness.local.request({ method: 'DELETE', path: `${path}/first` });
    await made('third');
    await until(4);
    expect(seen).toEqual([['ADDED', 'first', false], ['ADDED', 'second', false], ['DELETED', 'first', false], ['ADDED', 'third', false]]);
    expect(socket.protocol).toBe('chosen');
    socket.terminate();
    const [, refused] = (await once(open('resourceVersion=odd'), 'unexpected-response')) as [unknown, IncomingMessage];
    expect(refused.statusCode).toBe(400);
    refused.destroy();
    // What only looks like a WebSocket is watched by nobody.
    const odd = await ask({ path: `${path}?watch=true`, headers: { connection: 'upgrade', upgrade: 'websocket' } });
    expect(odd.code).toBe(400);
  });
});

describe('what is there', () => {
  it('is listed by group and version', async () => {
    expect(json(await ask({ path: '/apis' }))).toMatchObject({ kind: 'APIGroupList', groups: [{ name: 'test.skiff', preferredVersion: { groupVersion: 'test.skiff/v1' } }] });
    const list = json(await ask({ path: '/apis/test.skiff/v1' })) as { resources: { name: string; shortNames?: string[]; verbs: string[] }[] };
    expect(list.resources.map((r) => r.name)).toEqual(['widgets', 'widgets/status']);
    expect(list.resources[0]).toMatchObject({ shortNames: ['wd'], verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'] });
    expect((await ask({ path: '/apis/nothing' })).code).toBe(404);
  });

  it('is told in one document, which is not sent again unchanged', async () => {
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
    const first = await ask({ path: '/apis', headers: { accept } });
    expect(first.headers['content-type']).toBe('application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList');
    expect(json(first)).toMatchObject({
      kind: 'APIGroupDiscoveryList',
      items: [{ metadata: { name: 'test.skiff' }, versions: [{ version: 'v1', freshness: 'Current', resources: [{ resource: 'widgets', scope: 'Namespaced' }] }] }],
    });
    const again = await ask({ path: '/apis', headers: { accept, 'if-none-match': String(first.headers.etag) } });
    expect(again).toMatchObject({ code: 304, text: '' });
  });

  it('has a version that clients understand', async () => {
    const reply = await ask({ path: '/version' });
    expect(reply.text).toMatch(/^\{\n  "major": "1",\n  "minor": "36",\n/);
    expect(json(reply)).toMatchObject({ major: '1', minor: '36', gitVersion: expect.stringMatching(/^v1\.36\.\d+\+skiff$/) });
  });

  it('reads long requests: commands come in the URL', async () => {
    expect((await ask({ path: `/version?command=${'a'.repeat(200_000)}` })).code).toBe(200);
  });

  it('lets what it serves be read only, and tells of unknown paths in words', async () => {
    for (const path of ['/api', '/apis', '/version']) expect((await ask({ method: 'POST', path, body: '{}' })).code).toBe(405);
    for (const path of ['/nothing', '//api/v1', '/apis/nothing/v1/things']) expect(await ask({ path })).toMatchObject({ code: 404, text: '404 page not found\n' });
    expect(json(await ask({ path: '/apis/test.skiff/v1/nothing' }))).toMatchObject({ kind: 'Status', code: 404, message: 'the server could not find the requested resource' });
  });

  it('says whether it is well', async () => {
    expect(await ask({ path: '/readyz' })).toMatchObject({ code: 200, text: 'ok' });
    expect((await ask({ path: '/livez?verbose' })).text).toMatch(/^\[\+\]ping ok\n\[\+\]log ok\n\[\+\]etcd ok\n(\[\+\]\S+ ok\n)+livez check passed\n$/);
    expect((await ask({ path: '/readyz/poststarthook/crd-informer-synced' })).text).toBe('ok');
    expect((await ask({ path: '/readyz/etcd' })).text).toBe('ok');
    expect((await ask({ path: '/metrics' })).text).toContain('apiserver_request_total{verb="GET"');
    expect((await ask({ path: '/metrics/slis' })).text).toContain('kubernetes_healthcheck{name="etcd",type="livez"} 1\n');
    expect((await ask({ path: '/flagz' })).text).toMatch(/^\napiserver flagz\nWarning: [^\n]*\nservice-cluster-ip-range 10\.96\.0\.0\/16\n$/);
    expect((await ask({ path: '/statusz' })).text).toMatch(/^\napiserver statusz\nWarning: [\s\S]*\nBinary version: {2}1\.36\n/);
    expect((await ask({ path: '/logs' })).code).toBe(404);
  });

  it('is asked for an answer in time', async () => {
    for (const timeout of ['3m', '0s', '500ms']) expect((await ask({ path: `/version?timeout=${timeout}` })).code).toBe(200);
    const refused = await ask({ path: '/version?timeout=invalid' });
    expect(refused.code).toBe(400);
    expect(refused.text).toContain('invalid timeout specified in the request URL - time: invalid duration');
  });

  it('counts what there is, what goes on and how it went', async () => {
    await ask({ path: `${base}/one` });
    await ask({ path: base, headers: { 'user-agent': 'kube-scheduler/v1.36.2 (linux/amd64) kubernetes/$Format' } });
    await ask({ path: base, headers: { 'user-agent': 'kube-scheduler' } });
    for (const dryRun of ['All', 'Some']) await ask({ method: 'DELETE', path: `${base}/one?dryRun=${dryRun}` });
    const text = (await ask({ path: '/metrics' })).text;
    expect(text).toMatch(/^apiserver_request_total\{verb="GET",dry_run="",group="test.skiff",version="v1",resource="widgets",subresource="",scope="resource",component="apiserver",code="200",system_client=""\} \d+$/m);
    expect(text).toMatch(/^apiserver_request_total\{verb="LIST",dry_run="",group="test.skiff",.*,code="200",system_client="kube-scheduler"\} 1$/m);
    expect(text).toMatch(/^apiserver_request_total\{verb="DELETE",dry_run="All",group="test.skiff",.*,code="200",system_client=""\} 1$/m);
    expect(text).toMatch(/^apiserver_request_total\{verb="DELETE",dry_run="invalid",group="test.skiff",.*,code="422",system_client=""\} 1$/m);
    expect(text).not.toMatch(/^apiserver_request_sli_duration_seconds_count\{verb="DELETE",group="test.skiff",.*,scope="resource"/m);
    // What is in memory alone has no size to be told.
    expect(text).not.toMatch(/^apiserver_storage_size_bytes\{/m);
    expect(text).toMatch(/^apiserver_storage_objects\{resource="widgets.test.skiff"\} \d+$/m);
    expect(text).toMatch(/^apiserver_current_inflight_requests\{request_kind="readOnly"\} 1$/m);
    expect(text).toMatch(/^apiserver_flowcontrol_dispatched_requests_total\{priority_level="exempt",flow_schema="exempt"\} \d+$/m);
    expect(text).toMatch(/^apiserver_response_sizes_count\{verb="GET",group="test.skiff",version="v1",resource="widgets",subresource="",scope="resource",component="apiserver"\} \d+$/m);
    expect(text).toMatch(/^apiserver_admission_step_admission_duration_seconds_count\{type="validate",operation="CREATE",rejected="false"\} [1-9]\d*$/m);
    expect(text).toMatch(/^apiserver_request_sli_duration_seconds_count\{verb="GET",group="test.skiff",version="v1",resource="widgets",subresource="",scope="resource",component="apiserver"\} [1-9]\d*$/m);
    expect(text).toMatch(/^authentication_attempts\{result="success"\} [1-9]\d*$/m);
    expect(text).toMatch(/^authenticated_user_requests\{username="[\w:]+"\} [1-9]\d*$/m);
    expect(text).toMatch(/^authorization_attempts_total\{result="allowed"\} [1-9]\d*$/m);
    expect(text).toMatch(/^etcd_request_duration_seconds_count\{operation="create",group="test.skiff",resource="widgets"\} [1-9]\d*$/m);
    expect(text).toMatch(/^etcd_requests_total\{operation="list",group="test.skiff",resource="widgets"\} [1-9]\d*$/m);
    expect(text).toMatch(/^apiserver_storage_events_received_total\{group="test.skiff",resource="widgets"\} [1-9]\d*$/m);
    expect(text).toMatch(/^apiserver_storage_list_fetched_objects_total\{group="test.skiff",resource="widgets"\} \d+$/m);
    expect(text).toMatch(/^apiserver_watch_events_total\{group="test.skiff",version="v1",resource="widgets"\} [1-9]\d*$/m);
    expect(text).toMatch(/^apiserver_watch_events_sizes_count\{group="test.skiff",version="v1",resource="widgets"\} [1-9]\d*$/m);
    expect(text).toMatch(/^apiserver_client_certificate_expiration_seconds_count [1-9]\d*$/m);
    expect(text).toMatch(/^apiserver_request_body_size_bytes_count\{group="test.skiff",resource="widgets",verb="create"\} [1-9]\d*$/m);
    expect(text).toMatch(/^apiserver_tls_handshake_errors_total \d+$/m);
    expect(text).toMatch(/^kubernetes_build_info\{major="1",minor="36",.*\} 1$/m);
  });

  it('tells how long it took to send a watch what there was at its beginning', async () => {
    const told = async () => /^apiserver_watch_list_duration_seconds_count\{group="test.skiff",version="v1",resource="widgets",scope="namespace"\} (\d+)$/m.exec((await ask({ path: '/metrics' })).text)?.[1];
    const watch = async (query: string, until: string) => {
      const { certificate: cert, key } = harness.admin;
      const request = https.get({ host: '127.0.0.1', port: harness.port, ca: harness.ca, cert, key, path: `${base}?watch=true${query}`, agent: false, servername: 'localhost' });
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      for await (const part of response) if (String(part).includes(until)) break;
    };
    const before = Number((await told()) ?? 0);
    await watch('', '"ADDED"');
    await watch('&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan', 'initial-events-end');
    expect(await told()).toBe(String(before + 1));
  });

  it('calls requests by their method, but for those that say more', async () => {
    await ask({ method: 'PATCH', path: `${base}/one`, body: '{}', headers: { 'content-type': 'application/apply-patch+yaml' } });
    await ask({ method: 'DELETE', path: `${base}?labelSelector=nobody` });
    await ask({ method: 'OPTIONS', path: `${base}/one` });
    const text = (await ask({ path: '/metrics' })).text;
    for (const [verb, scope] of [['APPLY', 'resource'], ['DELETE', 'namespace'], ['other', 'resource']])
      expect(text).toMatch(new RegExp(`^apiserver_request_total\\{verb="${verb}",dry_run="",group="test.skiff",.*,scope="${scope}",.*\\} [1-9]`, 'm'));
  });
});

describe('connections', () => {
  it('speak HTTP/2', async () => {
    const session = connectHttp2(harness.url, { ca: harness.ca, cert: harness.admin.certificate, key: harness.admin.key });
    const stream = session.request({ ':path': `${base}/one` });
    let text = '';
    stream.setEncoding('utf8').on('data', (part: string) => (text += part));
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    await once(stream, 'end');
    expect(headers[':status']).toBe(200);
    expect((JSON.parse(text) as Widget).metadata!.name).toBe('one');
    session.destroy();
  });

  it('that may change their protocol and do not are answered as any other', async () => {
    const path = '/apis/test.skiff/v1/namespaces/changing/widgets';
    const raw = async (method: string, rest: string, body: string): Promise<string> => {
      const { certificate: cert, key } = harness.admin;
      const socket = tls.connect({ host: '127.0.0.1', port: harness.port, ca: harness.ca, cert, key, servername: 'localhost' });
      // In two pieces, as bodies come.
      socket.write(`${method} ${path}${rest} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Type: application/json\r\n${body.slice(0, -3)}`);
      socket.once('secureConnect', () => socket.write(body.slice(-3)));
      let text = '';
      socket.setEncoding('utf8').on('data', (part: string) => (text += part));
      await once(socket, 'close');
      return text;
    };
    const withLength = (body: string) => `Content-Length: ${body.length}\r\n\r\n${body}`;
    const names = async () => (json(await ask({ path })).items as Widget[]).map((widget) => widget.metadata!.name);

    expect(await raw('POST', '', withLength('{"metadata":{"name":"it"}}'))).toMatch(/^HTTP\/1\.1 201 .*"name":"it"/s);
    expect(await raw('GET', '/it', '\r\n')).toMatch(/^HTTP\/1\.1 200 .*"name":"it"/s);
    // What they say in their bodies counts.
    expect(await raw('DELETE', '/it', withLength('{"preconditions":{"uid":"another"}}'))).toMatch(/^HTTP\/1\.1 409 /);
    expect(await raw('DELETE', '/it', 'Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    expect(await names()).toEqual(['it']);
    expect(await raw('DELETE', '/it?gracePeriodSeconds=0', '\r\n')).toMatch(/^HTTP\/1\.1 200 /);
    expect(await names()).toEqual([]);
  });

  it('is served at another port where that one is taken, if that is as good', async () => {
    await expect(start({}, { port: harness.port })).rejects.toThrow('EADDRINUSE');
    const other = await start({}, { port: harness.port, orAnother: true });
    expect(other.port).not.toBe(harness.port);
    expect((await other.remote.request({ method: 'GET', path: '/version' })).code).toBe(200);
    await other.close();
  });

  it('may come through a tunnel, under any name', async () => {
    const pipe = net.createServer((socket) => harness.server.handleConnection(socket)).listen(0, '127.0.0.1');
    await once(pipe, 'listening');
    const { port } = pipe.address() as net.AddressInfo;
    const socket = tls.connect({ host: '127.0.0.1', port, ca: harness.ca, cert: harness.admin.certificate, key: harness.admin.key, servername: 'kubernetes.default.svc' });
    socket.write(`GET ${base}/one HTTP/1.1\r\nHost: some.pod.sees.it.so\r\nConnection: close\r\n\r\n`);
    let text = '';
    socket.setEncoding('utf8').on('data', (part: string) => (text += part));
    await once(socket, 'close');
    expect(text).toMatch(/^HTTP\/1\.1 200/);
    pipe.close();
  });
});

it('who asks too much at once is asked to wait, but for the privileged', async () => {
  const busy = await start({ maxInflight: { reading: 0, writing: 0 }, authorizer: { authorize: () => ({ allowed: true, reason: '' }) } });
  const get = (pair: { certificate: string; key: string }) =>
    new Promise<{ code: number; wait: string | undefined }>((resolve, reject) => {
      const options = { host: '127.0.0.1', port: busy.port, ca: busy.ca, cert: pair.certificate, key: pair.key, path: base, agent: false };
      https.get(options, (response) => resolve({ code: response.resume().statusCode!, wait: response.headers['retry-after'] })).on('error', reject);
    });
  expect(await get(busy.user)).toEqual({ code: 429, wait: '1' });
  expect(await get(busy.admin)).toEqual({ code: 200, wait: undefined });
  await busy.close();
});
