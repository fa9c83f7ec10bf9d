import type { HTTPGetAction, Pod, PodStatus, Probe } from '../../api/index.ts';
import type { NodeAgent, ProbeRequest, ProbeResult } from '../../node/index.ts';
import { RuntimeError, type Runtime } from '../../runtime/index.ts';
import { expand } from '../config/expansion.ts';
import type { AnyContainer } from '../spec.ts';

/** How a container is probed. Rejects when the probe itself could not be made. */
export type Prober = (probe: Probe, pod: Pod, status: PodStatus, container: AnyContainer, containerId: string) => Promise<ProbeResult>;

/** Milliseconds: the agent's own timers know no longer time. */
const longest = 2 ** 31 - 1;

/** Mirrors pkg/kubelet/prober/prober.go (runProbe). `agent` rejects while the node's agent cannot be reached. */
export function createProber(runtime: Runtime, agent: () => Promise<NodeAgent>): Prober {
  return async (probe, _pod, status, container, containerId) => {
    const timeoutMs = Math.min((probe.timeoutSeconds ?? 1) * 1000, longest);
    if (probe.exec) return execProbe(runtime, probe.exec.command ?? [], container, containerId, timeoutMs);
    const host = status.podIP ?? '';
    if (probe.httpGet) return (await agent()).probe(httpRequest(probe.httpGet, container, host, timeoutMs, 'probe'));
    if (probe.tcpSocket) {
      const port = resolvePort(probe.tcpSocket.port, container);
      return (await agent()).probe({ kind: 'tcp', host: probe.tcpSocket.host || host, port, timeoutMs });
    }
    if (probe.grpc) return (await agent()).probe({ kind: 'grpc', host, port: probe.grpc.port, service: probe.grpc.service ?? '', timeoutMs });
    throw new Error(`missing probe handler for ${container.name}`);
  };
}

async function execProbe(runtime: Runtime, command: string[], container: AnyContainer, id: string, timeoutMs: number): Promise<ProbeResult> {
  const values = new Map((container.env ?? []).map(({ name, value }) => [name, value ?? '']));
  const expanded = command.map((word) => expand(word, (name) => values.get(name)));
  try {
    const { exitCode, output } = await runtime.execSync(id, expanded, timeoutMs);
    return { result: exitCode === 0 ? 'success' : 'failure', output: output.toString('utf8') };
  } catch (error) {
    if (error instanceof RuntimeError && error.message.startsWith('timeout'))
      return { result: 'failure', output: `command timed out: "${expanded.join(' ')}" timed out after ${timeoutMs / 1000}s` };
    throw error;
  }
}

/** Mirrors pkg/probe/http/request.go (NewRequestForHTTPGetAction). */
export function httpRequest(
  action: HTTPGetAction,
  container: AnyContainer,
  podIP: string,
  timeoutMs: number,
  agentName: string,
): Extract<ProbeRequest, { kind: 'http' }> {
  const headers = (action.httpHeaders ?? []).map(({ name, value }) => ({ name, value }));
  const has = (name: string) => headers.some((header) => header.name.toLowerCase() === name);
  if (!has('user-agent')) headers.push({ name: 'User-Agent', value: `kube-${agentName}/1.36` });
  if (!has('accept')) headers.push({ name: 'Accept', value: '*/*' });
  const path = action.path ?? '/';
  return {
    kind: 'http',
    scheme: action.scheme?.toUpperCase() === 'HTTPS' ? 'https' : 'http',
    host: action.host || podIP,
    port: resolvePort(action.port, container),
    path: path.startsWith('/') ? path : `/${path}`,
    headers,
    timeoutMs,
  };
}

/** A number, or the name of one of the container's ports. Mirrors pkg/probe/util.go (ResolveContainerPort). */
export function resolvePort(port: number | string, container: AnyContainer): number {
  const named = typeof port === 'string' ? container.ports?.find(({ name }) => name === port)?.containerPort : undefined;
  const number = named ?? Number(port);
  if (Number.isInteger(number) && number > 0 && number < 65536) return number;
  if (typeof port === 'string' && Number.isNaN(number)) throw new Error(`couldn't find port: "${port}" in container: "${container.name}"`);
  throw new Error(`invalid port number: ${port}`);
}

/** On a simulated node nothing answers: probes succeed by rule. */
export const simulatedProber: Prober = async () => ({ result: 'success', output: 'simulated' });
