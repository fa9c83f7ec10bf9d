// The store by itself, on disk: what a write, a read, a list, a watch and a start cost without an API server.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { openDiskStore, openEtcdStore, type Store } from '../../main/store/index.ts';
import { realClock } from '../../main/util/clock.ts';
import { noLog } from '../../main/util/log.ts';

type Report = (line: Record<string, unknown>) => void;

const cause = { who: 'bench' };
const body = 'x'.repeat(1900);
const key = (i: number) => `/registry/pods/bench/p-${String(i).padStart(6, '0')}`;

/** How long the event loop was away at most, milliseconds, while `work` ran. */
async function longestBlock(work: () => Promise<void>): Promise<number> {
  let longest = 0;
  let last = performance.now();
  let running = true;
  const tick = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (running) setImmediate(tick);
  };
  setImmediate(tick);
  await work();
  running = false;
  return longest;
}

/** What an etcd beside us has used up, milliseconds. */
type Beside = () => number | undefined;

async function measure(report: Report, op: string, count: number, width: number, work: (i: number) => Promise<unknown>, beside?: Beside): Promise<void> {
  const besideBefore = beside?.() ?? 0;
  const cpu = process.cpuUsage();
  const began = performance.now();
  let next = 0;
  const loop = async () => {
    for (let i = next++; i < count; i = next++) await work(i);
  };
  await Promise.all(Array.from({ length: width }, loop));
  const ms = performance.now() - began;
  const { user, system } = process.cpuUsage(cpu);
  report({ op, n: count, c: width, perSecond: (count / ms) * 1000, usPerOp: (ms / count) * 1000, cpuUsPerOp: (user + system) / count, ...(beside ? { etcdCpuUsPerOp: (((beside() ?? 0) - besideBefore) * 1000) / count } : {}) });
}

async function fill(store: Store, count: number): Promise<void> {
  let next = 0;
  const loop = async () => {
    for (let i = next++; i < count; i = next++) await store.put(key(i), (revision) => `{"r":${revision},"b":"${body}"}`, { cause });
  };
  await Promise.all(Array.from({ length: 64 }, loop));
}

export async function measureStore(report: Report, { n }: { n: number }): Promise<void> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'skiff-bench-store-'));
  const open = () => openDiskStore({ directory, clock: realClock, log: noLog });
  try {
    let store = await open();
    const put = (i: number) => store.put(key(i), (revision) => `{"r":${revision},"b":"${body}"}`, { cause });
    await measure(report, 'store-put', n, 1, put);
    await measure(report, 'store-put', n * 5, 32, put);
    report({ op: 'store-fill-block', n: n * 10, longestBlockMs: await longestBlock(() => fill(store, n * 10)) });
    const total = store.count('/registry/pods/');
    await measure(report, 'store-get', 100_000, 1, (i) => store.get(key(i % total)));
    await measure(report, `store-list-${total}`, 50, 1, () => store.list('/registry/pods/'));
    await measure(report, 'store-list-limit-500', 500, 1, () => store.list('/registry/pods/', { limit: 500 }));
    await measure(report, `store-list-past-${total}`, 20, 1, () => store.list('/registry/pods/', { revision: store.revision - 1000 }));
    let heard = 0;
    const watches = Array.from({ length: 100 }, () => store.watch('/registry/pods/', { onEvents: (events) => void (heard += events.length), onEnd: () => undefined }));
    await measure(report, 'store-put-100-watches', n, 32, put);
    report({ op: 'store-watch-events', n: heard });
    for (const watch of watches) watch.cancel();
    await measure(report, 'store-history-oldest-1000', 5, 1, () => store.history({ after: Math.max(store.compactedRevision, 1), limit: 1000 }));
    const memory = process.memoryUsage();
    report({ op: 'store-memory', n: total, liveMiB: (total * body.length) / 2 ** 20, rssMiB: memory.rss / 2 ** 20, heapMiB: memory.heapUsed / 2 ** 20 });
    await store.close();
    const began = performance.now();
    store = await open();
    report({ op: `store-open-${total}`, ms: performance.now() - began });
    await store.close();
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

/** The same writes and reads with the store in an etcd, alone and with a second engine that writes as much. */
export async function measureEtcd(report: Report, { n, url, beside }: { n: number; url: string; beside: Beside }): Promise<void> {
  const open = (writer: string) => openEtcdStore({ servers: [url], prefix: '/bench', writer, clock: realClock, log: noLog });
  const put = (store: Store, i: number) => store.put(key(i), (revision) => `{"r":${revision},"b":"${body}"}`, { cause });
  const store = await open('a');
  await measure(report, 'etcd-put', n, 1, (i) => put(store, i), beside);
  await measure(report, 'etcd-put', n * 5, 32, (i) => put(store, i), beside);
  await measure(report, 'etcd-get-any', 100_000, 1, (i) => store.get(key(i % n)), beside);
  const get = async (i: number) => (await store.fresh(), store.get(key(i % n)));
  await measure(report, 'etcd-get', n, 1, get, beside);
  await measure(report, 'etcd-get', n * 5, 32, get, beside);
  const began = performance.now();
  const other = await open('b');
  report({ op: `etcd-open-${other.count('/')}`, ms: performance.now() - began });
  await measure(report, 'etcd-put-beside-an-idle-engine', n * 5, 32, (i) => put(store, i), beside);
  await measure(report, 'etcd-put-by-two', n * 5, 32, (i) => put(i % 2 ? store : other, i), beside);
  await measure(report, 'etcd-history-oldest-1000', 5, 1, () => store.history({ after: store.compactedRevision, limit: 1000 }), beside);
  await other.close();
  await store.close();
}
