import type { PodFailure } from '../bridge/index.ts';
import type { Clock, Timer } from '../util/clock.ts';
import type { ElectronApi, NativeNotification } from './electron.ts';
import type { Texts } from './texts.ts';

/** Failures that come this close together (ms) and have one cause are one message: a rollout of ten bad pods is one mistake. */
const gatherFor = 1500;

export interface NotificationOptions {
  texts: Texts;
  clock: Clock;
  /** Shows the pod in the window. */
  open(path: string): void;
}

/** Native notifications of failed pods, one a cause; a click opens the (first) pod. */
export function createNotifier(electron: Pick<ElectronApi, 'Notification'>, options: NotificationOptions): { tell(failure: PodFailure): void; close(): void } {
  const gathered = new Map<string, { failures: PodFailure[]; timer: Timer }>();
  // A notification that is garbage collected loses its click.
  const shown = new Set<NativeNotification>();

  function show(key: string): void {
    const failures = gathered.get(key)?.failures ?? [];
    gathered.delete(key);
    const first = failures[0];
    if (!first || !electron.Notification.isSupported()) return;
    const others = new Set(failures.map((f) => `${f.namespace}/${f.pod}`)).size - 1;
    const container = first.container ? ` (${first.container})` : '';
    const notification = new electron.Notification({
      title: options.texts.podFailed(`${first.namespace}/${first.pod}`),
      body: [`${first.reason}${container}${first.message ? `: ${first.message}` : ''}`.slice(0, 300), ...(others > 0 ? [options.texts.more(others)] : [])].join('\n'),
    });
    shown.add(notification);
    notification.on('click', () => options.open(podPath(first)));
    notification.on('close', () => shown.delete(notification));
    notification.show();
  }

  return {
    tell(failure) {
      const key = `${failure.namespace}/${owner(failure.pod)}/${failure.container}/${failure.reason}`;
      const group = gathered.get(key);
      if (group) group.failures.push(failure);
      else gathered.set(key, { failures: [failure], timer: options.clock.setTimer(gatherFor, () => show(key)) });
    },
    close() {
      for (const { timer } of gathered.values()) timer.cancel();
      gathered.clear();
    },
  };
}

/** `web-5d4f8c7b9-x2x4z` → `web-5d4f8c7b9`: pods of one owner share what stands before the last dash. */
const owner = (pod: string) => pod.replace(/-[^-]*$/, '');

/** A pod by its path in the API, which the window turns into its own address. */
export function podPath(target: { namespace: string; pod: string }): string {
  return `/api/v1/namespaces/${encodeURIComponent(target.namespace)}/pods/${encodeURIComponent(target.pod)}`;
}
