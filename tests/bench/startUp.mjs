// From the start of the process to readiness: with nothing, and with 10,000 objects after a kill.
import fs from 'node:fs';
import { ApiClient } from './client.mjs';
import { cpuMs, memory, newDirectory, startEngine } from './engine.mjs';
import { configMap } from './objects.mjs';
import { report, spread } from './report.mjs';

async function timed(op, times, data) {
  const ready = [];
  const spawned = [];
  const cpu = [];
  let used = {};
  for (let i = 0; i < times; i++) {
    const fresh = data ?? newDirectory();
    const engine = await startEngine({ data: fresh });
    ready.push(engine.readyMs);
    spawned.push(engine.spawnToReadyMs);
    cpu.push(cpuMs(engine.pid));
    used = memory(engine.pid);
    await engine.stop(data ? 'SIGKILL' : 'SIGTERM');
    if (!data) fs.rmSync(fresh, { recursive: true, force: true });
  }
  report({ op, n: times, ...spread(spawned), readyP50: spread(ready).p50, cpuMs: spread(cpu).p50, ...used });
}

export async function measureStart({ times, objects }) {
  await timed('start-cold', times, undefined);
  const data = newDirectory();
  try {
    const engine = await startEngine({ data });
    const api = new ApiClient(engine);
    await api.json('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'many' } });
    let next = 0;
    const loop = async () => {
      for (let i = next++; i < objects; i = next++) await api.json('POST', '/api/v1/namespaces/many/configmaps', configMap('many', i));
    };
    await Promise.all(Array.from({ length: 32 }, loop));
    api.close();
    await engine.stop('SIGKILL');
    await timed(`start-with-${objects}`, times, data);
  } finally {
    fs.rmSync(data, { recursive: true, force: true });
  }
}

/** What the engine uses while nobody asks for anything. */
export async function measureIdle({ seconds }) {
  const data = newDirectory();
  const engine = await startEngine({ data });
  try {
    await new Promise((resolve) => setTimeout(resolve, 5000));
    const before = cpuMs(engine.pid);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    report({ op: 'idle', seconds, cpuPercent: (cpuMs(engine.pid) - before) / seconds / 10, ...memory(engine.pid) });
  } finally {
    await engine.stop();
    fs.rmSync(data, { recursive: true, force: true });
  }
}
