import type Docker from 'dockerode';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../util/clock.ts';
import { RuntimeError, type Sandbox, type SandboxConfig } from '../index.ts';
import { hostsFile, resolvConf } from '../networkFiles.ts';
import { engineCall, runtimeError, tolerate } from './errors.ts';
import { FrameReader } from './frames.ts';
import { containerName, givenBack, identityOf, label, type Labels } from './labels.ts';
import { inPodCgroup } from './podCgroups.ts';

const readyLine = 'skiff: sandbox ready';
/** As long as a kubelet waits for a runtime (upstream: --runtime-request-timeout): a busy machine is no reason to begin again. */
const readyTimeoutMs = 120_000;

/** What a sandbox is when all is set up. `wait` also reaps what containers with a shared process namespace leave behind. */
const pause = ['#!/bin/sh', 'trap "exit 0" TERM INT', `echo "${readyLine}"`, 'while :; do sleep 86400 & wait; done', ''].join('\n');

/**
 * What a sandbox does before it sleeps: all of its traffic goes through its node (gateway), the two files that all
 * containers of the pod share get Kubernetes' content. Who shares its processes sees `/pause` as the first, as anywhere.
 */
const script = [
  'set -e',
  // Only what was given is written: a pod on the node's network keeps the node's files.
  'if [ -n "$SKIFF_GATEWAY" ]; then ip route flush dev eth0; ip route add "$SKIFF_GATEWAY" dev eth0 scope link; ip route add default via "$SKIFF_GATEWAY"; fi',
  // Without an address of the link alone there is nothing at which a neighbour could be reached past the node. Routes go one by
  // one: to flush them takes that of multicast along, without which nobody finds the pod.
  'if [ -n "$SKIFF_GATEWAY_IPV6" ]; then',
  '  ip -6 addr flush dev eth0 scope link',
  '  ip -6 route show dev eth0 | while read to rest; do case "$to" in *:*|default) ip -6 route del "$to" dev eth0 || true;; esac; done',
  '  ip -6 route add "$SKIFF_GATEWAY_IPV6" dev eth0; ip -6 route add default via "$SKIFF_GATEWAY_IPV6" dev eth0',
  'fi',
  'if [ -n "$SKIFF_RESOLV_CONF" ]; then printf "%s" "$SKIFF_RESOLV_CONF" > /etc/resolv.conf; fi',
  'if [ -n "$SKIFF_HOSTS" ]; then printf "%s" "$SKIFF_HOSTS" > /etc/hosts; fi',
  `printf '%s' '${pause}' > /pause; chmod +x /pause; exec /pause`,
].join('\n');

export interface SandboxSettings {
  cluster: string;
  image: string;
  network: string;
  /** The name of a node's container. */
  nodeContainer(node: string): string;
}

const hostnameOf = ({ hostname, domainName, hostnameAsFQDN }: SandboxConfig) => (hostnameAsFQDN && domainName ? `${hostname}.${domainName}` : hostname);

/** `labels`: those that the sandbox is found by. */
export function sandboxOptions(settings: SandboxSettings, config: SandboxConfig, labels: Labels): Docker.ContainerCreateOptions {
  const onNode = config.network === 'node';
  const host: Docker.HostConfig = {
    NetworkMode: onNode ? `container:${settings.nodeContainer(config.node)}` : settings.network,
    // Whatever the script says is read while it starts; afterwards there is nothing to keep.
    LogConfig: { Type: 'none', Config: {} },
    IpcMode: config.hostIPC ? 'host' : 'shareable',
    ...(config.hostPID ? { PidMode: 'host' } : {}),
    ...inPodCgroup(labels),
    ...(onNode ? {} : { CapAdd: ['NET_ADMIN'], Sysctls: config.sysctls }),
    // Memory volumes live as long as one running container holds them: this one holds them for the pod.
    ...(config.memoryVolumes?.length
      ? {
          Mounts: config.memoryVolumes.map((name, index) => ({
            Type: 'volume' as const,
            Source: name,
            Target: `/run/skiff/memory/${index}`,
          })) as Docker.MountSettings[],
        }
      : {}),
  };
  return {
    name: containerName(settings.cluster, 'POD', config, config.attempt),
    Image: settings.image,
    Entrypoint: ['sh', '-c', script],
    User: '0',
    WorkingDir: '/',
    Env: [
      ...(onNode ? [] : [`SKIFF_GATEWAY=${config.gateway ?? ''}`, `SKIFF_GATEWAY_IPV6=${config.gatewayIPv6 ?? ''}`, `SKIFF_RESOLV_CONF=${resolvConf(config.dns)}`, `SKIFF_HOSTS=${hostsFile(config)}`]),
    ],
    ...(onNode ? {} : { Hostname: hostnameOf(config) }),
    AttachStdout: true,
    AttachStderr: true,
    Labels: labels,
    Healthcheck: { Test: ['NONE'] },
    StopSignal: 'SIGKILL',
    HostConfig: host,
    ...(onNode
      ? {}
      : {
          NetworkingConfig: {
            EndpointsConfig: { [settings.network]: config.ip ? { IPAMConfig: { IPv4Address: config.ip, ...(config.ipv6 ? { IPv6Address: config.ipv6 } : {}) } } : {} },
          } as Docker.ContainerCreateOptions['NetworkingConfig'],
        }),
  };
}

/** Starts a created sandbox; resolves when its script has said that the network is as promised. */
export async function startSandbox(container: Docker.Container, clock: Clock): Promise<void> {
  const stream = (await engineCall(() =>
    container.attach({ stream: true, stdout: true, stderr: true }),
  )) as unknown as Duplex;
  let output = '';
  const ready = new Promise<void>((resolve, reject) => {
    const reader = new FrameReader((_, content) => {
      output += content.toString();
      if (output.includes(readyLine)) resolve();
    });
    stream.on('data', (chunk: Buffer) => reader.push(chunk));
    const failed = () => reject(new RuntimeError('other', `the sandbox could not set up its network: ${output.trim() || 'it ended'}`));
    stream.once('end', failed);
    stream.once('error', (error) => reject(runtimeError(error)));
  });
  const timer = clock.setTimer(readyTimeoutMs, () => stream.destroy(new Error('the sandbox did not become ready in 2 minutes')));
  try {
    // The start's own failure says more than that of the stream, which ends as well.
    ready.catch(() => {});
    await tolerate([304], () => container.start());
    await ready;
  } catch (error) {
    throw runtimeError(error);
  } finally {
    timer.cancel();
    stream.destroy();
  }
}

export function toSandbox(info: { Id: string; State: string; Created: number; Labels: Labels }): Sandbox {
  return {
    id: info.Id,
    ...identityOf(info.Labels),
    node: info.Labels[label.node] ?? '',
    state: info.State === 'running' ? 'ready' : 'notReady',
    ...(info.Labels[label.ip] ? { ip: info.Labels[label.ip] } : {}),
    createdAt: info.Created * 1000,
    ...givenBack(info.Labels),
  };
}
