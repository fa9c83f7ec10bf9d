import type { LifecycleHandler, Pod } from '../api/index.ts';
import type { KubeletContext } from './context.ts';
import { httpRequest } from './probes/prober.ts';
import { formatPod, type AnyContainer } from './spec.ts';
import { messageOf } from './volumes/errors.ts';

/** No hook of a container outlives this. Milliseconds. */
const longest = 24 * 3600 * 1000;
const httpTimeoutMs = 30_000;

/** Runs a lifecycle hook; rejects with what the container's status says. Mirrors pkg/kubelet/lifecycle/handlers.go. */
export async function runHook(
  context: KubeletContext,
  pod: Pod,
  container: AnyContainer,
  id: string,
  podIP: string,
  hook: LifecycleHandler,
  signal?: AbortSignal,
): Promise<void> {
  const failed = (kind: string, what: string, error: string, output = '') =>
    new Error(`${kind} lifecycle hook (${what}) for Container "${container.name}" in Pod "${formatPod(pod)}" failed - error: ${error}${output}`);
  if (hook.exec) {
    const command = hook.exec.command ?? [];
    const what = `[${command.join(' ')}]`;
    const { exitCode, output } = await context.runtime.execSync(id, command, longest).catch((error: unknown) => {
      throw failed('Exec', what, messageOf(error), ', message: ""');
    });
    if (exitCode !== 0)
      throw failed('Exec', what, `command '${command.join(' ')}' exited with ${exitCode}: ${output.toString()}`, `, message: ${JSON.stringify(output.toString())}`);
    return;
  }
  if (hook.httpGet) {
    if (context.machine.runtimeName === 'simulated') return;
    try {
      await (await context.agent()).httpGet(httpRequest(hook.httpGet, container, podIP, httpTimeoutMs, 'lifecycle'));
    } catch (error) {
      throw failed('HTTP', hook.httpGet.path ?? '/', messageOf(error));
    }
    return;
  }
  if (hook.sleep) await context.clock.sleep(hook.sleep.seconds * 1000, signal);
}
