import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readAdmissionConfiguration } from '../../../../main/apiserver/index.ts';
import { admin, TestCluster } from '../registry/testCluster.ts';
import { TestAuthority } from '../support/certificates.ts';
import { WebhookServer } from '../support/webhookServer.ts';

const header = 'apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\n';
const noFile = (name: string) => Promise.reject<string>(new Error(`ENOENT: no such file or directory, open '${name}'`));
const quota = (...limitedResources: object[]) => ({ name: 'ResourceQuota', configuration: { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'ResourceQuotaConfiguration', limitedResources } });
const security = (fields: object) => ({ name: 'PodSecurity', configuration: { apiVersion: 'pod-security.admission.config.k8s.io/v1', kind: 'PodSecurityConfiguration', ...fields } });
const file = (...plugins: object[]) => JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AdmissionConfiguration', plugins });

let cluster: TestCluster | undefined;
afterEach(() => cluster?.close());

async function startWith(content: string, readFile = noFile): Promise<TestCluster> {
  cluster = await TestCluster.configured(content, readFile);
  await cluster.ask('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  await cluster.ask('POST', '/api/v1/namespaces/shop/serviceaccounts', { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } });
  return cluster;
}

const pods = '/api/v1/namespaces/shop/pods';
const pod = (name: string, spec: object = {}, container: object = {}) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { containers: [{ name: 'c', image: 'i', ...container }], ...spec } });
const hard = (name: string, amounts: object, more: object = {}) => ({ apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name }, spec: { hard: amounts, ...more } });
const quotas = '/api/v1/namespaces/shop/resourcequotas';

describe('a file that says what admission plugins hold to', () => {
  const read = (content: string) => readAdmissionConfiguration(content, noFile);

  it.each([
    ['', "failed to read plugin config: Object 'Kind' is missing in ''"],
    ['kind: AdmissionConfiguration', "failed to read plugin config: Object 'apiVersion' is missing in 'kind: AdmissionConfiguration'"],
    ['apiVersion: v1\nkind: Pod', 'failed to read plugin config: no kind "Pod" is registered for version "v1" in scheme "pkg/server/options/admission.go:51"'],
    [`${header}plugin: []`, 'failed to read plugin config: strict decoding error: unknown field "plugin"'],
    [`${header}plugins:\n- name: X\n  paths: y`, 'failed to read plugin config: strict decoding error: unknown field "plugins[0].paths"'],
    [`${header}plugins: {}`, 'failed to read plugin config: json: cannot unmarshal object into Go struct field AdmissionConfiguration.plugins of type []v1.AdmissionPluginConfiguration'],
    [`${header}plugins:\n- name: ResourceQuota\n  path: q.yaml`, "Couldn't open admission plugin configuration q.yaml: ENOENT: no such file or directory, open 'q.yaml'"],
    [file(quota({ matchContains: ['pods'] })), 'couldn\'t init admission plugin "ResourceQuota": limitedResources[0].resource: Required value'],
    [file(quota({ resource: 'pods', match: [] })), 'couldn\'t init admission plugin "ResourceQuota": strict decoding error: unknown field "limitedResources[0].match"'],
    [
      file(security({ defaults: { enforce: 'harsh', 'warn-version': '1.2' }, exemptions: { namespaces: ['A', 'b', 'b'], usernames: [''], runtimeClasses: ['_'] } })),
      'failed to initialize admission plugin "PodSecurity": PodSecurity configuration error: [enforce: must be one of privileged, baseline, restricted, warn-version: must be "latest" or "v1.x"]',
    ],
    [
      file(security({ exemptions: { namespaces: ['a', 'b', 'b'], usernames: [''], runtimeClasses: ['c', 'c'] } })),
      'failed to initialize admission plugin "PodSecurity": PodSecurity invalid: [exemptions.namespaces[2]: Duplicate value: "b", exemptions.runtimeClasses[1]: Duplicate value: "c", exemptions.usernames[0]: Invalid value: "": username must not be empty]',
    ],
    [file(security({ exemption: {} })), 'couldn\'t init admission plugin "PodSecurity": strict decoding error: unknown field "exemption"'],
    [file(quota({}, {})), 'couldn\'t init admission plugin "ResourceQuota": [limitedResources[0].resource: Required value, limitedResources[1].resource: Required value]'],
    [
      file({ ...quota(), name: 'MutatingAdmissionWebhook' }),
      'couldn\'t init admission plugin "MutatingAdmissionWebhook": no kind "ResourceQuotaConfiguration" is registered for version "apiserver.config.k8s.io/v1" in scheme "pkg/admission/plugin/webhook/config/kubeconfig.go:34"',
    ],
    [
      file({ name: 'ValidatingAdmissionWebhook', configuration: { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'WebhookAdmissionConfiguration', kubeConfigFile: 'hooks' } }),
      'couldn\'t init admission plugin "ValidatingAdmissionWebhook": kubeConfigFile: Invalid value: "hooks": must be an absolute file path',
    ],
  ])('%s', async (content, why) => {
    await expect(read(content)).rejects.toThrow(why);
  });

  it('may speak of plugins that do not run here', async () => {
    const { limitedResources, podSecurity } = await read(`${header}plugins:\n- name: EventRateLimit\n  path: nowhere.yaml`);
    expect(limitedResources).toEqual([]);
    expect(podSecurity.defaults.enforce).toEqual({ level: 'privileged', minor: Infinity });
  });

  it('may keep what a plugin holds to in a file of its own', async () => {
    const own = 'apiVersion: resourcequota.admission.k8s.io/v1beta1\nkind: Configuration\nlimitedResources:\n- resource: pods\n';
    const found = await readAdmissionConfiguration(`apiVersion: apiserver.k8s.io/v1alpha1\nkind: AdmissionConfiguration\nplugins:\n- name: ResourceQuota\n  path: q.yaml`, async (name) => (name === 'q.yaml' ? own : noFile(name)));
    expect(found.limitedResources).toEqual([{ resource: 'pods' }]);
  });
});

describe('what nobody may use without a quota', () => {
  it('is had when there is one', async () => {
    const { ask, refusal } = bound(await startWith(file(quota({ resource: 'pods', matchContains: ['pods'] }, { apiGroup: 'apps', resource: 'deployments', matchContains: ['count/'] }))));
    expect(await refusal('POST', pods, pod('foo'))).toBe('pods "foo" is forbidden: insufficient quota to consume: count/pods,pods');
    await ask('POST', quotas, hard('some', { pods: '10' }));
    expect(await refusal('POST', pods, pod('foo'))).toBe('pods "foo" is forbidden: insufficient quota to consume: count/pods');
    await ask('POST', quotas, hard('rest', { 'count/pods': '10' }));
    const made = await ask('POST', pods, pod('foo'));
    await ask('DELETE', `${quotas}/rest`);
    // What it uses already it may go on to use.
    await ask('PUT', `${pods}/foo`, { ...made, metadata: { ...made.metadata, labels: { a: 'b' } } });
    await ask('POST', '/api/v1/namespaces/shop/configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'free' } });
    const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd' }, spec: { selector: { matchLabels: { a: 'b' } }, template: { metadata: { labels: { a: 'b' } }, spec: pod('').spec } } };
    expect(await refusal('POST', '/apis/apps/v1/namespaces/shop/deployments', deployment)).toBe('deployments.apps "d" is forbidden: insufficient quota to consume: count/deployments.apps');
  });

  it('is first of all asked for as every quota wants it', async () => {
    const { ask, refusal } = bound(await startWith(file(quota({ resource: 'pods', matchContains: ['memory'] }))));
    await ask('POST', quotas, hard('cpu', { 'requests.cpu': '1' }));
    const greedy = pod('p', {}, { resources: { requests: { memory: '1Gi' } } });
    expect(await refusal('POST', pods, greedy)).toBe('pods "p" is forbidden: failed quota: cpu: must specify requests.cpu for: c');
    expect(await refusal('POST', pods, pod('p', {}, { resources: { requests: { cpu: '1', memory: '1Gi' } } }))).toBe('pods "p" is forbidden: insufficient quota to consume: memory,requests.memory');
  });

  it('may be a sort of pods', async () => {
    const important = { scopeName: 'PriorityClass', operator: 'In', values: ['important'] };
    const { ask, refusal } = bound(await startWith(file(quota({ resource: 'pods', matchScopes: [important] }))));
    await ask('POST', '/apis/scheduling.k8s.io/v1/priorityclasses', { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: 'important' }, value: 1000 });
    await ask('POST', pods, pod('plain'));
    expect(await refusal('POST', pods, pod('p', { priorityClassName: 'important' }))).toBe('insufficient quota to match these scopes: [{PriorityClass In [important]}]');
    await ask('POST', quotas, hard('important', { pods: '1' }, { scopeSelector: { matchExpressions: [important] } }));
    await ask('POST', pods, pod('p', { priorityClassName: 'important' }));
    expect(await refusal('POST', pods, pod('q', { priorityClassName: 'important' }))).toContain('exceeded quota: important');
  });
});

describe('pod security', () => {
  const bold = { securityContext: { privileged: true } };
  const tooBold = 'violates PodSecurity "baseline:v1.30": privileged (container "c" must not set securityContext.privileged=true)';

  it('holds where a namespace says nothing, and not where it says something else', async () => {
    const { ask, refusal } = bound(await startWith(file(security({ defaults: { enforce: 'baseline', 'enforce-version': 'v1.30' } }))));
    expect(await refusal('POST', pods, pod('p', {}, bold))).toBe(`pods "p" is forbidden: ${tooBold}`);
    await ask('PUT', '/api/v1/namespaces/shop', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels: { 'pod-security.kubernetes.io/enforce': 'privileged' } } });
    await ask('POST', pods, pod('p', {}, bold));
  });

  it('exempts namespaces, users and runtime classes', async () => {
    const exemptions = { namespaces: ['yard'], usernames: ['smith'], runtimeClasses: ['vault'] };
    const { ask, refusal, warnings } = bound(await startWith(file(security({ defaults: { enforce: 'baseline', 'enforce-version': 'v1.30' }, exemptions }))));
    const yard = (labels: Record<string, string>) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'yard', labels } });
    expect(await warnings('POST', '/api/v1/namespaces', yard({ 'pod-security.kubernetes.io/enforce': 'restricted' }))).toEqual([
      'namespace "yard" is exempt from Pod Security, and the policy (enforce=restricted:v1.30) will be ignored',
    ]);
    await ask('POST', '/api/v1/namespaces/yard/serviceaccounts', { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } });
    await ask('POST', '/api/v1/namespaces/yard/pods', pod('p', {}, bold));
    expect(await warnings('PUT', '/api/v1/namespaces/yard', yard({}))).toEqual([]);
    await ask('POST', pods, pod('smiths', {}, bold), { ...admin, name: 'smith' });
    await ask('POST', '/apis/node.k8s.io/v1/runtimeclasses', { apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata: { name: 'vault' }, handler: 'vault' });
    await ask('POST', pods, pod('locked', { runtimeClassName: 'vault' }, bold));
    expect(await refusal('POST', pods, pod('p', {}, bold))).toBe(`pods "p" is forbidden: ${tooBold}`);
  });
});

describe('a webhook', () => {
  let hooks: WebhookServer;
  beforeAll(async () => void (hooks = await WebhookServer.start()));
  afterAll(() => hooks.close());

  it('is shown who asks by the user of its name', async () => {
    const authority = await TestAuthority.create();
    const { certificate, key } = await authority.client('apiserver', []);
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    const port = new URL(hooks.clientConfig('/').url).port;
    const files: Record<string, string> = {
      '/hooks/config': JSON.stringify({
        users: [
          { name: '*', user: { tokenFile: 'token' } },
          { name: `localhost:${port}`, user: { 'client-certificate-data': base64(certificate), 'client-key-data': base64(key), username: 'u', password: 'p' } },
        ],
      }),
      '/hooks/token': 'secret\n',
    };
    const shown = (name: string, kubeConfigFile: string) => ({ name, configuration: { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'WebhookAdmissionConfiguration', kubeConfigFile } });
    const { ask, refusal } = bound(await startWith(file(shown('ValidatingAdmissionWebhook', '/hooks/config')), async (name) => files[name] ?? noFile(name)));
    hooks.answers['/judge'] = () => ({});
    const hook = (name: string, url: string) => ({ name, clientConfig: { ...hooks.clientConfig('/judge'), url }, rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }], sideEffects: 'None', admissionReviewVersions: ['v1'] });
    const { url } = hooks.clientConfig('/judge');
    const register = (kind: string, webhook: object) => ask('POST', `/apis/admissionregistration.k8s.io/v1/${kind.toLowerCase()}s`, { apiVersion: 'admissionregistration.k8s.io/v1', kind, metadata: { name: 'hooks' }, webhooks: [webhook] });
    const configMap = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
    const configMaps = '/api/v1/namespaces/shop/configmaps';
    await register('ValidatingWebhookConfiguration', hook('a.example.com', url));
    await ask('POST', configMaps, configMap('a'));
    expect(hooks.callers.splice(0)).toEqual([{ authorization: `Basic ${base64('u:p')}`, name: 'apiserver' }]);
    // The other plugin has no users of its own.
    await ask('DELETE', '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/hooks');
    await register('MutatingWebhookConfiguration', hook('a.example.com', url));
    await ask('POST', configMaps, configMap('b'));
    expect(hooks.callers.splice(0)).toEqual([{ authorization: undefined, name: undefined }]);
    await ask('DELETE', '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/hooks');
    await register('ValidatingWebhookConfiguration', hook('b.example.com', url.replace('localhost', '127.0.0.1')));
    await ask('POST', configMaps, configMap('c'));
    expect(hooks.callers.splice(0)).toEqual([{ authorization: 'Bearer secret', name: undefined }]);
    delete files['/hooks/token'];
    expect(await refusal('POST', configMaps, configMap('d'))).toBe(
      `Internal error occurred: failed calling webhook "b.example.com": could not get REST client: ENOENT: no such file or directory, open '/hooks/token'`,
    );
  });
});

describe('a webhook whose user is a program', () => {
  let hooks: WebhookServer;
  beforeAll(async () => void (hooks = await WebhookServer.start()));
  afterAll(() => hooks.close());

  it('is asked by what that prints, unless the file has a token of its own', async () => {
    const print = (status: object) => `process.stdout.write(JSON.stringify({ kind: 'ExecCredential', apiVersion: process.argv[1], status: ${JSON.stringify(status)} }))`;
    const apiVersion = 'client.authentication.k8s.io/v1';
    const exec = { command: process.execPath, args: ['-e', print({ token: 'printed' }), apiVersion], apiVersion, interactiveMode: 'Never' };
    const hostOf = (url: string) => new URL(url).host;
    const { url } = hooks.clientConfig('/judge');
    const elsewhere = url.replace('localhost', '127.0.0.1');
    const users = [
      { name: hostOf(url), user: { exec, as: 'bob', 'as-groups': ['g'], 'as-user-extra': { 'example.com/why': ['x'] } } },
      { name: hostOf(elsewhere), user: { exec, token: 'own', 'as-uid': 'nobody' } },
      { name: '*.svc', user: { exec: { ...exec, apiVersion: 'v1' } } },
      { name: '*', user: { 'auth-provider': { name: 'x' } } },
    ];
    const configuration = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'WebhookAdmissionConfiguration', kubeConfigFile: '/hooks/config' };
    const { ask, refusal } = bound(await startWith(file({ name: 'ValidatingAdmissionWebhook', configuration }), async (name) => (name === '/hooks/config' ? JSON.stringify({ users }) : noFile(name))));
    hooks.answers['/judge'] = () => ({});
    const registered = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';
    const register = async (clientConfig: object) => {
      await ask('DELETE', `${registered}/hooks`).catch(() => undefined);
      const webhook = { name: 'a.example.com', clientConfig, rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }], sideEffects: 'None', admissionReviewVersions: ['v1'] };
      await ask('POST', registered, { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration', metadata: { name: 'hooks' }, webhooks: [webhook] });
    };
    const configMaps = '/api/v1/namespaces/shop/configmaps';
    const configMap = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
    const failure = 'Internal error occurred: failed calling webhook "a.example.com": ';
    await register(hooks.clientConfig('/judge'));
    await ask('POST', configMaps, configMap('a'));
    expect(hooks.callers.splice(0)).toEqual([{ authorization: 'Bearer printed', name: undefined }]);
    expect(hooks.impersonated.splice(0)).toEqual([{ 'impersonate-user': 'bob', 'impersonate-group': 'g', 'impersonate-extra-example.com%2fwhy': 'x' }]);
    await register({ ...hooks.clientConfig('/judge'), url: elsewhere });
    await ask('POST', configMaps, configMap('b'));
    expect(hooks.callers.splice(0)).toEqual([{ authorization: 'Bearer own', name: undefined }]);
    expect(hooks.impersonated.splice(0)).toEqual([{}]);
    await register({ service: { namespace: 'shop', name: 'hook' } });
    expect(await refusal('POST', configMaps, configMap('c'))).toBe(`${failure}could not get REST client: exec plugin: invalid apiVersion "v1"`);
    await register({ url: 'https://example.com/judge' });
    expect(await refusal('POST', configMaps, configMap('c'))).toBe(`${failure}could not get REST client: auth provider not supported`);
  });

  it('is not asked where that fails', async () => {
    const exec = { command: './program', apiVersion: 'client.authentication.k8s.io/v1', interactiveMode: 'Never' };
    const configuration = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'WebhookAdmissionConfiguration', kubeConfigFile: '/hooks/config' };
    const { ask, refusal } = bound(await startWith(file({ name: 'ValidatingAdmissionWebhook', configuration }), async () => JSON.stringify({ users: [{ name: '*', user: { exec } }] })));
    const clientConfig = hooks.clientConfig('/judge');
    const webhook = { name: 'a.example.com', clientConfig, rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }], sideEffects: 'None', admissionReviewVersions: ['v1'] };
    await ask('POST', '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations', { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration', metadata: { name: 'hooks' }, webhooks: [webhook] });
    expect(await refusal('POST', '/api/v1/namespaces/shop/configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } })).toBe(
      `Internal error occurred: failed calling webhook "a.example.com": failed to call webhook: Post "${clientConfig.url}?timeout=10s": getting credentials: exec: fork/exec /hooks/program: no such file or directory`,
    );
    expect(hooks.callers).toEqual([]);
  });
});

function bound(of: TestCluster) {
  return { ask: of.ask.bind(of), refusal: of.refusal.bind(of), warnings: of.warnings.bind(of) };
}
