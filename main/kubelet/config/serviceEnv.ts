import type { Pod, Service } from '../../api/index.ts';

const hasClusterIP = (service: Service) => !!service.spec?.clusterIP && service.spec.clusterIP !== 'None';

/**
 * The variables that tell a container where the Services of its namespace are. The API server's are always there.
 * Mirrors pkg/kubelet/kubelet_pods.go (getServiceEnvVarMap) and pkg/kubelet/envvars/envvars.go.
 */
export function serviceEnvironment(pod: Pod, services: Service[], apiServer: Service | undefined): Map<string, string> {
  const chosen = new Map<string, Service>();
  if (apiServer && hasClusterIP(apiServer)) chosen.set('kubernetes', apiServer);
  if (pod.spec?.enableServiceLinks !== false)
    for (const service of services) {
      const { name, namespace } = service.metadata!;
      if (!hasClusterIP(service)) continue;
      if (name === 'kubernetes' && namespace === 'default') continue;
      chosen.set(name!, service);
    }
  const env = new Map<string, string>();
  for (const service of chosen.values()) for (const [name, value] of variablesOf(service)) env.set(name, value);
  return env;
}

/** Each container of a namespace is told of all its Services, which hardly ever change. */
const known = new WeakMap<Service, ReadonlyMap<string, string>>();

function variablesOf(service: Service): ReadonlyMap<string, string> {
  let variables = known.get(service);
  if (!variables) known.set(service, (variables = makeVariables(service)));
  return variables;
}

function makeVariables(service: Service): ReadonlyMap<string, string> {
  const env = new Map<string, string>();
  const { clusterIP, ports = [] } = service.spec!;
  const prefix = envName(service.metadata!.name!);
  env.set(`${prefix}_SERVICE_HOST`, clusterIP!);
  if (ports.length === 0) return env;
  env.set(`${prefix}_SERVICE_PORT`, String(ports[0]!.port));
  for (const { name, port } of ports) if (name) env.set(`${prefix}_SERVICE_PORT_${envName(name)}`, String(port));
  ports.forEach(({ port, protocol = 'TCP' }, index) => {
    const url = `${protocol.toLowerCase()}://${clusterIP!.includes(':') ? `[${clusterIP}]` : clusterIP}:${port}`;
    if (index === 0) env.set(`${prefix}_PORT`, url);
    const portPrefix = `${prefix}_PORT_${port}_${protocol.toUpperCase()}`;
    env.set(portPrefix, url);
    env.set(`${portPrefix}_PROTO`, protocol.toLowerCase());
    env.set(`${portPrefix}_PORT`, String(port));
    env.set(`${portPrefix}_ADDR`, clusterIP!);
  });
  return env;
}

function envName(name: string): string {
  return name.replaceAll('-', '_').toUpperCase();
}
