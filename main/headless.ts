/** The engine in a terminal: with the web shell, without Electron. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import type { ShellState } from '../preload/contract.ts';
import { EndpointClient, Settings } from './bridge/index.ts';
import { createCluster, deleteCluster } from './cluster.ts';
import { clusterFiles, makeData } from './clusterFiles.ts';
import { collectAlone, helpersStepBack } from './helperThreads.ts';
import { startIsOver } from './loader.ts';
import { limitNewSpace } from './newSpace.ts';
import { tidyAtRest } from './tidy.ts';
import { createLog } from './logFile.ts';
import { parseOptions, usage, UsageError, type Options } from './options.ts';
import { outFolder } from './outFolder.ts';
import { realClock } from './util/clock.ts';
import { systemRandom } from './util/random.ts';
import { startWebShell, WebMemory, type WebShell } from './web/index.ts';
import { version } from './version.ts';

const say = (line: string) => void process.stdout.write(`${line}\n`);
const tell = (line: string) => void process.stderr.write(`${line}\n`);

async function main(): Promise<void> {
  helpersStepBack();
  let options: Options;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    tell(`${error.message}\n\n${usage}`);
    process.exit(2);
  }
  if (options.action === 'help') return say(usage);
  await makeData(options.data);
  const log = createLog(path.join(options.data, 'skiff.log'));
  if (options.action === 'delete' || options.action === 'reset') {
    await deleteCluster({ ...options, log, onProgress: tell });
    if (options.action === 'delete') return say(`cluster ${options.name} is deleted`);
  }

  const cluster = createCluster({ ...options, log });
  let client: EndpointClient | undefined;
  let lastStep = '';
  cluster.onState((state) => {
    if (state.phase === 'starting' && state.step && state.step !== lastStep) tell((lastStep = state.step));
    if (state.phase === 'running' && !client && cluster.endpoint) client = new EndpointClient(cluster.endpoint);
    // A start that fails says so itself.
    if (state.phase !== 'failed' || !client) return;
    tell(state.message);
    void end(1);
  });

  let shell: WebShell | undefined = undefined as WebShell | undefined;
  let ending = false;
  const end = async (code: number) => {
    if (ending) return;
    ending = true;
    await shell?.close();
    client?.close();
    await cluster.stop();
    process.exit(code);
  };
  process.on('SIGTERM', () => void end(0));
  process.on('SIGINT', () => void end(0));

  await cluster.start();
  const shellState = (): ShellState => ({
    kind: 'web',
    platform: process.platform,
    version,
    cluster: cluster.state,
    forwards: cluster.forwards?.list ?? [],
  });
  shell = await startWebShell({
    page: path.join(outFolder, 'renderer'),
    memory: new WebMemory(path.join(clusterFiles(options.data, options.name).directory, 'web.json')),
    state: shellState,
    onState: (listener) => {
      const tell = () => listener(shellState());
      const ends = [cluster.onState(tell), cluster.forwards?.onChange(tell)];
      return () => ends.forEach((end) => end?.());
    },
    forwards: () => cluster.forwards,
    client: () => client,
    mergeKubeconfig: (action) => cluster.mergeKubeconfig(action),
    onLinkUsed: () => say(`web: ${shell?.link()}`),
    settings: new Settings(path.join(options.data, 'settings.json')),
    random: systemRandom,
    log: log.child('web'),
  });
  const state = cluster.state;
  if (state.phase === 'running') {
    say(`kubeconfig: ${state.kubeconfig}`);
    say(`web: ${shell.link()}`);
    // performance.now() counts from the start of the process.
    say(`ready in ${Math.round(performance.now())} ms`);
    if (state.notice) tell(state.notice);
    if (options.open) openBrowser(shell.link());
    startIsOver();
    collectAlone();
    tidyAtRest(realClock);
    limitNewSpace();
  }
}

/** Asks the platform for the user's browser; the printed link does where it has none. */
function openBrowser(url: string): void {
  const [command, ...args] = process.platform === 'darwin' ? ['open', url] : process.platform === 'win32' ? ['rundll32', 'url.dll,FileProtocolHandler', url] : ['xdg-open', url];
  spawn(command!, args, { stdio: 'ignore', detached: true })
    .on('error', () => {})
    .unref();
}

// No timer of the engine keeps a process alive; this one does until main has come to its end.
const alive = setInterval(() => {}, 2 ** 30);
main()
  .catch((error: Error) => {
    tell(error.message);
    process.exit(1);
  })
  .finally(() => clearInterval(alive));
