/** The engine on a worker thread of the app: speaks engineMessages with the main process. */
import path from 'node:path';
import { parentPort } from 'node:worker_threads';
import { BridgeSession, EndpointClient, watchFailures } from './bridge/index.ts';
import { createCluster, deleteCluster, type Cluster } from './cluster.ts';
import { makeData } from './clusterFiles.ts';
import type { FromEngine, ToEngine } from './engineMessages.ts';
import { startIsOver } from './loader.ts';
import { limitNewSpace } from './newSpace.ts';
import { tidyAtRest } from './tidy.ts';
import { createLog } from './logFile.ts';
import type { PortForwards } from './portForward/index.ts';
import { realClock } from './util/clock.ts';

type Answer = Extract<FromEngine, { type: 'answer' }>['value'];

const port = parentPort!;
const post = (message: FromEngine) => port.postMessage(message);
const sessions = new Map<number, BridgeSession>();
let cluster: Cluster | undefined;
let client: EndpointClient | undefined;
let failures: { cancel(): void } | undefined;

function session(window: number): BridgeSession {
  let found = sessions.get(window);
  if (!found) {
    found = new BridgeSession(() => client, {
      send: (frame) => post({ type: 'frame', window, frame: JSON.stringify(frame) }),
      sendBinary: (frame) => post({ type: 'frame', window, frame }),
    });
    sessions.set(window, found);
  }
  return found;
}

async function start(message: Extract<ToEngine, { type: 'start' }>): Promise<void> {
  const { options, resources } = message;
  await makeData(options.data);
  const log = createLog(path.join(options.data, 'skiff.log'));
  if (options.action === 'reset') await deleteCluster({ ...options, resources, log, onProgress: (step) => post({ type: 'state', state: { phase: 'starting', step } }) });
  cluster = createCluster({ ...options, resources, log });
  cluster.onState((state) => {
    if (state.phase === 'running' && !client && cluster?.endpoint) {
      client = new EndpointClient(cluster.endpoint);
      const { forwards } = cluster;
      forwards?.onChange(() => post({ type: 'forwards', forwards: forwards.list }));
      failures = watchFailures(client, realClock, (failure) => post({ type: 'podFailure', failure }));
    }
    post({ type: 'state', state });
  });
  await cluster.start();
  startIsOver();
  tidyAtRest(realClock);
  limitNewSpace();
}

function forwards(): PortForwards {
  if (!cluster?.forwards) throw new Error('the cluster is not running');
  return cluster.forwards;
}

async function answer(call: number, work: () => Answer | Promise<Answer>): Promise<void> {
  try {
    post({ type: 'answer', call, value: await work() });
  } catch (error) {
    post({ type: 'error', call, message: error instanceof Error ? error.message : String(error) });
  }
}

async function stop(): Promise<void> {
  failures?.cancel();
  for (const open of sessions.values()) open.close();
  client?.close();
  await cluster?.stop();
  post({ type: 'stopped' });
}

port.on('message', (message: ToEngine) => {
  switch (message.type) {
    case 'start':
      return void start(message).catch((error: Error) => post({ type: 'state', state: { phase: 'failed', message: error.message } }));
    case 'request':
      return void answer(message.call, () => {
        if (!client) throw new Error('the cluster is not running');
        return client.request(message.request);
      });
    case 'kubeconfig':
      return void answer(message.call, () => {
        if (!cluster) throw new Error('the cluster is not running');
        return cluster.mergeKubeconfig(message.action);
      });
    case 'forward':
      return void answer(message.call, () => forwards().start(message.request));
    case 'stopForward':
      return void answer(message.call, () => forwards().stop(message.id) as undefined);
    case 'freePort':
      return void answer(message.call, () => forwards().freePort(message.near));
    case 'frame':
      if (typeof message.frame === 'string') return session(message.window).receive(message.frame);
      return session(message.window).receiveBinary(Buffer.from(message.frame.buffer, message.frame.byteOffset, message.frame.byteLength));
    case 'closeWindow':
      sessions.get(message.window)?.close();
      return void sessions.delete(message.window);
    case 'stop':
      return void stop();
  }
});
