import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { get as httpGet } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deleteSkiff, kubectlFor, startSkiff, type Skiff } from '../support/skiff.ts';
import { ensureTestImage, testDocker, testImage } from '../support/testImage.ts';

/*
 * Every command of kubectl, of every kubectl that is given: SKIFF_TEST_KUBECTLS holds their paths, parted by colons.
 * SKIFF_TEST_KUBECONFIG names a cluster that runs already, on Docker with two nodes. Mirrors test/cmd of Kubernetes.
 */

const binaries = process.env.SKIFF_TEST_KUBECTLS?.split(':') ?? [process.env.SKIFF_TEST_KUBECTL ?? 'kubectl'];
const given = process.env.SKIFF_TEST_KUBECONFIG;
const cluster = 'kubectl-commands';

let skiff: Skiff | undefined;
let kubeconfig: string;

beforeAll(async () => {
  await ensureTestImage(testDocker());
  if (!given) skiff = await startSkiff({ name: cluster, runtime: 'docker', nodes: 2 });
  kubeconfig = given ?? skiff!.kubeconfig;
});
afterAll(async () => {
  if (!skiff) return;
  await skiff.stop();
  await deleteSkiff({ name: cluster, runtime: 'docker', data: skiff.data });
});

describe.each(binaries.map((binary) => [minorOf(binary), binary] as const))('kubectl 1.%i', (minor, binary) => {
  const namespace = `kubectl-${minor}`;
  let folder: string;
  let kubectl: ReturnType<typeof kubectlFor>;
  let nodes: string[];

  /** In the namespace of this version. */
  const run = (...args: Parameters<typeof kubectl>) => kubectl('-n', namespace, ...args);
  async function ok(...args: Parameters<typeof kubectl>): Promise<string> {
    const ran = await run(...args);
    if (ran.code !== 0) throw new Error(`kubectl ${args.filter((a) => typeof a === 'string').join(' ')} ended with ${ran.code}: ${ran.stdout}${ran.stderr}`);
    return ran.stdout;
  }
  /** What went to either stream of a command that fails. */
  async function refused(...args: Parameters<typeof kubectl>): Promise<string> {
    const ran = await run(...args);
    expect(ran.code).not.toBe(0);
    return ran.stdout + ran.stderr;
  }
  const json = async <T = { metadata: { name: string }; items: unknown[] }>(...args: string[]) => JSON.parse(await ok(...args, '-o', 'json')) as T;
  const file = async (name: string, content: string) => {
    await writeFile(path.join(folder, name), content);
    return path.join(folder, name);
  };
  /** A command that goes on until it is stopped. */
  function started(...args: string[]): { child: ChildProcess; heard(pattern: RegExp): Promise<RegExpExecArray> } {
    const child = spawn(binary, ['--kubeconfig', kubeconfig, '-n', namespace, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
    return {
      child,
      heard: (pattern) =>
        new Promise((resolve, reject) => {
          const look = () => {
            const found = pattern.exec(text);
            if (found) resolve(found);
          };
          child.stdout.on('data', look);
          child.stderr.on('data', look);
          child.once('exit', () => (look(), reject(new Error(`kubectl ${args.join(' ')} ended: ${text}`))));
          look();
        }),
    };
  }
  const reach = (port: string | number, at = '/') =>
    new Promise<string>((resolve, reject) => {
      httpGet({ host: '127.0.0.1', port, path: at, agent: false }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => resolve(text));
      }).on('error', reject);
    });

  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'skiff-kubectl-'));
    kubectl = kubectlFor(kubeconfig, binary);
    nodes = (await ok('get', 'nodes', '-o', 'jsonpath={.items[*].metadata.name}')).split(' ');
    await ok('create', 'namespace', namespace);
    await ok('create', 'deployment', 'web', `--image=${testImage}`, '--replicas=2', '--port=8080', '--', 'sh', '-c', 'mkdir -p /srv; hostname > /srv/index.html; echo started; exec httpd -f -p 8080 -h /srv');
    await ok('run', 'shell', `--image=${testImage}`, '--labels=app=shell,tier=tools', '--env=COLOR=blue', '--', 'sh', '-c', 'echo hello; while read line; do echo "got $line"; done; sleep 3600');
    await ok('rollout', 'status', 'deployment/web', '--timeout=90s');
    await ok('wait', 'pod/shell', '--for=condition=Ready', '--timeout=60s');
  });
  afterAll(async () => {
    await kubectl('delete', 'namespace', namespace, '--wait=false');
    await kubectl('delete', 'clusterrole,clusterrolebinding,priorityclass,pv,csr', '-l', `made-by=${namespace}`);
    await rm(folder, { recursive: true, force: true });
  });

  test.each<[string, string[], RegExp]>([
    ['clusterrole', ['pods', '--verb=get,list', '--resource=pods,deployments.apps/scale', '--resource-name=a'], /clusterrole\..* created/],
    ['clusterrolebinding', ['readers', '--clusterrole=view', '--user=ann', '--group=readers', '--serviceaccount=default:default'], /created/],
    ['configmap', ['settings', '--from-literal=color=blue'], /configmap\/settings created/],
    ['cronjob', ['nightly', `--image=${testImage}`, '--schedule=0 3 * * *', '--', 'true'], /cronjob.batch\/nightly created/],
    ['deployment', ['plain', `--image=${testImage}`, '--replicas=0'], /deployment.apps\/plain created/],
    ['ingress', ['front', '--class=none', '--rule=example.com/path*=web:80,tls=cert'], /ingress.networking.k8s.io\/front created/],
    ['job', ['once', `--image=${testImage}`, '--', 'echo', 'done'], /job.batch\/once created/],
    ['namespace', [`${namespace}-extra`], /namespace\/.*-extra created/],
    ['poddisruptionbudget', ['web', '--selector=app=web', '--min-available=1'], /poddisruptionbudget.policy\/web created/],
    ['priorityclass', [`important-${minor}`, '--value=1000', '--description=matters'], /priorityclass.scheduling.k8s.io\/important-\d+ created/],
    ['quota', ['limits', '--hard=count/widgets.example.com=3,services=20', '--scopes=NotTerminating'], /Invalid|unsupported scope/],
    ['quota', ['limits', '--hard=services=20,secrets=50'], /resourcequota\/limits created/],
    ['role', ['reader', '--verb=get', '--verb=watch', '--resource=pods,pods/log'], /role.rbac.authorization.k8s.io\/reader created/],
    ['rolebinding', ['readers', '--role=reader', '--serviceaccount=default:default'], /rolebinding.rbac.authorization.k8s.io\/readers created/],
    ['secret', ['generic', 'login', '--from-literal=password=salt', '--type=example.com/login'], /secret\/login created/],
    ['secret', ['docker-registry', 'registry', '--docker-server=example.com', '--docker-username=me', '--docker-password=secret', '--docker-email=a@example.com'], /secret\/registry created/],
    ['service', ['clusterip', 'inside', '--tcp=80:8080'], /service\/inside created/],
    ['service', ['externalname', 'outside', '--external-name=example.com'], /service\/outside created/],
    ['service', ['nodeport', 'port', '--tcp=80:8080'], /service\/port created/],
    ['service', ['loadbalancer', 'balanced', '--tcp=8980:8080'], /service\/balanced created/],
    ['serviceaccount', ['robot'], /serviceaccount\/robot created/],
    ['token', ['robot', '--duration=1h', '--audience=https://example.com'], /^[\w-]+\.[\w-]+\.[\w-]+$/],
  ])('creates a %s: %j', async (kind, args, expected) => {
    const words = args.map((arg) => (kind === 'clusterrole' && arg === 'pods' ? `pods-${minor}` : kind === 'clusterrolebinding' && arg === 'readers' ? `readers-${minor}` : arg));
    const ran = await run('create', kind, ...words);
    expect(ran.stdout + ran.stderr).toMatch(expected);
    if (ran.code === 0 && kind.startsWith('cluster')) await ok('label', kind, words[0]!, `made-by=${namespace}`);
    if (ran.code === 0 && kind === 'priorityclass') await ok('label', kind, words[0]!, `made-by=${namespace}`);
    if (kind === 'namespace') await ok('delete', 'namespace', words[0]!, '--wait=false');
  });

  test('creates a tls secret, an object bound token, and nothing in a dry run', async () => {
    const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', path.join(folder, 'tls.key'), '-out', path.join(folder, 'tls.crt'), '-subj', '/CN=example.com', '-days', '2']);
    expect(made.status).toBe(0);
    expect(await ok('create', 'secret', 'tls', 'cert', `--cert=${path.join(folder, 'tls.crt')}`, `--key=${path.join(folder, 'tls.key')}`)).toBe('secret/cert created\n');
    const uid = await ok('get', 'pod', 'shell', '-o', 'jsonpath={.metadata.uid}');
    const token = await ok('create', 'token', 'default', '--bound-object-kind=Pod', '--bound-object-name=shell', `--bound-object-uid=${uid}`);
    expect(JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString())).toMatchObject({ 'kubernetes.io': { pod: { name: 'shell', uid } } });
    expect(await ok('create', 'configmap', 'unmade', '--from-literal=a=b', '--dry-run=server', '-o', 'name')).toBe('configmap/unmade\n');
    expect(await ok('create', 'configmap', 'unmade', '--from-literal=a=b', '--dry-run=client', '-o', 'yaml')).toContain('kind: ConfigMap');
    expect(await refused('get', 'configmap', 'unmade')).toContain('Error from server (NotFound): configmaps "unmade" not found');
    expect(await refused('create', 'configmap', 'settings')).toContain('configmaps "settings" already exists');
  });

  test('gets in every output', async () => {
    expect(await ok('get', 'pods')).toMatch(/^NAME\s+READY\s+STATUS\s+RESTARTS\s+AGE\n/);
    expect(await ok('get', 'pods', '-o', 'wide')).toMatch(/IP\s+NODE\s+NOMINATED NODE\s+READINESS GATES\n/);
    expect(await ok('get', 'pods', '-A', '--show-labels', '--no-headers')).toMatch(/app=shell,tier=tools/);
    expect(await ok('get', 'pod', 'shell', '-o', 'yaml')).toMatch(/^apiVersion: v1\nkind: Pod\n/);
    expect(await ok('get', 'pod', 'shell', '-o', 'yaml', '--show-managed-fields')).toContain('managedFields:');
    expect((await json('get', 'pods,services')).items.length).toBeGreaterThan(4);
    expect(await ok('get', 'pod/shell', '-o', 'name')).toBe('pod/shell\n');
    expect(await ok('get', 'pods', '-o', 'jsonpath={range .items[*]}{.metadata.name}{"\\n"}{end}')).toContain('shell\n');
    expect(await ok('get', 'pods', '-o', 'go-template={{range .items}}{{.metadata.name}} {{end}}')).toContain('shell');
    expect(await ok('get', 'pods', '-o', 'custom-columns=NAME:.metadata.name,NODE:.spec.nodeName', '--sort-by=.metadata.name')).toMatch(/^NAME\s+NODE\n[\s\S]*^shell\s+\S/m);
    expect(await ok('get', 'pods', '-L', 'tier', '-l', 'app in (shell)')).toMatch(/TIER\nshell .*tools/);
    expect(await ok('get', 'pods', '--field-selector=metadata.name=shell,status.phase=Running', '-o', 'name')).toBe('pod/shell\n');
    expect(await ok('get', 'all')).toMatch(/deployment.apps\/web[\s\S]*replicaset.apps\/web-/);
    expect(await ok('get', 'pods', '--chunk-size=1', '-o', 'name')).toContain('pod/shell');
    expect(await ok('get', 'deployment', 'web', '--subresource=scale', '-o', 'jsonpath={.kind} {.spec.replicas}')).toBe('Scale 2');
    expect(await ok('get', 'pod', 'shell', '--subresource=status', '-o', 'jsonpath={.status.phase}')).toBe('Running');
    expect(await ok('get', '--raw', `/api/v1/namespaces/${namespace}/pods/shell`)).toContain('"kind":"Pod"');
    expect(await ok('get', 'componentstatuses')).toMatch(/Healthy/);
    expect(await refused('get', 'nonsense')).toContain('error: the server doesn\'t have a resource type "nonsense"');
    expect(await ok('get', 'pods', '--ignore-not-found', 'none')).toBe('');
  });

  test('watches', async () => {
    const watch = started('get', 'configmaps', '-w', '--output-watch-events');
    await watch.heard(/settings/);
    await ok('create', 'configmap', 'watched');
    await watch.heard(/ADDED\s+watched/);
    await ok('delete', 'configmap', 'watched');
    await watch.heard(/DELETED\s+watched/);
    watch.child.kill();
  });

  const manifest = (color: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: applied\n  labels: {set: one}\ndata:\n  color: ${color}\n`;

  test('applies, shows the last applied, edits and sets it', async () => {
    expect(await ok('apply', '-f', '-', { input: manifest('blue') })).toBe('configmap/applied created\n');
    expect(await ok('apply', '-f', '-', { input: manifest('blue') })).toBe('configmap/applied unchanged\n');
    expect((await run('diff', '-f', '-', { input: manifest('red') })).stdout).toMatch(/-\s+color: blue\n\+\s+color: red/);
    expect((await run('diff', '--server-side', '--force-conflicts', '-f', '-', { input: manifest('red') })).stdout).toMatch(/\+\s+color: red/);
    expect(await ok('apply', '-f', '-', { input: manifest('red') })).toBe('configmap/applied configured\n');
    expect(await ok('apply', 'view-last-applied', 'configmap/applied')).toContain('color: red');
    const editor = await file('editor.sh', '#!/bin/sh\nsed -i s/red/green/ "$1"\n');
    spawnSync('chmod', ['+x', editor]);
    process.env.KUBE_EDITOR = editor;
    expect(await ok('apply', 'edit-last-applied', 'configmap/applied')).toContain('configmap/applied edited');
    expect(await ok('apply', 'view-last-applied', 'configmap/applied')).toContain('color: green');
    expect((await run('edit', 'configmap/settings')).stderr).toContain('Edit cancelled, no changes made');
    expect(await ok('apply', 'set-last-applied', '-f', await file('applied.yaml', manifest('white')))).toContain('configmap/applied configured');
    await file('editor.sh', '#!/bin/sh\nsed -i s/blue/violet/ "$1"\n');
    expect(await ok('edit', 'configmap/settings')).toContain('configmap/settings edited');
    expect((await run('edit', 'deployment/web', '--subresource=status')).stderr).toContain('no changes made');
  });

  test('applies on the server, with conflicts, and prunes', async () => {
    expect(await ok('apply', '--server-side', '-f', '-', '--field-manager=mine', { input: manifest('a').replace('applied', 'shared') })).toBe('configmap/shared serverside-applied\n');
    expect(await refused('apply', '--server-side', '-f', '-', '--field-manager=yours', { input: manifest('b').replace('applied', 'shared') })).toContain('conflict with "mine": .data.color');
    expect(await ok('apply', '--server-side', '--force-conflicts', '-f', '-', '--field-manager=yours', { input: manifest('b').replace('applied', 'shared') })).toContain('serverside-applied');
    const pruned = await ok('apply', '--prune', '-l', 'set=one', '--prune-allowlist=core/v1/ConfigMap', '-f', await file('applied.yaml', manifest('white')));
    expect(pruned).toContain('configmap/applied configured');
    process.env.KUBECTL_APPLYSET = 'true';
    const set = ['apply', '--prune', '--applyset=configmaps/things', '-f'];
    expect(await ok(...set, await file('set.yaml', `${manifest('a').replace('applied', 'in-a')}---\n${manifest('a').replace('applied', 'in-b')}`))).toContain('configmap/in-b');
    expect(await ok(...set, await file('set.yaml', manifest('a').replace('applied', 'in-a')))).toMatch(/configmap\/in-b pruned/);
    delete process.env.KUBECTL_APPLYSET;
  });

  test('patches in four ways', async () => {
    expect(await ok('patch', 'deployment', 'plain', '-p', '{"spec":{"template":{"spec":{"containers":[{"name":"skiff-test-busybox","env":[{"name":"A","value":"b"}]}]}}}}')).toContain('patched');
    expect(await ok('patch', 'deployment', 'plain', '-p', '{"spec":{"template":{"spec":{"containers":[{"name":"skiff-test-busybox","env":[{"name":"A","value":"b"}]}]}}}}')).toContain('(no change)');
    expect(await ok('patch', 'configmap', 'settings', '--type=merge', '-p', '{"data":{"shape":"round"}}')).toContain('configmap/settings patched');
    expect(await ok('patch', 'configmap', 'settings', '--type=json', '-p', '[{"op":"remove","path":"/data/shape"}]')).toContain('configmap/settings patched');
    expect(await ok('patch', 'deployment', 'plain', '--subresource=scale', '--type=merge', '-p', '{"spec":{"replicas":0}}')).toContain('patched');
    expect(await refused('patch', 'configmap', 'settings', '--type=json', '-p', '[{"op":"test","path":"/data/color","value":"nope"}]')).toMatch(/the server rejected our request|testing.*failed/);
    expect(await ok('patch', '-f', await file('applied.yaml', manifest('white')), '--local', '--type=merge', '-p', '{"data":{"color":"x"}}', '-o', 'yaml')).toContain('color: x');
  });

  test('replaces, and with force', async () => {
    const text = await ok('get', 'configmap', 'settings', '-o', 'json');
    expect(await ok('replace', '-f', '-', { input: text })).toBe('configmap/settings replaced\n');
    const stale = JSON.stringify({ ...(JSON.parse(text) as { metadata: object }), metadata: { ...(JSON.parse(text) as { metadata: object }).metadata, resourceVersion: '1' } });
    expect(await refused('replace', '-f', '-', { input: stale })).toContain('Error from server (Conflict)');
    expect(await ok('replace', '--force', '-f', '-', { input: manifest('new') })).toMatch(/configmap "applied" deleted[\s\S]*configmap\/applied replaced/);
  });

  test('scales, autoscales and exposes', async () => {
    expect(await ok('scale', 'deployment/web', '--current-replicas=2', '--replicas=3')).toBe('deployment.apps/web scaled\n');
    expect(await refused('scale', 'deployment/web', '--current-replicas=7', '--replicas=3')).toContain('Expected replicas to be 7');
    await ok('rollout', 'status', 'deployment/web', '--timeout=60s');
    await ok('scale', '--replicas=2', 'deployment/web');
    expect(await ok('autoscale', 'deployment/plain', '--min=1', '--max=3', ...(minor >= 35 ? ['--cpu=80%'] : ['--cpu-percent=80']))).toBe('horizontalpodautoscaler.autoscaling/plain autoscaled\n');
    await ok('delete', 'hpa', 'plain');
    expect(await ok('expose', 'deployment', 'web', '--port=80', '--target-port=8080')).toBe('service/web exposed\n');
    expect(await ok('expose', 'pod', 'shell', '--port=444', '--name=frontend', '--type=NodePort')).toBe('service/frontend exposed\n');
    await expect.poll(() => ok('get', 'endpoints', 'web', '-o', 'jsonpath={.subsets[0].addresses[*].ip}')).toMatch(/^10\.\S+ 10\.\S+$/);
  });

  test('sets parts of a template', async () => {
    expect(await ok('set', 'env', 'deployment/plain', 'COLOR=red', '--from=configmap/settings')).toContain('env updated');
    expect(await ok('set', 'env', 'deployment/plain', '--list')).toContain('COLOR=red');
    expect(await ok('set', 'image', 'deployment/plain', '*=skiff-test-busybox:none')).toContain('image updated');
    expect(await ok('set', 'resources', 'deployment/plain', '--limits=cpu=200m,memory=64Mi', '--requests=cpu=100m')).toContain('resource requirements updated');
    expect(await ok('set', 'serviceaccount', 'deployment/plain', 'robot')).toContain('serviceaccount updated');
    expect(await ok('set', 'selector', 'service', 'inside', 'app=web')).toContain('selector updated');
    expect(await ok('set', 'subject', 'rolebinding', 'readers', '--user=bob')).toContain('subjects updated');
    expect(await ok('get', 'deployment', 'plain', '-o', 'jsonpath={.spec.template.spec.serviceAccountName} {.spec.template.spec.containers[0].resources.limits.cpu}')).toBe('robot 200m');
  });

  test('rolls out, pauses, goes on, restarts and goes back', async () => {
    expect(await ok('rollout', 'pause', 'deployment/web')).toContain('paused');
    await ok('set', 'env', 'deployment/web', 'STEP=two');
    expect(await ok('rollout', 'resume', 'deployment/web')).toContain('resumed');
    expect(await ok('rollout', 'status', 'deployment/web', '--timeout=90s')).toContain('successfully rolled out');
    expect((await ok('rollout', 'history', 'deployment/web')).match(/^\d+ /gm)).toHaveLength(2);
    expect(await ok('rollout', 'history', 'deployment/web', '--revision=2')).toContain('STEP:');
    expect(await ok('rollout', 'undo', 'deployment/web')).toContain('rolled back');
    await ok('rollout', 'status', 'deployment/web', '--timeout=90s');
    expect(await ok('rollout', 'restart', 'deployment/web')).toContain('restarted');
    expect(await ok('rollout', 'status', 'deployment/web', '--timeout=90s', '--watch')).toContain('successfully rolled out');
    expect(await ok('get', 'deployment', 'web', '-o', 'jsonpath={.spec.template.metadata.annotations}')).toContain('kubectl.kubernetes.io/restartedAt');
  });

  test('labels and annotates', async () => {
    expect(await ok('label', 'pod', 'shell', 'color=blue')).toBe('pod/shell labeled\n');
    expect(await refused('label', 'pod', 'shell', 'color=red')).toContain("'color' already has a value (blue), and --overwrite is false");
    expect(await ok('label', 'pod', 'shell', 'color=red', '--overwrite')).toContain('labeled');
    expect(await ok('label', 'pod', 'shell', '--list')).toContain('color=red');
    expect(await ok('label', 'pod', 'shell', 'color-')).toContain('unlabeled');
    expect(await ok('annotate', 'pod', 'shell', 'note=kept')).toMatch(/annotated?/);
    expect(await ok('annotate', 'pods', '--all', 'note=changed', '--overwrite')).toMatch(/pod\/shell annotated?/);
    expect(await ok('annotate', 'pod', 'shell', 'note-')).toMatch(/annotated?/);
  });

  test('taints, cordons and drains a node', async () => {
    const node = nodes.at(-1)!;
    expect(await ok('taint', 'nodes', node, 'dedicated=tests:NoSchedule')).toContain('tainted');
    expect(await ok('taint', 'nodes', node, 'dedicated-')).toContain('untainted');
    expect(await ok('cordon', node)).toContain('cordoned');
    expect(await ok('get', 'node', node)).toContain('SchedulingDisabled');
    const drained = await ok('drain', node, '--ignore-daemonsets', '--delete-emptydir-data', '--force', '--grace-period=1', `--pod-selector=app=web`, '--timeout=90s');
    expect(drained).toContain('drained');
    expect(await ok('uncordon', node)).toContain('uncordoned');
    await ok('rollout', 'status', 'deployment/web', '--timeout=90s');
  });

  test('measures', async () => {
    await expect.poll(async () => (await run('top', 'pods')).stdout, { timeout: 60_000 }).toMatch(/NAME\s+CPU\(cores\)\s+MEMORY\(bytes\)[\s\S]*shell/);
    expect(await ok('top', 'nodes')).toMatch(/NAME\s+CPU\(cores\)\s+CPU/);
    expect(await ok('top', 'pod', 'shell', '--containers')).toMatch(/POD\s+NAME/);
  });

  test('logs, execs, attaches and copies', async () => {
    expect(await ok('logs', 'shell')).toContain('hello');
    expect(await ok('logs', 'shell', '--timestamps', '--tail=1', '--since=1h')).toMatch(/^\d{4}-\d\d-\d\dT\S+ hello/);
    expect(await ok('logs', '-l', 'app=web', '--prefix', '--all-containers')).toMatch(/\[pod\/web-.*\] started/);
    expect(await ok('logs', 'deployment/web')).toContain('started');
    expect(await ok('exec', 'shell', '--', 'sh', '-c', 'echo $COLOR')).toBe('blue\n');
    expect(await ok('exec', '-i', 'deployment/web', '--', 'cat', { input: 'over the wire' })).toBe('over the wire');
    expect((await run('exec', 'shell', '-c', 'shell', '--', 'sh', '-c', 'echo bad >&2; exit 3'))).toMatchObject({ code: 3, stderr: expect.stringMatching(/bad[\s\S]*exit code 3/) as string });
    const copied = await file('data.bin', 'skiff\n'.repeat(50_000));
    await ok('cp', copied, 'shell:/tmp/data.bin');
    await ok('cp', 'shell:/tmp/data.bin', `${copied}.back`);
    expect(await readFile(`${copied}.back`, 'utf8')).toBe(await readFile(copied, 'utf8'));
    const inside = await ok('run', 'attached', `--image=${testImage}`, '--rm', '-i', '--restart=Never', '--', 'cat', { input: 'typed' });
    expect(inside).toContain('typed');
    const attached = started('attach', 'shell');
    await attached.heard(/command prompt|hello|If you don't/).catch(() => undefined);
    attached.child.kill();
  });

  test('forwards ports and is a proxy', async () => {
    const forward = started('port-forward', 'service/web', ':80');
    const [, port] = await forward.heard(/127\.0\.0\.1:(\d+)/);
    expect(await reach(port!)).toMatch(/^web-/);
    expect(await Promise.all([1, 2, 3, 4].map(() => reach(port!)))).toHaveLength(4);
    forward.child.kill();
    const proxy = started('proxy', '--port=0');
    const [, proxied] = await proxy.heard(/127\.0\.0\.1:(\d+)/);
    expect(await reach(proxied!, `/api/v1/namespaces/${namespace}/services/web:80/proxy/`)).toMatch(/^web-/);
    expect(await reach(proxied!, '/version')).toContain('"minor":');
    proxy.child.kill();
  });

  test('asks who may do what', async () => {
    expect(await ok('auth', 'can-i', 'create', 'pods')).toBe('yes\n');
    expect((await run('auth', 'can-i', 'get', 'secrets', '--as=bob')).stdout).toBe('no\n');
    expect(await ok('auth', 'can-i', 'get', 'pods', '--as=bob')).toBe('yes\n');
    expect(await ok('auth', 'can-i', '--list', '--as=bob')).toMatch(/pods\/log\s+\[\]\s+\[\]\s+\[get watch\]/);
    // 1.27 asks in a version that is no longer served.
    if (minor >= 28) expect(await ok('auth', 'whoami', '-o', 'jsonpath={.status.userInfo.groups}')).toContain('system:masters');
    const role = `apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: reader\n  namespace: ${namespace}\nrules:\n- apiGroups: [""]\n  resources: [pods, services]\n  verbs: [get]\n`;
    expect(await ok('auth', 'reconcile', '-f', '-', { input: role })).toContain('reconciled');
    expect(await ok('auth', 'can-i', 'get', 'services', '--as=bob')).toBe('yes\n');
  });

  test('approves and denies certificates', async () => {
    const key = path.join(folder, 'user.key');
    await writeFile(key, generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const request = spawnSync('openssl', ['req', '-new', '-key', key, '-subj', '/O=strangers/CN=carol'], { encoding: 'utf8' }).stdout;
    const csr = (name: string) =>
      JSON.stringify({
        apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { name: `${name}-${minor}`, labels: { 'made-by': namespace } },
        spec: { request: Buffer.from(request).toString('base64'), signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth'], expirationSeconds: 3600 },
      });
    await ok('create', '-f', '-', { input: csr('carol') });
    await ok('create', '-f', '-', { input: csr('eve') });
    expect(await ok('get', 'csr', `carol-${minor}`)).toMatch(/Pending/);
    expect(await ok('certificate', 'approve', `carol-${minor}`)).toContain('approved');
    expect(await ok('certificate', 'deny', `eve-${minor}`)).toContain('denied');
    await expect.poll(() => ok('get', 'csr', `carol-${minor}`, '-o', 'jsonpath={.status.certificate}')).not.toBe('');
    const certificate = await file('user.crt', Buffer.from(await ok('get', 'csr', `carol-${minor}`, '-o', 'jsonpath={.status.certificate}'), 'base64').toString());
    const config = path.join(folder, 'carol.kubeconfig');
    await writeFile(config, await readFile(kubeconfig), { mode: 0o600 });
    const carol = kubectlFor(config, binary);
    await carol('config', 'set-credentials', 'carol', `--client-certificate=${certificate}`, `--client-key=${key}`, '--embed-certs=true');
    await carol('config', 'set-context', '--current', '--user=carol');
    expect((await carol('get', 'pods')).stderr).toContain('pods is forbidden: User "carol" cannot list resource "pods"');
  });

  test('describes, explains and lists what there is', async () => {
    for (const what of ['pod/shell', 'deployment/web', 'service/web', 'ingress/front', 'cronjob/nightly', 'job/once', 'secret/login', 'configmap/settings', 'resourcequota/limits', 'pdb/web', 'role/reader', 'serviceaccount/robot', `node/${nodes[0]}`, `namespace/${namespace}`, `priorityclass/important-${minor}`])
      expect(await ok('describe', what)).toMatch(/^Name:/);
    expect(await ok('describe', 'pod/shell')).toMatch(/Events:[\s\S]*Scheduled/);
    expect(await ok('explain', 'pod.spec.affinity', '--recursive')).toMatch(/nodeAffinity\s+<(Node)?[aA]?/);
    expect(await ok('explain', 'deployments.spec.strategy', '--api-version=apps/v1')).toMatch(/rollingUpdate/);
    expect(await ok('api-resources', '--namespaced=true', '--verbs=list', '-o', 'name')).toContain('deployments.apps');
    expect(await ok('api-versions')).toMatch(/^admissionregistration.k8s.io\/v1$/m);
    expect(await ok('version')).toMatch(/Server Version: .*v?1\.36/);
    expect(await ok('cluster-info')).toMatch(/control plane.*is running at/);
    const dump = path.join(folder, 'dump');
    await mkdir(dump);
    await ok('cluster-info', 'dump', `--output-directory=${dump}`, `--namespaces=${namespace}`);
    expect(await readFile(path.join(dump, namespace, 'shell', 'logs.txt'), 'utf8')).toContain('hello');
    expect(await ok('completion', 'bash')).toContain('__start_kubectl');
    
    expect(await ok('options')).toContain('--as');
    expect(await ok('plugin', 'list').catch((error: Error) => error.message)).toContain('unable to find any kubectl plugins');
  });

  test('waits for conditions, values and deletion', async () => {
    expect(await ok('wait', 'job/once', '--for=condition=Complete', '--timeout=60s')).toContain('condition met');
    expect(await ok('wait', 'pod/shell', '--for=jsonpath={.status.phase}=Running', '--timeout=10s')).toContain('condition met');
    await ok('delete', 'configmap', 'in-a', '--wait=false');
    expect((await run('wait', 'configmap/in-a', '--for=delete', '--timeout=20s')).code).toBe(0);
    expect(await refused('wait', 'deployment/web', '--for=condition=Nonsense', '--timeout=1s')).toContain('timed out waiting for the condition');
    if (minor >= 31) {
      const wait = started('wait', 'configmap/late', '--for=create', '--timeout=30s');
      await ok('create', 'configmap', 'late');
      await wait.heard(/condition met/);
    }
  });

  test('shows events', async () => {
    expect(await ok('events', '--for=pod/shell')).toMatch(/LAST SEEN\s+TYPE\s+REASON\s+OBJECT\s+MESSAGE[\s\S]*Scheduled/);
    expect(await ok('events', '--types=Normal', '-o', 'json')).toMatch(/"kind": "(Event)?List"/);
    expect(await ok('get', 'events', '--sort-by=.lastTimestamp')).toMatch(/^LAST SEEN\s+TYPE\s+REASON\s+OBJECT\s+MESSAGE/);
  });

  test('debugs a pod, a copy of it and a node', async () => {
    const debugged = await ok('debug', 'shell', `--image=${testImage}`, '-c', 'debugger', '--attach=false', '--profile=general', '--', 'sleep', '600').catch((error: Error) => error.message);
    expect(debugged).not.toContain('Error from server');
    await expect.poll(() => ok('get', 'pod', 'shell', '-o', 'jsonpath={.status.ephemeralContainerStatuses[*].state.running.startedAt}'), { timeout: 60_000 }).not.toBe('');
    expect(await ok('exec', 'shell', '-c', 'debugger', '--', 'echo', 'inside')).toBe('inside\n');
    await ok('debug', 'shell', '--copy-to=shell-copy', `--set-image=*=${testImage}`, '--share-processes', '--attach=false');
    await ok('wait', 'pod/shell-copy', '--for=condition=Ready', '--timeout=60s');
    expect(await ok('debug', `node/${nodes[0]}`, `--image=${testImage}`, '--attach=false', '--', 'true')).toMatch(/Creating debugging pod|^$/);
  });

  test('builds with kustomize', async () => {
    const kustomization = 'namePrefix: built-\nresources: [map.yaml]\nconfigMapGenerator:\n- name: generated\n  literals: [a=b]\n';
    await mkdir(path.join(folder, 'kustom'));
    await writeFile(path.join(folder, 'kustom/kustomization.yaml'), kustomization);
    await writeFile(path.join(folder, 'kustom/map.yaml'), manifest('built'));
    expect(await ok('kustomize', path.join(folder, 'kustom'))).toContain('name: built-applied');
    expect(await ok('apply', '-k', path.join(folder, 'kustom'))).toMatch(/configmap\/built-applied created[\s\S]*configmap\/built-generated-\w+ created|configmap\/built-generated/);
    expect(await ok('delete', '-k', path.join(folder, 'kustom'))).toContain('deleted');
  });

  test('deletes in every way', async () => {
    expect(await ok('delete', 'configmap', 'settings')).toMatch(/configmap "settings" deleted/);
    expect(await ok('delete', 'configmap', 'settings', '--ignore-not-found')).toBe('');
    expect(await ok('delete', 'deployment', 'plain', '--cascade=orphan')).toContain('deleted');
    expect(await ok('get', 'rs', '-l', 'app=plain', '-o', 'name')).toContain('replicaset.apps/plain-');
    expect(await ok('delete', 'rs', '-l', 'app=plain', '--cascade=background')).toContain('deleted');
    expect(await ok('delete', 'pod', 'shell', '--now')).toContain('deleted');
    expect(await ok('delete', 'pods', '--all', '--force', '--grace-period=0').catch((error: Error) => error.message)).toMatch(/deleted/);
    expect(await ok('delete', '--raw', `/api/v1/namespaces/${namespace}/configmaps/shared`)).toContain('"status":"Success"');
    const dry = await ok('delete', 'deployment', 'web', '--dry-run=server');
    expect(dry).toContain('(server dry run)');
    expect(await ok('delete', 'deployment/web', 'service/web', '--cascade=foreground', '--timeout=60s', '--wait')).toContain('deleted');
  });
});

function minorOf(binary: string): number {
  const { stdout } = spawnSync(binary, ['version', '--client', '-o', 'json'], { encoding: 'utf8' });
  return Number.parseInt((JSON.parse(stdout) as { clientVersion: { minor: string } }).clientVersion.minor);
}
