// The API operations: throughput, latency and the engine's own CPU time for each.
import { ApiClient } from './client.mjs';
import { cpuMs, memory } from './engine.mjs';
import { configMap, pod } from './objects.mjs';
import { report, spread } from './report.mjs';

const namespace = 'bench';
const pods = `/api/v1/namespaces/${namespace}/pods`;
const configMaps = `/api/v1/namespaces/${namespace}/configmaps`;
const merge = 'application/merge-patch+json';
const strategic = 'application/strategic-merge-patch+json';
const apply = 'application/apply-patch+yaml';

/** A closed loop: `width` requests at a time until `count` are done. */
async function measure(engine, op, count, width, send) {
  const latencies = [];
  let next = 0;
  let errors = 0;
  let firstError;
  const cpuBefore = cpuMs(engine.pid);
  const began = performance.now();
  const loop = async () => {
    for (let i = next++; i < count; i = next++) {
      const sent = performance.now();
      const { status, body } = await send(i);
      latencies.push(performance.now() - sent);
      if (status < 300) continue;
      errors++;
      firstError ??= `${status} ${body.toString().slice(0, 200)}`;
    }
  };
  await Promise.all(Array.from({ length: width }, loop));
  const seconds = (performance.now() - began) / 1000;
  const cpu = cpuMs(engine.pid) - cpuBefore;
  report({ op, n: count, c: width, seconds, perSecond: count / seconds, ...spread(latencies), cpuMsPerOp: cpu / count, errors, ...(firstError ? { firstError } : {}) });
}

const unscheduled = (object) => ({ ...object, spec: { ...object.spec, schedulerName: 'nobody' } });

/** Deletes the objects with these numbers, so that what follows meets as many as it was meant to. */
async function clear(api, what, from, to) {
  const loop = async () => {
    while (from < to) await api.request('DELETE', `/api/v1/namespaces/${namespace}/${what}/p-${from++}?gracePeriodSeconds=0`);
  };
  await Promise.all(Array.from({ length: 32 }, loop));
}

export async function measureApi(engine, { n, c }) {
  const api = new ApiClient(engine);
  await api.json('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  // Pods need the namespace's service account; its controller makes it soon, or it is made here.
  await api.request('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } });

  // The first requests of a process also pay for the compiler; a second round says what they cost from then on.
  await measure(engine, 'create-configmap-cold', n, c, (i) => api.request('POST', configMaps, configMap(namespace, i)));
  await measure(engine, 'create-configmap', n, c, (i) => api.request('POST', configMaps, configMap(namespace, n + i)));
  await measure(engine, 'create-pod-cold', n, c, (i) => api.request('POST', pods, pod(namespace, i)));
  await measure(engine, 'create-pod', n, c, (i) => api.request('POST', pods, pod(namespace, n + i)));
  // The API alone, as it is measured where the scheduler is another process.
  await measure(engine, 'create-pod-unscheduled', n, c, (i) => api.request('POST', pods, unscheduled(pod(namespace, 2 * n + i))));
  await clear(api, 'pods', n, 3 * n);
  await measure(engine, 'create-pod-serial', 200, 1, (i) => api.request('POST', pods, pod(namespace, n + i)));
  await measure(engine, 'get-pod', n * 2, c, (i) => api.request('GET', `${pods}/p-${i % n}`));
  let bytes = 0;
  await measure(engine, 'list-all-pods', 20, 1, async () => {
    const answer = await api.request('GET', pods);
    bytes = answer.body.length;
    return answer;
  });
  await measure(engine, 'list-all-pods-rv0', 20, 1, () => api.request('GET', `${pods}?resourceVersion=0`));
  await measure(engine, 'list-limit-500', 40, 1, () => api.request('GET', `${pods}?limit=500`));
  await measure(engine, 'list-selector', 40, 4, () => api.request('GET', `${pods}?labelSelector=shard%3D3`));
  await measure(engine, 'merge-patch', n, c, (i) => api.request('PATCH', `${pods}/p-${i}`, { metadata: { annotations: { patched: String(i) } } }, merge));
  await measure(engine, 'strategic-patch', n, c, (i) => api.request('PATCH', `${pods}/p-${i}`, { metadata: { labels: { patched: 'yes' } } }, strategic));
  const applied = (i, value) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `s-${i}` }, data: { a: value } });
  const applyPath = (i) => `${configMaps}/s-${i}?fieldManager=bench&force=true`;
  await measure(engine, 'server-side-apply', n / 2, c, (i) => api.request('PATCH', applyPath(i), applied(i, '1'), apply));
  await measure(engine, 'server-side-apply-again', n / 2, c, (i) => api.request('PATCH', applyPath(i), applied(i, '2'), apply));
  for (const watchers of [1, 20, 100]) await measureWatches(engine, api, watchers, Math.min(n, 300));
  report({ op: 'memory-loaded', bytes, ...memory(engine.pid) });
  await new Promise((resolve) => setTimeout(resolve, 30_000));
  report({ op: 'memory-after-30s', ...memory(engine.pid) });
  await measure(engine, 'delete-pod', n, c, (i) => api.request('DELETE', `${pods}/p-${i}?gracePeriodSeconds=0`));
  await measure(engine, 'deletecollection-configmaps', 1, 1, () => api.request('DELETE', configMaps));
  report({ op: 'memory-end', cpuSeconds: cpuMs(engine.pid) / 1000, ...memory(engine.pid) });
  api.close();
}

/** From the moment an update is sent until each of the watches has its event. */
async function measureWatches(engine, api, watchers, updates) {
  const { metadata } = await api.json('GET', `${configMaps}?limit=1`);
  const mark = `w${watchers}`;
  const pattern = new RegExp(`"stamp":"${mark}-(\\d+)"`);
  const sent = [];
  const latencies = [];
  const closes = [];
  let allHeard;
  const done = new Promise((resolve) => (allHeard = resolve));
  for (let w = 0; w < watchers; w++)
    closes.push(
      await api.watch(`${configMaps}?watch=1&resourceVersion=${metadata.resourceVersion}`, (line) => {
        const update = pattern.exec(line);
        if (!update) return;
        latencies.push(performance.now() - sent[Number(update[1])]);
        if (latencies.length === watchers * updates) allHeard();
      }),
    );
  const cpuBefore = cpuMs(engine.pid);
  const began = performance.now();
  for (let u = 0; u < updates; u++) {
    sent[u] = performance.now();
    await api.json('PATCH', `${configMaps}/c-${u}`, { metadata: { annotations: { stamp: `${mark}-${u}` } } }, merge);
  }
  // What has not come after so long will not come; it counts as an error.
  await Promise.race([done, new Promise((resolve) => setTimeout(resolve, 10_000))]);
  const seconds = (performance.now() - began) / 1000;
  const cpu = cpuMs(engine.pid) - cpuBefore;
  report({ op: `watch-fanout-${watchers}`, n: updates, c: 1, seconds, perSecond: updates / seconds, ...spread(latencies), cpuMsPerOp: cpu / updates, errors: watchers * updates - latencies.length });
  for (const close of closes) close();
}
