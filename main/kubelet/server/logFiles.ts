import type { LogLine, Runtime } from '../../runtime/index.ts';
import type { PodWorker } from '../podWorker.ts';

/** A directory of the node's `/var/log`: its entries; a file: the container whose log it is. */
type Entry = Map<string, Entry> | { containerId: string };

/** A file is given up to so many bytes from its beginning. */
const most = 16 * 2 ** 20;

/**
 * `/logs/`: the node's `/var/log`, as far as a kubelet fills it: the logs of its containers by pod, and all in one directory.
 * Mirrors pkg/kubelet/server/server.go (logServer) and the paths of pkg/kubelet/kuberuntime (BuildContainerLogsDirectory, legacy.go).
 */
export async function logFile(runtime: Runtime, workers: PodWorker[], path: string): Promise<{ status: number; contentType: string; body: string }> {
  let entry: Entry | undefined = directoryOf(workers);
  for (const name of path.split('/').filter((part) => part !== '')) entry = entry instanceof Map ? entry.get(name) : undefined;
  if (!entry) return { status: 404, contentType: 'text/plain; charset=utf-8', body: '404 page not found\n' };
  if (entry instanceof Map) return { status: 200, contentType: 'text/html; charset=utf-8', body: listing(entry) };
  return { status: 200, contentType: 'text/plain; charset=utf-8', body: await contentOf(runtime, entry.containerId) };
}

function directoryOf(workers: PodWorker[]): Map<string, Entry> {
  const containers = new Map<string, Entry>();
  const pods = new Map<string, Entry>();
  for (const { pod, runtimeStatus } of workers) {
    const { name, namespace, uid } = pod.metadata!;
    const directory = new Map<string, Entry>();
    for (const { id, name: container, attempt } of runtimeStatus.containers) {
      const file = { containerId: id };
      const attempts = (directory.get(container) as Map<string, Entry> | undefined) ?? new Map<string, Entry>();
      directory.set(container, attempts.set(`${attempt}.log`, file));
      containers.set(`${name}_${namespace}_${container}-${id}.log`, file);
    }
    pods.set(`${namespace}_${name}_${uid}`, directory);
  }
  return new Map<string, Entry>([['containers', containers], ['pods', pods]]);
}

/** As Go's file server writes it. */
function listing(directory: Map<string, Entry>): string {
  const names = [...directory].map(([name, entry]) => (entry instanceof Map ? `${name}/` : name)).sort();
  return `<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n${names.map((name) => `<a href="${encodeURI(name)}">${name}</a>\n`).join('')}</pre>\n`;
}

/** As the runtime interface has logs written: a line's time, stream, whether it is all of it, and text. */
async function contentOf(runtime: Runtime, id: string): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  const full = new AbortController();
  await runtime.logs(id, { follow: false, signal: full.signal }, ({ timestamp, stream, text }: LogLine) => {
    const whole = text.at(-1) === 0x0a;
    const line = Buffer.concat([Buffer.from(`${timestamp} ${stream} ${whole ? 'F' : 'P'} `), whole ? text : Buffer.concat([text, Buffer.from('\n')])]);
    size += line.length;
    if (size > most) full.abort();
    else parts.push(line);
  });
  return Buffer.concat(parts).toString('utf8');
}
