import type { Writable } from 'node:stream';
import type { ContainerStatus, PodStatus } from '../../api/index.ts';
import type { PodLogOptions } from '../../api/kubelet.ts';
import { badRequest } from '../../api/status.ts';
import type { LogLine, Runtime } from '../../runtime/index.ts';
import { containerIdOf } from '../probes/probeManager.ts';

/** Which of a container's lives a log request means. Throws a StatusError. Mirrors kubelet_pods.go (validateContainerLogStatus). */
export function logContainerId(podName: string, status: PodStatus | undefined, container: string, previous: boolean): string {
  const all = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? []), ...(status?.ephemeralContainerStatuses ?? [])];
  const found: ContainerStatus | undefined = all.find(({ name }) => name === container);
  if (!found) throw badRequest(`container "${container}" in pod "${podName}" is not available`);
  const { running, terminated, waiting } = found.state ?? {};
  const last = found.lastState?.terminated;
  const idOf = (id: string | undefined) => (id ? containerIdOf({ containerID: id }) : undefined);
  if (previous) {
    const id = idOf(last?.containerID);
    if (!id) throw badRequest(`previous terminated container "${container}" in pod "${podName}" not found`);
    return id;
  }
  if (running) return idOf(found.containerID)!;
  if (terminated || last) {
    const id = idOf(terminated?.containerID) ?? idOf(last?.containerID);
    if (!id) throw badRequest(`container "${container}" in pod "${podName}" is terminated`);
    return id;
  }
  const prefix = `container "${container}" in pod "${podName}" is waiting to start`;
  if (waiting?.reason === 'ErrImagePull') throw badRequest(`${prefix}: image can't be pulled`);
  if (waiting?.reason === 'ImagePullBackOff') throw badRequest(`${prefix}: trying and failing to pull image`);
  throw badRequest(waiting?.reason ? `${prefix}: ${waiting.reason}` : `${prefix} - no logs yet`);
}

/** Writes a log as the API promises it; resolves at its end, at the limit, or when the signal aborts. */
export async function writeLogs(runtime: Runtime, id: string, options: PodLogOptions, now: number, out: Writable, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const stop = () => over.abort();
  if (signal.aborted) return;
  signal.addEventListener('abort', stop, { once: true });
  out.once('close', stop);
  let left = options.limitBytes ?? Infinity;
  // A line may come in parts; only its beginning has a time.
  const beginning = { stdout: true, stderr: true };
  /** While the reader is behind. */
  let drained: Promise<undefined> | undefined;
  const onLine = (line: LogLine): Promise<void> | undefined => {
    if (left <= 0 || over.signal.aborted) return undefined;
    if (options.stream && options.stream !== 'All' && options.stream.toLowerCase() !== line.stream) return undefined;
    let content = options.timestamps && beginning[line.stream] ? Buffer.concat([Buffer.from(`${line.timestamp} `), line.text]) : line.text;
    beginning[line.stream] = line.text.at(-1) === 0x0a;
    if (content.length >= left) {
      content = content.subarray(0, left);
      stop();
    }
    left -= content.length;
    return out.write(content) ? undefined : (drained ??= hasRoom(out).then(() => (drained = undefined)));
  };
  const since = options.sinceSeconds !== undefined ? new Date(now - options.sinceSeconds * 1000).toISOString() : options.sinceTime;
  try {
    await runtime.logs(
      id,
      { follow: options.follow ?? false, ...(since ? { since } : {}), ...(options.tailLines === undefined ? {} : { tail: options.tailLines }), signal: over.signal },
      onLine,
    );
  } finally {
    signal.removeEventListener('abort', stop);
    out.off('close', stop);
  }
}

function hasRoom(out: Writable): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      out.off('drain', go);
      out.off('close', go);
      resolve();
    };
    out.on('drain', go);
    out.on('close', go);
  });
}
