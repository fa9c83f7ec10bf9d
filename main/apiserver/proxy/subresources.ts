import type { Node, Pod, Service } from '../../api/index.ts';
import { badRequest, notFound, serviceUnavailable } from '../../api/status.ts';
import type { Answer, Call, Handler } from '../call.ts';
import { dialEndpoint, resolveNamedPort, type Endpoint } from '../egress/index.ts';
import { Admit } from '../handlers/admit.ts';
import { Query } from '../query.ts';
import type { Registry } from '../registry/generic.ts';
import { objectOf } from '../registry/stored.ts';
import type { Serving } from '../serving.ts';
import { writeContext } from '../writeContext.ts';
import { forward } from './forward.ts';

/* `proxy` of pods, services and nodes. Mirrors pkg/registry/core/{pod,service,node}/…/proxy.go and their ResourceLocation. */

/** `name`, `name:port` or `scheme:name:port`. Throws 400. */
function split(id: string, what: string): { scheme: string; name: string; port: string } {
  const parts = id.split(':');
  const [scheme, name, port] = parts.length === 1 ? ['', parts[0]!, ''] : parts.length === 2 ? ['', parts[0]!, parts[1]!] : [parts[0]!, parts[1]!, parts[2]!];
  if (parts.length > 3 || !name || !['', 'http', 'https'].includes(scheme)) throw badRequest(`invalid ${what} request ${JSON.stringify(id)}`);
  return { scheme, name, port };
}

const usualPorts: Record<string, number> = { '': 80, http: 80, https: 443 };

/** Where the subresource's path ends and the destination's own begins: both percent-encoded; undefined without even a slash. */
function divide(path: string): { prefix: string; rest: string | undefined } {
  const parts = /^(\/+[^/]+\/+[^/]+(?:\/+namespaces\/+[^/]+)?\/+[^/]+\/+[^/]+\/+proxy)(\/.*)?$/.exec(path)!;
  return { prefix: parts[1]!, rest: parts[2] };
}

export const podProxy =
  (serving: Serving): Handler =>
  async (call, registry) => {
    const { scheme, name, port } = split(call.info.name, 'pod');
    const pod = objectOf<Pod>(await registry.get(call.info.namespace, name));
    const declared = pod.spec?.containers.find((container) => container.ports?.length)?.ports![0]!.containerPort;
    const host = pod.status?.podIPs?.[0]?.ip || pod.status?.podIP;
    if (!host) throw badRequest('address not allowed');
    const number = port ? portNumber(port) : (declared ?? usualPorts[scheme]!);
    return passOn(serving, call, registry, 'PodProxyOptions', scheme, { host, port: number, node: pod.spec?.nodeName });
  };

export const serviceProxy =
  (serving: Serving): Handler =>
  async (call, registry) => {
    const { scheme, name, port } = split(call.info.name, 'service');
    const service = await serving.objects.get<Service>({ group: '', version: 'v1', resource: 'services' }, call.info.namespace, name);
    if (!service) throw notFound(registry.subject, name);
    let portName = port;
    if (/^\d+$/.test(port)) {
      const found = service.spec?.ports?.find((candidate) => candidate.port === Number(port));
      if (!found) throw serviceUnavailable(`no service port ${port} found for service ${JSON.stringify(name)}`);
      portName = found.name ?? '';
    }
    const endpoint = await resolveNamedPort(serving.objects, serving.random, service, portName);
    return passOn(serving, call, registry, 'ServiceProxyOptions', scheme, endpoint);
  };

/** The kubelet's own API is served without a detour; other ports of the node are reached as a pod's are. */
export const nodeProxy =
  (serving: Serving): Handler =>
  async (call, registry) => {
    const { scheme, name, port } = split(call.info.name, 'node');
    const node = objectOf<Node>(await registry.get('', name));
    const kubeletPort = node.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? 10250;
    const { rest } = divide(call.path);
    if (port && Number(port) !== kubeletPort) {
      const host = node.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
      if (!host) throw serviceUnavailable(`no preferred addresses found; known addresses: []`);
      return passOn(serving, call, registry, 'NodeProxyOptions', scheme, { host, port: portNumber(port), node: name });
    }
    await admit(serving, call, registry, 'NodeProxyOptions', rest);
    const kubelet = serving.kubelets(name);
    if (!kubelet) throw serviceUnavailable(`error trying to reach service: no kubelet runs on node ${JSON.stringify(name)}`);
    if (call.method !== 'GET' && call.method !== 'HEAD') return { type: 'text', code: 405, contentType: 'text/plain; charset=utf-8', body: '405: Method Not Allowed\n' };
    const { status, contentType, body } = await kubelet.http(decodeURI(rest ?? '/'), call.query.toURLSearchParams());
    return { type: 'text', code: status, contentType, body };
  };

function portNumber(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65535) throw serviceUnavailable(`error trying to reach service: dial tcp: address ${text}: invalid port`);
  return port;
}

async function admit(serving: Serving, call: Call, registry: Registry, kind: string, path: string | undefined): Promise<void> {
  const connect = { kind, apiVersion: 'v1', metadata: {}, path: path ?? '' };
  // The query is the destination's, not ours.
  call.auditAnnotations ??= {};
  const context = writeContext({ ...call, query: Query.empty }, call.info.namespace, 'CreateOptions');
  await new Admit(serving, context, registry, 'proxy', call.info.name).both('CONNECT', connect, undefined);
}

async function passOn(serving: Serving, call: Call, registry: Registry, kind: string, scheme: string, endpoint: Endpoint): Promise<Answer> {
  const { prefix, rest } = divide(call.path);
  await admit(serving, call, registry, kind, rest);
  const query = call.search ? `?${call.search}` : '';
  // A page without a slash at its end would lead its relative links astray.
  if (rest === undefined && !call.upgrade && (call.method === 'GET' || call.method === 'HEAD'))
    return { type: 'text', code: 301, contentType: 'text/plain', body: '', headers: { location: `${call.path}/${query}` } };
  const { host, port } = endpoint;
  return forward(call, {
    dial: () => dialEndpoint(serving.egress, endpoint),
    // Whoever serves TLS in a pod does so with a certificate of their own.
    ...(scheme === 'https' ? { tls: { rejectUnauthorized: false } } : {}),
    host: `${host.includes(':') ? `[${host}]` : host}:${port}`,
    path: (rest ?? '/') + query,
    prefix,
    unreachable: 'error trying to reach service',
  });
}
