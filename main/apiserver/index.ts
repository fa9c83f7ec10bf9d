/**
 * The only way to the store: Kubernetes' API over TLS, and the same request path in process.
 */
import type { Duplex } from 'node:stream';
import type { Registry as MetricsRegistry } from 'prom-client';
import type { FeatureGates } from '../api/featureGates.ts';
import type { KubeletApi } from '../api/kubelet.ts';
import type { Store } from '../store/index.ts';
import type { Clock, Timer } from '../util/clock.ts';
import { ping, type HealthCheck } from '../util/healthChecks.ts';
import type { Logger } from '../util/log.ts';
import type { Random } from '../util/random.ts';
import type { AdmissionPlugin, AdmissionServices } from './admission/types.ts';
import { Aggregator, registerLocal, type FrontProxy } from './aggregation/index.ts';
import { PolicyStatusController } from './admission/policies/statusController.ts';
import { AdmissionMetrics } from './admission/metrics.ts';
import { AdmissionChain } from './admissionChain.ts';
import { Auditor, type AuditPolicy, type AuditSink } from './audit/index.ts';
import type { Authenticator, Authorizer, UserInfo } from './auth/types.ts';
import { CustomResources, describeRules } from './apiextensions/index.ts';
import { Chain } from './chain.ts';
import { directEgress, type Egress } from './egress/index.ts';
import { describeFlows, FlowControl, flowDumps, FlowSchemaController } from './flowControl/index.ts';
import { HostGuard } from './http/hosts.ts';
import { HttpsServer, type ServingCertificate } from './http/server.ts';
import { InProcessTransport } from './inProcess.ts';
import { KubeletServer } from './kubeletServer/index.ts';
import { OpenApi } from './openapi/index.ts';
import { Registry } from './registry/generic.ts';
import { objectsOf } from './registry/objects.ts';
import { ResourceTable } from './registry/resources.ts';
import type { Strategy } from './registry/strategy.ts';
import type { Serving } from './serving.ts';
import { Discovery } from './site/discovery.ts';
import { begun, storeCheck } from './site/health.ts';
import { siteOf, version136, type Page, type VersionInfo } from './site/index.ts';
import { LongRunning } from './site/longRunning.ts';
import { describeAvailability, describeFeatures, describeStorage, RequestMetrics } from './site/metrics.ts';
import { measuredStore } from './site/storeMetrics.ts';
import { streamHandlers } from './streaming/index.ts';
import { Turns } from './turns.ts';
import { WebhookClient } from './webhook/index.ts';

export type { Strategy, ResourceDefinition, RequestContext, Subresource, Objects } from './registry/strategy.ts';
export type { AdmissionPlugin, AdmissionAttributes, AdmissionServices } from './admission/types.ts';
export type { Authenticator, Authorizer, UserInfo, RequestInfo } from './auth/types.ts';
export type { InProcessTransport } from './inProcess.ts';
export type { Served, ServingCertificate } from './http/server.ts';
export type { Page, VersionInfo } from './site/index.ts';
export type { Answer, Call } from './call.ts';
export type { Egress } from './egress/index.ts';

/** Where the apiserver finds the kubelet of a node; undefined: none runs there. */
export type KubeletLocator = (nodeName: string) => KubeletApi | undefined;

export interface ApiServerOptions {
  store: Store;
  clock: Clock;
  random: Random;
  log: Logger;
  strategies: readonly Strategy[];
  /** In the order in which they run. */
  admission(services: AdmissionServices): readonly AdmissionPlugin[];
  /** Asked in turn until one knows the client; none does: anonymous. */
  authenticators: readonly Authenticator[];
  authorizer: Authorizer;
  tls: ServingCertificate;
  kubelets: KubeletLocator;
  /** The way to pods, nodes and Services. Default: what this process can reach by itself. */
  egress?: Egress;
  /** What aggregated API servers know this server by; without it they take it for anybody. */
  frontProxy?: FrontProxy;
  /** Further names and addresses under which clients reach this server: the address of the `kubernetes` Service. */
  hosts?: readonly string[];
  /** How many requests may be under way at once; priority levels share the sum. Streams and exempt requests do not count. */
  maxInflight?: { reading: number; writing: number };
  /** What `/version` says besides that this is 1.36. */
  version?: Partial<VersionInfo>;
  /** Besides `ping` and the store: what must work for `/readyz`. */
  readiness?: readonly HealthCheck[];
  /** What else must have begun before the server is well. */
  beginnings?: readonly HealthCheck[];
  /** Settings to be told of at `/flagz`, under the names that kube-apiserver's flags have. */
  flags?: Readonly<Record<string, string>>;
  /** Documents at paths of their own: `/.well-known/openid-configuration`, `/openid/v1/jwks`. */
  pages?: Readonly<Record<string, Page>>;
  /** Where other components of this process publish what they measure: it is told at `/metrics`, too. */
  metrics?: MetricsRegistry;
  /** Gates that somebody has switched, to be told with the others. */
  featureGates?: FeatureGates;
  /** Which requests are told, and who is told of them. */
  audit?: { policy: AuditPolicy; sink: AuditSink };
}

export interface ApiServer {
  /** Serves on 127.0.0.1; port 0 takes a free one, as does `orAnother` where the port is taken. Resolves with the port. */
  listen(options: { port: number; orAnother?: boolean }): Promise<number>;
  /** Serves a TLS connection that came another way: from a pod through its node's tunnel. */
  handleConnection(connection: Duplex): void;
  /** Serves connections to the kubelet of a node, which shows this certificate. */
  serveKubelet(node: string, certificate: Omit<ServingCertificate, 'clientCa'>): KubeletListener;
  /** The client of this process: the same chain after authentication, without bytes. */
  transport(user: UserInfo, userAgent: string): InProcessTransport;
  close(): Promise<void>;
}

/** Where a node's kubelet is asked from outside of this process. */
export interface KubeletListener {
  /** TLS starts inside the connection. */
  handleConnection(connection: Duplex): void;
  close(): Promise<void>;
}

/** Milliseconds after which that begins which nobody waits for. */
const quietStart = 2000;

/** This server, where it writes by itself. */
const self: UserInfo = { name: 'system:apiserver', groups: ['system:masters'] };

export function createApiServer(options: ApiServerOptions): ApiServer {
  const { clock, random, log } = options;
  const version = { ...version136, ...options.version };
  const metrics = new RequestMetrics(version, options.metrics);
  const store = measuredStore(options.store, clock, metrics.register);
  const objects = objectsOf(store);
  const resources = new ResourceTable();
  for (const strategy of options.strategies) resources.add(new Registry(strategy, store, objects, random));
  const egress = options.egress ?? directEgress;
  const webhooks = new WebhookClient({ egress, objects, clock, random });
  const { reading, writing } = options.maxInflight ?? { reading: 400, writing: 200 };
  const flows = new FlowControl(store, clock, reading + writing);
  const admissionMetrics = new AdmissionMetrics(metrics.register);
  const serving: Serving = {
    store,
    clock,
    random,
    log,
    resources,
    objects,
    admission: new AdmissionChain(options.admission({ store, objects, resources, authorizer: options.authorizer, webhooks, clock, random, log, metrics: admissionMetrics }), clock, admissionMetrics),
    authorizer: options.authorizer,
    flows,
    longRunning: new LongRunning(metrics.register),
    kubelets: options.kubelets,
    egress,
    webhooks,
  };
  const definitions = resources.find('apiextensions.k8s.io', 'v1', 'customresourcedefinitions');
  const customResources = definitions && new CustomResources({ store, objects, random, resources, webhooks, definitions, clock, log });
  customResources?.start().catch((error: unknown) => log.error('custom resources are not served', { error: String(error) }));
  describeStorage(resources, store, clock, metrics.register);
  describeRules(metrics.register);
  describeFeatures(options.featureGates ?? {}, metrics.register);
  describeFlows(flows, metrics.register);
  let quiet: Timer | undefined;
  let address = '127.0.0.1';
  const begins = { definitions: false, others: false, registered: false };
  const hook = (name: string, part: keyof typeof begins) => begun(`poststarthook/${name}`, () => begins[part]);
  const hooks = [
    hook('generic-apiserver-start-informers', 'definitions'),
    hook('start-apiextensions-informers', 'definitions'),
    hook('start-apiextensions-controllers', 'definitions'),
    hook('crd-informer-synced', 'definitions'),
    hook('start-apiserver-admission-initializer', 'definitions'),
    hook('start-kube-aggregator-informers', 'others'),
    hook('apiservice-registration-controller', 'others'),
    hook('apiservice-status-local-available-controller', 'others'),
    hook('apiservice-status-remote-available-controller', 'others'),
    hook('apiservice-openapi-controller', 'others'),
    hook('kube-apiserver-autoregistration', 'registered'),
    begun('autoregister-completion', () => begins.registered),
  ];
  const checks = [ping, begun('log', () => true), storeCheck(store), ...hooks, ...(options.beginnings ?? [])];
  const openApi = new OpenApi({
    get version() {
      return resources.version;
    },
    all: () => resources.all().map(({ strategy }) => strategy),
  }, () => aggregator);
  const aggregator = new Aggregator({
    store,
    objects,
    egress,
    clock,
    random,
    log,
    frontProxy: options.frontProxy,
    async setStatus(name, conditions) {
      const path = `/apis/apiregistration.k8s.io/v1/apiservices/${name}/status`;
      await local(self, 'kube-apiserver').request({ method: 'PATCH', path, contentType: 'application/merge-patch+json', body: { status: { conditions } } });
    },
  });
  describeAvailability(aggregator, metrics.register);
  const policies = new PolicyStatusController({
    store,
    resources,
    clock,
    log,
    async setStatus(name, status) {
      const path = `/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/${name}/status`;
      const body = { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicy', metadata: { name }, status };
      const query = { fieldManager: 'validatingadmissionpolicy-status', force: true };
      await local(self, 'kube-controller-manager').request({ method: 'PATCH', path, query, contentType: 'application/apply-patch+yaml', body });
    },
  });
  const flowSchemas = new FlowSchemaController({
    store,
    clock,
    log,
    async setCondition(name, condition) {
      const path = `/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas/${name}/status`;
      const body = { apiVersion: 'flowcontrol.apiserver.k8s.io/v1', kind: 'FlowSchema', metadata: { name }, status: { conditions: [condition] } };
      const query = { fieldManager: 'api-priority-and-fairness-config-consumer-v1', force: true };
      await local(self, 'kube-apiserver').request({ method: 'PATCH', path, query, contentType: 'application/apply-patch+yaml', body });
    },
    async create(resource, body) {
      const query = { fieldManager: 'api-priority-and-fairness-config-producer-v1' };
      await local(self, 'kube-apiserver').request({ method: 'POST', path: `/apis/flowcontrol.apiserver.k8s.io/v1/${resource}`, query, body });
    },
  });
  const site = siteOf({
    version,
    flags: options.flags ?? {},
    started: clock.now(),
    now: () => clock.now(),
    discovery: new Discovery(resources, () => address, aggregator),
    metrics,
    checks: { healthz: checks, livez: checks, readyz: [...checks, begun('informer-sync', () => begins.definitions && begins.others), ...(options.readiness ?? [])] },
    pages: options.pages ?? {},
    unlisted: flowDumps(flows, (monotonic) => clock.now() - clock.monotonic() + monotonic),
    trees: { '/openapi/': openApi.answer },
  });
  const chain = new Chain(serving, options.authenticators, site, streamHandlers(serving), aggregator, options.audit && new Auditor(options.audit.policy, options.audit.sink, clock, random, metrics.register));
  const turns = new Turns();
  const local = (user: UserInfo, userAgent: string) => new InProcessTransport(chain, clock, user, userAgent, turns);
  const https = new HttpsServer(chain, new HostGuard(options.hosts ?? [], (address) => egress.covers(address)), clock, log, options.tls, metrics);
  const kubeletListeners = new Set<HttpsServer>();
  return {
    serveKubelet(node, certificate) {
      const server = new KubeletServer(serving, node, (incoming) => chain.authenticate(incoming));
      const listener = new HttpsServer(server, new HostGuard([], () => true), clock, log, { ...certificate, clientCa: options.tls.clientCa });
      kubeletListeners.add(listener);
      return {
        handleConnection: (connection) => listener.handleConnection(connection),
        async close() {
          kubeletListeners.delete(listener);
          await listener.close();
        },
      };
    },
    async listen({ port, orAnother }) {
      await customResources?.start();
      begins.definitions = true;
      const taken = await https.listen(port, orAnother);
      await Promise.all([aggregator.start(), policies.start()]);
      begins.others = true;
      // Nobody waits for these words; what a cluster needs to be ready goes first.
      quiet = clock.setTimer(quietStart, () => void flowSchemas.start().catch((error: unknown) => log.warn('flow schemas are not looked at', { error: String(error) })));
      if (resources.find('apiregistration.k8s.io', 'v1', 'apiservices')) {
        const register = () => registerLocal(resources, local(self, 'kube-aggregator'), aggregator.registered()).catch((error: unknown) => log.warn('what is served cannot be registered', { error: String(error) }));
        resources.changed = () => void register();
        await register();
      }
      begins.registered = true;
      address = `127.0.0.1:${taken}`;
      return taken;
    },
    handleConnection: (connection) => https.handleConnection(connection),
    transport: local,
    async close() {
      aggregator.close();
      policies.close();
      quiet?.cancel();
      flowSchemas.close();
      customResources?.close();
      serving.admission.close();
      serving.flows.close();
      webhooks.close();
      await Promise.all([https, ...kubeletListeners].map((server) => server.close()));
    },
  };
}

// What the engine gives to createApiServer.
export { objectsOf } from './registry/objects.ts';
export { builtinStrategies, type BuiltinOptions } from './registry/kinds.ts';
export { RbacAuthorizer } from './auth/rbac.ts';
export { ServiceAccountTokens } from './auth/serviceAccountTokens.ts';
export { compileDeviceSelector, type DeviceSelector, type DeviceSelectorFault } from './deviceSelector.ts';
export { begun, storeCheck } from './site/health.ts';
export { auditPolicy, type AuditPolicy } from './audit/index.ts';
export { bootstrapTokens } from './auth/bootstrapTokens.ts';
export { NodeAuthorizer } from './auth/node.ts';
export { UnionAuthorizer } from './auth/union.ts';
export { x509Authenticator } from './auth/x509.ts';
export { builtinAdmission } from './admission/index.ts';
export { readAdmissionConfiguration, type AdmissionConfiguration } from './admission/configuration/index.ts';
