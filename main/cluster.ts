/**
 * The engine as one object: builds the rooms of a cluster, starts them in order, stops them in reverse.
 * Runs in plain Node and on the app's worker thread alike.
 */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Registry as MetricsRegistry } from 'prom-client';
import type { ClusterState } from '../preload/contract.ts';
import { lastUsedLabel } from './api/legacyTokens.ts';
import { parseYaml } from './api/yaml.ts';
import { type ApiAddress, ApiAddresses } from './apiAddresses.ts';
import { ApiServerLease } from './apiServerLease.ts';
import { type Answer, auditPolicy, begun, bootstrapTokens, builtinAdmission, builtinStrategies, compileDeviceSelector, createApiServer, objectsOf, readAdmissionConfiguration, NodeAuthorizer, RbacAuthorizer, ServiceAccountTokens, storeCheck, UnionAuthorizer, x509Authenticator, type AdmissionConfiguration, type ApiServer, type AuditPolicy, type Egress, type KubeletListener } from './apiserver/index.ts';
import { bootstrapCluster, certificateSigner, ensureAuthority, kubeletIssuer, nodeRules, type ClusterCertificates, contextName, ensureCertificates, ensureEndpoints, mergeKubeconfig, removeFromKubeconfig, writeKubeconfig, type KeptAuthority, type KubeconfigEntry } from './bootstrap/index.ts';
import type { ApiEndpoint } from './bridge/index.ts';
import { Client, ClientMetrics, InformerFactory, LeaderElector, resources } from './client/index.ts';
import { clusterFiles, clusterFilesIn, isFree, makeDirectory, readMemory, writeMemory, type ClusterFiles } from './clusterFiles.ts';
import { engineId, openClusterStore } from './clusterStore.ts';
import { CloudMetrics, listenOnHost, portProblem } from './cloud/index.ts';
import { ControllerMetrics, startControllers, type ControllerContext } from './controllers/index.ts';
import { joinEngines, type Engine as StoreEngine } from './engines.ts';
import { Nodes } from './nodes.ts';
import { watchNodes } from './nodesFault.ts';
import { prepareMachines, type MachineFiles } from './nodes/machines.ts';
import type { Options } from './options.ts';
import { outFolder } from './outFolder.ts';
import { PortForwards } from './portForward/index.ts';
import type { DockerMachines, EngineDiscovery } from './runtime/index.ts';
import { readSchedulerConfiguration, Scheduler, SchedulerMetrics, type SchedulerConfiguration } from './scheduler/index.ts';
import { lockDirectory, lockHolder, type Store } from './store/index.ts';
import { realClock } from './util/clock.ts';
import type { HealthCheck } from './util/healthChecks.ts';
import { noLog, type Logger } from './util/log.ts';
import { systemRandom } from './util/random.ts';

export interface ClusterOptions extends Partial<Pick<Options, 'dualStack'>>, Pick<Options, 'data' | 'name' | 'runtime' | 'nodes' | 'port' | 'schedulerConfig' | 'admissionConfig' | 'etcd' | 'featureGates' | 'auditPolicy' | 'auditLog'> {
  log?: Logger;
  /** The packaged app's folder of resources; undefined when run from its sources. */
  resources?: string;
}

export interface Cluster {
  readonly state: ClusterState;
  onState(listener: (state: ClusterState) => void): () => void;
  /** How an administrator reaches the API server; undefined until it runs. */
  readonly endpoint: ApiEndpoint | undefined;
  /** Ports of this computer that lead into pods; undefined until the API server runs. */
  readonly forwards: PortForwards | undefined;
  /** Resolves when the control plane is ready; rejects when it cannot be. */
  start(): Promise<void>;
  /** Ends the control plane; what was answered is on disk, pods go on in Docker. */
  stop(): Promise<void>;
  /** Adds the cluster's context to the user's own kubeconfig, or removes it; nothing else there changes. */
  mergeKubeconfig(action: 'add' | 'remove'): Promise<{ path: string }>;
}

/** What the nodes are to run on. */
interface Machinery {
  /** Undefined where nobody wanted an engine. */
  discovery: EngineDiscovery | undefined;
  machines?: DockerMachines;
}

/** A control loop at work. */
interface Loop {
  ready: Promise<void>;
  stop(): Promise<void>;
}

const serviceCIDRs = { IPv4: '10.96.0.0/16', IPv6: 'fd00:10:96::/112' };
const serviceIP = '10.96.0.1';
const dnsIP = '10.96.0.10';
const clusterDomain = 'cluster.local';
/** Seconds for which the token in a Secret lasts, if the Secret does. */
const endless = 100 * 365 * 24 * 3600;

export function createCluster(options: ClusterOptions): Cluster {
  return new Engine(options);
}

/** Removes everything of a cluster from Docker and disk. Rejects while an engine runs it. */
export async function deleteCluster(options: ClusterOptions & { onProgress(step: string): void }): Promise<void> {
  const files = clusterFiles(options.data, options.name);
  await mkdir(files.store, { recursive: true, mode: 0o700 });
  const unlock = await lockDirectory(path.join(files.store, 'lock'), files.store, realClock);
  try {
    const discovery = await discover(options.runtime);
    if (discovery?.found) {
      const { createMachines } = await import('./runtime/docker/machines.ts');
      const machines = createMachines({
        connection: discovery.found.connection,
        cluster: options.name,
        agentFile: machineFiles(options.resources).agent,
        clock: realClock,
        log: options.log ?? noLog,
        env: process.env,
        platform: process.platform,
      });
      const owner = await machines.owner();
      const holder = owner && (await lockHolder(path.join(clusterFilesIn(owner.directory).store, 'lock')));
      if (holder !== undefined && owner!.directory !== files.directory)
        throw new Error(`what Docker has of cluster ${options.name} belongs to the one in ${owner!.directory}, which process ${holder} runs`);
      options.onProgress(`removing cluster ${options.name} from ${discovery.message}`);
      await machines.removeAll();
    } else if (discovery) {
      if (options.runtime === 'docker') throw new Error(discovery.message);
      options.onProgress(`${discovery.message} What cluster ${options.name} may have in Docker stays there; --delete removes it once the engine answers.`);
    }
  } finally {
    await unlock();
  }
  await rm(files.directory, { recursive: true, force: true });
}

/** Looks for an engine unless none is wanted. */
async function discover(runtime: Options['runtime']): Promise<EngineDiscovery | undefined> {
  if (runtime === 'simulated') return undefined;
  const { discoverEngine } = await import('./runtime/docker/discover.ts');
  return discoverEngine({ clock: realClock });
}

/** What machines are made of: beside the sources' bundles, or among the packaged app's resources. */
function machineFiles(resources: string | undefined): MachineFiles {
  if (resources) return { agent: path.join(resources, 'node', 'agent.mjs'), dockerfile: path.join(resources, 'node-image'), tarballs: path.join(resources, 'node-image') };
  return { agent: path.join(outFolder, 'node/agent.mjs'), dockerfile: path.join(outFolder, '../images/node') };
}

/** What upstream's server does after its start and bootstrapCluster does here, by the names that health checks have there. */
const bootstrapHooks = [
  'bootstrap-controller', 'start-system-namespaces-controller', 'start-service-ip-repair-controllers', 'scheduling/bootstrap-system-priority-classes',
  'start-cluster-authentication-info-controller', 'rbac/bootstrap-roles', 'priority-and-fairness-config-producer', 'start-kubernetes-service-cidr-controller', 'storage-readiness',
  'start-kube-apiserver-identity-lease-controller', 'start-kube-apiserver-identity-lease-garbage-collector',
];

/** Tells a cluster from all others for as long as it has its authority. */
const fingerprint = (ca: string) => createHash('sha256').update(ca).digest('hex').slice(0, 16);

const readConfiguration = <T>(what: string, file: string, read: (value: unknown) => T): Promise<T> => readTextOf(what, file, (text) => read(parseYaml(text)));

async function readTextOf<T>(what: string, file: string, read: (text: string) => T | Promise<T>): Promise<T> {
  try {
    return await read(await readFile(file, 'utf8'));
  } catch (error) {
    throw new Error(`${what} ${file} cannot be used: ${(error as Error).message}`, { cause: error });
  }
}

class Engine implements Cluster {
  #state: ClusterState = { phase: 'starting', step: '' };
  readonly #listeners = new Set<(state: ClusterState) => void>();
  readonly #files: ClusterFiles;
  readonly #log: Logger;
  #clientMetrics: ClientMetrics | undefined;
  #controllerMetrics: ControllerMetrics | undefined;
  #schedulerMetrics: SchedulerMetrics | undefined;
  /** What was started, to be stopped in reverse. */
  readonly #stops: (() => Promise<void> | void)[] = [];
  #stopping: Promise<void> | undefined;
  #entry: KubeconfigEntry | undefined;
  #nodes: Nodes | undefined;
  #forwards: PortForwards | undefined;
  /** Whether scheduler and controllers are at work. */
  #loopsRun = false;
  #schedulerConfiguration: SchedulerConfiguration | undefined;
  /** While this engine schedules. */
  #scheduler: Scheduler | undefined;

  constructor(private readonly options: ClusterOptions) {
    this.#files = clusterFiles(options.data, options.name);
    this.#log = options.log ?? noLog;
  }

  get state(): ClusterState {
    return this.#state;
  }

  get endpoint(): ApiEndpoint | undefined {
    const entry = this.#entry;
    return entry && { server: entry.server, ca: entry.ca, cert: entry.admin.certificate, key: entry.admin.key };
  }

  get forwards(): PortForwards | undefined {
    return this.#forwards;
  }

  onState(listener: (state: ClusterState) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      await this.#fail(error);
      throw error;
    }
  }

  async #fail(error: unknown): Promise<void> {
    this.#change({ phase: 'failed', message: error instanceof Error ? error.message : String(error) });
    await this.stop();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop().finally(() => (this.#stopping = undefined));
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    for (let stop = this.#stops.pop(); stop; stop = this.#stops.pop()) await stop();
  }

  async mergeKubeconfig(action: 'add' | 'remove'): Promise<{ path: string }> {
    if (!this.#entry) throw new Error('the cluster is not running');
    const file = process.env.KUBECONFIG?.split(path.delimiter)[0] || path.join(os.homedir(), '.kube', 'config');
    if (action === 'add') await mergeKubeconfig(file, this.#entry);
    else await removeFromKubeconfig(file, this.#entry.name);
    return { path: file };
  }

  async #start(): Promise<void> {
    const log = this.#log;
    const clock = realClock;
    const random = systemRandom;
    await makeDirectory(this.#files);
    const { schedulerConfig } = this.options;
    this.#schedulerConfiguration = schedulerConfig === undefined ? undefined : await readConfiguration("the scheduler's configuration", schedulerConfig, readSchedulerConfiguration);
    const admission = await this.#readAdmission();
    const dualStack = await this.#hasTwoFamilies();
    const serviceCIDR = dualStack ? `${serviceCIDRs.IPv4},${serviceCIDRs.IPv6}` : serviceCIDRs.IPv4;
    // The search for an engine goes on beside the start of the control plane.
    const discovering = discover(this.options.runtime);
    const controlLoopCheck = (name: string): HealthCheck => ({
      name,
      check: () => {
        if (!this.#loopsRun) throw new Error(`the ${name} is starting`);
      },
    });
    const authority = ensureAuthority(this.#files.pki, clock);
    const opening = this.#openStore();
    const preparingMachines = this.#prepareMachines(discovering, authority, opening, dualStack);
    preparingMachines.catch(() => {});
    const [certificates, store, port] = await Promise.all([ensureCertificates(this.#files.pki, { clock, authority }), opening, this.#choosePort()]);

    const { etcd } = this.options;
    if (store.revision === 0 && (await readMemory(this.#files)).port !== undefined)
      throw new Error(
        etcd
          ? `etcd holds nothing behind ${etcd.prefix}, though this cluster has been in use: put it back, or start anew after --delete`
          : `${this.#files.store} is empty, though this cluster has been in use: put its files back, or start anew with --reset`,
      );
    // Others may use the same etcd; files are this process's alone.
    const engine = etcd && (await joinEngines(store, { id: engineId(this.#files), authority: fingerprint(certificates.ca), pki: this.#files.pki }));
    const objects = objectsOf(store);
    const rbac = new RbacAuthorizer(store);
    const authorizer = new UnionAuthorizer([new NodeAuthorizer(store, nodeRules()), rbac]);
    const tokens = new ServiceAccountTokens(certificates.serviceAccountKey, 'https://kubernetes.default.svc.cluster.local', objects, clock, random);
    const otherTokens = [bootstrapTokens(objects, clock)];
    const egress: Egress = {
      dial: (host, port, from) => this.#nodes!.dial(host, port, from),
      covers: (address) => this.#nodes!.covers(address),
    };
    const kubelets = (node: string) => this.#nodes?.kubelet(node);
    let bootstrapped = false;
    const register = new MetricsRegistry();
    this.#clientMetrics = new ClientMetrics(register, clock, 'in-process');
    this.#controllerMetrics = new ControllerMetrics(register);
    this.#schedulerMetrics = new SchedulerMetrics(register);
    const api = createApiServer({
      metrics: register,
      featureGates: this.options.featureGates,
      store,
      clock,
      random,
      log: log.child('apiserver'),
      strategies: builtinStrategies({
        store, objects, random, rbac, authorizer, tokens, otherTokens, serviceCIDR, nodePorts: [30000, 32767], shared: engine !== undefined, kubelets, featureGates: this.options.featureGates,
        components: [controlLoopCheck('scheduler'), controlLoopCheck('controller-manager'), { ...storeCheck(store), name: 'etcd-0' }],
      }),
      admission: (services) => builtinAdmission(services, admission),
      authenticators: [x509Authenticator, tokens, ...otherTokens],
      authorizer,
      tls: { certificate: certificates.serving.certificate, key: certificates.serving.key, clientCa: certificates.ca },
      kubelets,
      egress,
      frontProxy: certificates.frontProxy,
      pages: { ...tokens.pages(), '/debug/scheduler/attempt': (call) => this.#lastAttempt(call.search), '/metrics/resources': () => this.#podResources() },
      audit: await this.#openAudit(),
      hosts: [serviceIP],
      flags: {
        'authorization-mode': '[Node,RBAC]',
        'enable-bootstrap-token-auth': 'true',
        'service-account-extend-token-expiration': 'true',
        'service-account-issuer': `[${tokens.issuer}]`,
        'service-cluster-ip-range': serviceCIDR,
        'service-node-port-range': '30000-32767',
      },
      beginnings: bootstrapHooks.map((hook) => begun(`poststarthook/${hook}`, () => bootstrapped)),
    });
    this.#stops.push(() => api.close());
    const kubeletListener = this.#kubeletListeners(api);
    const publish = (addresses: ApiAddress[]) => ensureEndpoints(this.#client(api, 'system:apiserver', 'kube-apiserver'), addresses);
    const addresses = engine && new ApiAddresses({ store, id: engineId(this.#files), publish, clock, log });
    if (addresses) this.#stops.push(() => addresses.stop());
    const nodes = new Nodes({
      cloudMetrics: new CloudMetrics(register),
      cluster: this.options.name,
      directory: this.#files.directory,
      count: this.options.nodes,
      after: engine?.nodesAfter ?? 0,
      ...(engine ? { claimMachine: engine.claimMachine } : {}),
      client: (user, userAgent) => this.#client(api, user, userAgent),
      onApiConnection: (connection) => api.handleConnection(connection),
      onKubeletConnection: (node, connection) => {
        kubeletListener(node).then(
          (listener) => listener.handleConnection(connection),
          (error: Error) => connection.destroy(error),
        );
      },
      clusterDNS: dnsIP,
      clusterDomain,
      dualStack,
      serviceCIDR,
      api: { address: serviceIP, port: 443 },
      certificate: certificates.edge,
      onFailure: (error) => void this.#fail(error),
      publishApi: (address) => (addresses ? addresses.set(address) : publish([address])),
      clock,
      random,
      log,
    });
    this.#nodes = nodes;
    this.#stops.push(() => nodes.stop());
    const preparing = this.#prepareNodes(nodes, preparingMachines);
    preparing.catch(() => {});
    // Another engine that starts in the same moment may have found the same port free.
    const [bound] = await Promise.all([api.listen({ port, orAnother: !this.options.port }), rbac.load()]);
    this.#stops.push(() => rbac.close());
    const admin = this.#client(api, 'system:apiserver', 'kube-apiserver');
    tokens.onLegacyUse = ({ metadata }, day) => {
      const patch = { metadata: { uid: metadata!.uid, labels: { [lastUsedLabel]: day } } };
      admin.of(resources.secrets).patch(metadata!.namespace!, metadata!.name!, 'merge', patch).catch((error: unknown) => this.#log.warn('the use of a token could not be noted', { error: String(error) }));
    };
    await bootstrapCluster(admin, {
      serviceIP,
      serviceCIDR,
      dnsIP,
      authentication: { clientCa: certificates.ca, frontProxyCa: certificates.frontProxy.ca },
      clusterInfo: { server: `https://127.0.0.1:${bound}`, ca: certificates.ca },
    });
    bootstrapped = true;
    const lease = new ApiServerLease({ client: admin, clock, random, log, hostname: os.hostname(), engine: engine && engineId(this.#files) });
    lease.start();
    this.#stops.push(() => lease.stop());
    // From here on the store is known to hold something.
    await writeMemory(this.#files, { port: bound, ...(dualStack ? { dualStack } : {}), ...(etcd ? { etcd: etcd.prefix } : {}) });
    const informers = await this.#startControlLoops(api, certificates, tokens, nodes, engine);
    this.#loopsRun = true;
    this.#forwards = this.#openForwards(api, informers);

    const name = contextName(this.options.name === 'default' ? '' : this.options.name);
    const entry = { name, server: `https://127.0.0.1:${bound}`, ca: certificates.ca, admin: certificates.admin };
    await writeKubeconfig(this.#files.kubeconfig, entry);

    const discovery = await preparing;
    await nodes.start(informers);
    const found = discovery?.found;
    this.#entry = entry;
    this.#change({
      phase: 'running',
      name: this.options.name,
      runtime: found ? 'docker' : 'simulated',
      kubeconfig: this.#files.kubeconfig,
      server: entry.server,
      // On simulated nodes by the user's own wish there is nothing to be said.
      ...(discovery && !found ? { notice: `${discovery.message} Until then pods run on simulated nodes.` } : {}),
    });
    this.#stops.push(watchNodes(informers.informer(resources.nodes), clock, (fault) => this.#tellFault(fault)));
  }

  /** Rejects where they are asked for a cluster that has been made without: its network and Services cannot change that. */
  async #hasTwoFamilies(): Promise<boolean> {
    const { port, dualStack = false } = await readMemory(this.#files);
    if (port !== undefined && this.options.dualStack && !dualStack)
      throw new Error('this cluster was made with IPv4 addresses alone: --dual-stack is for a new one, which --reset makes');
    return port === undefined ? (this.options.dualStack ?? false) : dualStack;
  }

  /** Made when somebody asks for the first time: most clusters have nobody who does. */
  #kubeletListeners(api: ApiServer): (node: { name: string; ip: string }) => Promise<KubeletListener> {
    const issue = kubeletIssuer(this.#files.pki, realClock);
    const listeners = new Map<string, Promise<KubeletListener>>();
    return ({ name, ip }) => {
      const key = `${name} ${ip}`;
      let listener = listeners.get(key);
      if (!listener) {
        listener = issue(`system:node:${name}`, [name, ip]).then((certificate) => api.serveKubelet(name, certificate));
        listener.catch(() => listeners.delete(key));
        listeners.set(key, listener);
      }
      return listener;
    };
  }

  /** Rejects where Docker was asked for and none answers. */
  async #prepareMachines(discovering: Promise<EngineDiscovery | undefined>, authority: Promise<KeptAuthority>, opening: Promise<Store>, dualStack: boolean): Promise<Machinery> {
    const discovery = await discovering;
    if (discovery && !discovery.found && this.options.runtime === 'docker') throw new Error(discovery.message);
    if (!discovery?.found) return { discovery };
    const machines = await prepareMachines({
      engine: discovery.found,
      cluster: this.options.name,
      dualStack,
      owner: Promise.all([authority, opening]).then(([{ certificate }]) => ({ id: fingerprint(certificate), directory: this.#files.directory })),
      files: machineFiles(this.options.resources),
      clock: realClock,
      log: this.#log.child('machines'),
      onProgress: (step) => this.#change({ phase: 'starting', step }),
    });
    return { discovery, machines };
  }

  /** Machines start beside the control plane. */
  async #prepareNodes(nodes: Nodes, preparing: Promise<Machinery>): Promise<EngineDiscovery | undefined> {
    const { discovery, machines } = await preparing;
    if (machines) await nodes.prepareOnDocker(discovery!.found!, machines);
    else nodes.prepareSimulated((await import('./runtime/simulated/index.ts')).createSimulatedRuntime({ clock: realClock, random: systemRandom }));
    return discovery;
  }

  /**
   * Resolves with the informers that the whole process shares, when the controllers and the scheduler are at work, or
   * another engine on the same store is.
   */
  async #startControlLoops(api: ApiServer, certificates: ClusterCertificates, tokens: ServiceAccountTokens, nodes: Nodes, engine: StoreEngine | undefined): Promise<InformerFactory> {
    const log = this.#log;
    const client = this.#client(api, 'system:kube-controller-manager', 'kube-controller-manager');
    const shared = new InformerFactory(client, realClock, log.child('informers'));
    const common = { clock: realClock, random: systemRandom, log };
    const configuration = this.#schedulerConfiguration;
    const scheduling = this.#client(api, 'system:kube-scheduler', 'kube-scheduler');
    const issueToken: ControllerContext['issueToken'] = async (subject) =>
      (await tokens.issue({ ...subject, audiences: [tokens.audience], seconds: endless, now: realClock.now() })).token;
    const sign = certificateSigner(this.#files.pki, realClock);
    const signCertificate: ControllerContext['signCertificate'] = (request, usages, seconds) => sign(request, usages, seconds * 1000);
    // The same after a restart, even of a cluster whose files were moved or whose host is called otherwise now: nobody else
    // can have the store while we hold it, so a killed engine need not wait for its own lease to run out. Of several engines
    // on one etcd each has its directory to itself.
    const identity = engine ? `skiff_${engineId(this.#files)}` : `skiff_${fingerprint(certificates.ca)}`;
    const terms = [
      this.#lead('kube-controller-manager', identity, client, shared, (informers) => {
        const controllers = startControllers({ ...common, client, informers, metrics: this.#clientMetrics, measures: this.#controllerMetrics, rootCA: certificates.ca, volumes: nodes.volumes, issueToken, signCertificate });
        return { ready: controllers.ready, stop: () => controllers.stop() };
      }),
      this.#lead('kube-scheduler', identity, scheduling, shared, (informers) => {
        const scheduler = new Scheduler({ ...common, client: scheduling, informers, configuration, compileDeviceSelector, metrics: this.#schedulerMetrics });
        this.#scheduler = scheduler;
        return {
          ready: scheduler.start(),
          stop: () => {
            this.#scheduler = undefined;
            return scheduler.stop();
          },
        };
      }),
    ];
    this.#stops.push(async () => {
      await Promise.all(terms.map((term) => term.stop()));
      shared.stop();
    });
    await Promise.all(terms.map((term) => term.start()));
    // Also where another engine controls: the nodes follow the cluster by them.
    shared.start();
    return shared;
  }

  /** On behalf of the administrator, whose window asks for them. */
  #openForwards(api: ApiServer, informers: InformerFactory): PortForwards {
    const transport = api.transport({ name: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] }, 'skiff-window');
    const forwards = new PortForwards({
      client: new Client(transport, { userAgent: 'skiff-window' }),
      informers,
      connect: (pod, port, signal) => transport.connect(pod, port, signal),
      listen: listenOnHost,
      portProblem,
      clock: realClock,
      log: this.#log.child('forwards'),
    });
    this.#stops.push(() => forwards.stopAll());
    return forwards;
  }

  /** The scheduler's last try of the pod with this `uid`, node by node: why it is where it is, or nowhere. */
  #lastAttempt(search: string): Answer | undefined {
    const attempt = this.#scheduler?.lastAttempt(new URLSearchParams(search).get('uid') ?? '');
    return attempt && { type: 'text', code: 200, contentType: 'application/json', body: JSON.stringify(attempt), headers: { 'cache-control': 'no-store' } };
  }

  /** Nothing where another engine schedules, as upstream has it. */
  async #podResources(): Promise<Answer> {
    return { type: 'text', code: 200, contentType: MetricsRegistry.PROMETHEUS_CONTENT_TYPE, body: (await this.#scheduler?.podResources()) ?? '' };
  }

  /** What only one engine on a store may run. The first term uses the process's own informers, a later one fresh ones. */
  #lead(name: string, identity: string, client: Client, shared: InformerFactory, begin: (informers: InformerFactory) => Loop): LeaderElector {
    let loop: Loop | undefined;
    let own: InformerFactory | undefined;
    let terms = 0;
    return new LeaderElector({
      client: client.as(name),
      clock: realClock,
      random: systemRandom,
      log: this.#log,
      name,
      identity,
      lead: async () => {
        if (terms++ > 0) own = new InformerFactory(client, realClock, this.#log.child('informers'));
        loop = begin(own ?? shared);
        await loop.ready;
      },
      resign: async () => {
        await loop?.stop();
        own?.stop();
      },
    });
  }

  /** A client of this process; the components of the control plane may do everything. */
  #client(api: ApiServer, user: string, userAgent: string): Client {
    return new Client(api.transport({ name: user, groups: ['system:masters', 'system:authenticated'] }, userAgent), { userAgent, metrics: this.#clientMetrics });
  }

  /** Files that it names are seen from its own folder. */
  async #readAdmission(): Promise<AdmissionConfiguration | undefined> {
    const file = this.options.admissionConfig;
    if (!file) return undefined;
    const readNamed = (named: string) => readFile(path.resolve(path.dirname(file), named), 'utf8');
    return readTextOf('the admission configuration', file, (text) => readAdmissionConfiguration(text, readNamed));
  }

  /** Appends to the log; what a crash cuts off is the last line. */
  async #openAudit(): Promise<{ policy: AuditPolicy; sink(line: string): void } | undefined> {
    const { auditPolicy: file, auditLog } = this.options;
    if (!file) return undefined;
    const policy = await readConfiguration('the audit policy', file, auditPolicy);
    const log = createWriteStream(auditLog ?? path.join(this.#files.directory, 'audit.log'), { flags: 'a', mode: 0o600 });
    log.on('error', (error) => this.#log.error('the audit log cannot be written', { error: error.message }));
    this.#stops.push(() => new Promise<void>((resolve) => log.end(resolve)));
    return { policy, sink: (line) => log.write(`${line}\n`) };
  }

  async #openStore(): Promise<Store> {
    const memory = await readMemory(this.#files);
    const store = await openClusterStore({
      files: this.#files,
      etcd: this.options.etcd,
      before: memory.port === undefined ? undefined : (memory.etcd ?? ''),
      clock: realClock,
      log: this.#log.child('store'),
    });
    this.#stops.push(() => store.close());
    return store;
  }

  /** The port asked for; else that of the last start, which kubeconfigs know; else the usual one; else any. */
  async #choosePort(): Promise<number> {
    if (this.options.port) {
      if (!(await isFree(this.options.port))) throw new Error(`port ${this.options.port} of 127.0.0.1 is already in use; choose another with --port`);
      return this.options.port;
    }
    const { port } = await readMemory(this.#files);
    for (const candidate of [port, 6443]) if (candidate && (await isFree(candidate))) return candidate;
    return 0;
  }

  #tellFault(fault: string | undefined): void {
    if (this.#state.phase !== 'running') return;
    const { fault: _, ...state } = this.#state;
    this.#change(fault === undefined ? state : { ...state, fault });
  }

  #change(state: ClusterState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener(state);
  }
}
