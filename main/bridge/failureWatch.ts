import type { Pod, PodList } from '../api/index.ts';
import type { Clock } from '../util/clock.ts';
import type { EndpointClient } from './endpoint.ts';
import { FailureLedger, type PodFailure } from './podFailures.ts';

/** Tells of pods that fail, from now on: what has failed before the start is not news. */
export function watchFailures(client: EndpointClient, clock: Clock, onFailure: (failure: PodFailure) => void): { cancel(): void } {
  const abort = new AbortController();
  const ledger = new FailureLedger();
  const path = '/api/v1/pods';

  async function list(announce: boolean): Promise<string> {
    const response = await client.request({ method: 'GET', path: `${path}?resourceVersion=0` });
    const pods = JSON.parse(response.body) as PodList;
    for (const pod of pods.items ?? []) for (const failure of ledger.news(pod)) if (announce) onFailure(failure);
    return pods.metadata?.resourceVersion ?? '0';
  }

  async function follow(from: string): Promise<void> {
    let rest = '';
    const decoder = new TextDecoder();
    await client.stream(`${path}?watch=1&allowWatchBookmarks=true&resourceVersion=${from}`, 'application/json', abort.signal, () => {}, (chunk) => {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const event = JSON.parse(line) as { type: string; object: Pod };
        if (event.type === 'DELETED') ledger.forget(event.object);
        else if (event.type === 'ADDED' || event.type === 'MODIFIED') for (const failure of ledger.news(event.object)) onFailure(failure);
      }
    });
  }

  async function run(): Promise<void> {
    let first = true;
    while (!abort.signal.aborted) {
      try {
        const from = await list(!first);
        first = false;
        await follow(from);
      } catch {
        // The server went away or the watch expired: list again.
      }
      await clock.sleep(1000, abort.signal).catch(() => {});
    }
  }

  void run();
  return { cancel: () => abort.abort() };
}
