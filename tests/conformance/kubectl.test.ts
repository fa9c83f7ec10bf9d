import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { get as httpGet } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deleteSkiff, kubectlFor, startSkiff, type Skiff } from '../support/skiff.ts';
import { ensureTestImage, testDocker, testImage } from '../support/testImage.ts';

/**
 * A real kubectl against the real engine on real Docker: the tour that a new user takes.
 * Mirrors test/e2e/kubectl/kubectl.go of Kubernetes ([sig-cli] Kubectl client).
 */
describe('kubectl on Docker', () => {
  const name = 'kubectl-tour';
  const docker = testDocker();
  let skiff: Skiff;
  let folder: string;
  let kubectl: ReturnType<typeof kubectlFor>;

  beforeAll(async () => {
    await ensureTestImage(docker);
    folder = await mkdtemp(path.join(os.tmpdir(), 'skiff-kubectl-'));
    skiff = await startSkiff({ name, runtime: 'docker', nodes: 2 });
    kubectl = kubectlFor(skiff.kubeconfig);
  });
  afterAll(async () => {
    await skiff.stop();
    await deleteSkiff({ name, runtime: 'docker', data: skiff.data });
    await rm(folder, { recursive: true, force: true });
  });

  async function ok(...args: Parameters<typeof kubectl>): Promise<string> {
    const ran = await kubectl(...args);
    if (ran.code !== 0) throw new Error(`kubectl ${args.filter((a) => typeof a === 'string').join(' ')} ended with ${ran.code}: ${ran.stdout}${ran.stderr}`);
    return ran.stdout;
  }

  const server = ['sh', '-c', 'mkdir -p /srv; hostname > /srv/index.html; echo started; exec httpd -f -p 8080 -h /srv'];

  test('a deployment is created, rolls out, and its containers are in Docker', async () => {
    expect(await ok('create', 'deployment', 'web', `--image=${testImage}`, '--replicas=3', '--', ...server)).toBe('deployment.apps/web created\n');
    expect(await ok('rollout', 'status', 'deployment/web', '--timeout=60s')).toContain('successfully rolled out');
    const table = await ok('get', 'deployment', 'web');
    expect(table.split('\n')[0]).toMatch(/^NAME\s+READY\s+UP-TO-DATE\s+AVAILABLE\s+AGE$/);
    expect(table).toMatch(/^web\s+3\/3\s+3\s+3/m);
    const containers = await docker.listContainers({ filters: { label: [`dev.skiff.cluster=${name}`], ancestor: [testImage] } });
    expect(containers).toHaveLength(3);
  });

  test('a Service is reached by its name from a pod', async () => {
    await ok('expose', 'deployment', 'web', '--port=80', '--target-port=8080');
    await ok('run', 'client', `--image=${testImage}`, '--restart=Never', '--', 'sh', '-c', 'sleep 3600');
    await ok('wait', 'pod/client', '--for=condition=Ready', '--timeout=60s');
    const names = new Set<string>();
    for (let i = 0; i < 12; i++) {
      const reply = await ok('exec', 'client', '--', 'sh', '-c', `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc web 80`);
      expect(reply).toContain('200 OK');
      names.add(reply.trim().split('\n').at(-1)!);
    }
    expect([...names].every((pod) => pod.startsWith('web-'))).toBe(true);
    expect(names.size).toBeGreaterThan(1);
  });

  test('a pod reaches the API with its own token', async () => {
    const token = await ok('exec', 'client', '--', 'cat', '/var/run/secrets/kubernetes.io/serviceaccount/token');
    expect(token.split('.')).toHaveLength(3);
    expect(await ok('exec', 'client', '--', 'sh', '-c', 'echo this is no TLS | nc -w 5 $KUBERNETES_SERVICE_HOST $KUBERNETES_SERVICE_PORT > /dev/null && echo open')).toBe('open\n');
    // Without the admin's client certificate, which would win over the token.
    const bare = path.join(folder, 'bare.kubeconfig');
    const { clusters } = JSON.parse(await ok('config', 'view', '--raw', '-o', 'json')) as { clusters: object[] };
    const user = { name: 'pod', user: { token } };
    const context = { name: 'pod', context: { cluster: (clusters[0] as { name: string }).name, user: 'pod' } };
    await writeFile(bare, JSON.stringify({ apiVersion: 'v1', kind: 'Config', clusters, users: [user], contexts: [context], 'current-context': 'pod' }), { mode: 0o600 });
    const whoami = await kubectlFor(bare)('auth', 'whoami', '-o', 'json');
    expect(JSON.parse(whoami.stdout)).toMatchObject({ status: { userInfo: { username: 'system:serviceaccount:default:default' } } });
    expect((await kubectlFor(bare)('get', 'secrets')).stderr).toContain('secrets is forbidden: User "system:serviceaccount:default:default" cannot list resource "secrets" in API group "" in the namespace "default"');
  });

  test('logs and exec, with input and exit codes', async () => {
    expect(await ok('logs', 'deployment/web')).toContain('started');
    expect(await ok('logs', '-l', 'app=web', '--prefix', '--tail=1')).toMatch(/\[pod\/web-.*\] started/);
    expect(await ok('exec', '-i', 'client', '--', 'cat', { input: 'over the wire' })).toBe('over the wire');
    const failed = await kubectl('exec', 'client', '--', 'sh', '-c', 'exit 7');
    expect(failed.code).toBe(7);
    expect(failed.stderr).toContain('command terminated with exit code 7');
  });

  test('a terminal has a size', async () => {
    // script gives kubectl a terminal of its own.
    const child = spawn('script', ['-qec', `${process.env.SKIFF_TEST_KUBECTL ?? 'kubectl'} --kubeconfig ${skiff.kubeconfig} exec -it client -- sh -c 'stty size; tty'`, '/dev/null'], { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await new Promise((resolve) => child.once('exit', resolve));
    expect(text).toContain('/dev/pts/');
  });

  test('files are copied both ways', async () => {
    const file = path.join(folder, 'data.bin');
    const content = Buffer.alloc(300_000, 'skiff\n');
    await writeFile(file, content);
    await ok('cp', file, 'client:/tmp/data.bin');
    await ok('cp', 'client:/tmp/data.bin', `${file}.back`);
    expect((await readFile(`${file}.back`)).equals(content)).toBe(true);
  });

  test('a forwarded port answers', async () => {
    const child = spawn(process.env.SKIFF_TEST_KUBECTL ?? 'kubectl', ['--kubeconfig', skiff.kubeconfig, 'port-forward', 'deployment/web', ':8080'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const port = await new Promise<number>((resolve, reject) => {
      child.stdout.on('data', (chunk: Buffer) => {
        const found = /127\.0\.0\.1:(\d+)/.exec(chunk.toString());
        if (found) resolve(Number(found[1]));
      });
      child.once('exit', () => reject(new Error('port-forward ended')));
    });
    const read = () =>
      new Promise<string>((resolve, reject) => {
        httpGet({ host: '127.0.0.1', port, path: '/', agent: false }, (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => (text += chunk.toString()));
          response.on('end', () => resolve(text));
        }).on('error', reject);
      });
    const answers = await Promise.all(Array.from({ length: 8 }, read));
    child.kill();
    expect(answers.every((text) => text.startsWith('web-'))).toBe(true);
  });

  test('scale, change the image, roll back', async () => {
    await ok('scale', 'deployment/web', '--replicas=2');
    await ok('rollout', 'status', 'deployment/web', '--timeout=60s');
    await docker.getImage(testImage).tag({ repo: 'skiff-test-busybox', tag: '2' });
    await ok('set', 'image', 'deployment/web', '*=skiff-test-busybox:2');
    await ok('rollout', 'status', 'deployment/web', '--timeout=90s');
    expect(await ok('get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[*].spec.containers[0].image}')).toContain('skiff-test-busybox:2');
    await ok('rollout', 'undo', 'deployment/web');
    await ok('rollout', 'status', 'deployment/web', '--timeout=90s');
    expect(await ok('get', 'deployment', 'web', '-o', 'jsonpath={.spec.template.spec.containers[0].image}')).toBe(testImage);
    expect((await ok('rollout', 'history', 'deployment/web')).split('\n').filter((line) => /^\d/.test(line)).length).toBe(2);
  });

  test('apply, diff and server-side apply agree on who owns what', async () => {
    const manifest = (value: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  color: ${value}\n---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: login\ndata:\n  password: c2FpbA==\n`;
    expect(await ok('apply', '-f', '-', { input: manifest('blue') })).toBe('configmap/settings created\nsecret/login created\n');
    expect(await ok('apply', '-f', '-', { input: manifest('blue') })).toBe('configmap/settings unchanged\nsecret/login unchanged\n');
    const diff = await kubectl('diff', '-f', '-', { input: manifest('red') });
    expect(diff.code).toBe(1);
    expect(diff.stdout).toMatch(/-\s+color: blue\n\+\s+color: red/);
    expect(await ok('apply', '-f', '-', { input: manifest('red') })).toContain('configmap/settings configured');
    const conflict = await kubectl('apply', '--server-side', '-f', '-', '--field-manager=other', { input: manifest('green') });
    expect(conflict.code).toBe(1);
    expect(conflict.stderr).toContain('conflict with "kubectl-client-side-apply"');
    expect(await ok('apply', '--server-side', '--force-conflicts', '-f', '-', '--field-manager=other', { input: manifest('green') })).toContain('configmap/settings serverside-applied');
    expect(await ok('get', 'configmap', 'settings', '-o', 'jsonpath={.data.color}')).toBe('green');
  });

  test('edit opens what the server has and writes what the editor left', async () => {
    const editor = path.join(folder, 'editor.sh');
    await writeFile(editor, '#!/bin/sh\nsed -i s/green/violet/ "$1"\n', { mode: 0o755 });
    process.env.KUBE_EDITOR = editor;
    expect(await ok('edit', 'configmap', 'settings')).toContain('configmap/settings edited');
    expect(await ok('get', 'configmap', 'settings', '-o', 'jsonpath={.data.color}')).toBe('violet');
  });

  test('it explains, describes and lists what it serves', async () => {
    expect(await ok('explain', 'pod.spec.affinity', '--recursive')).toMatch(/nodeAffinity\s+<NodeAffinity>/);
    expect(await ok('api-resources')).toMatch(/deployments\s+deploy\s+apps\/v1\s+true\s+Deployment/);
    const described = await ok('describe', 'pod', 'client');
    expect(described).toMatch(/Scheduled.*Successfully assigned default\/client to/);
    expect(described).toMatch(/Started/);
    expect(await ok('describe', 'deployment', 'web')).toContain('ScalingReplicaSet');
    expect(await ok('auth', 'can-i', 'create', 'pods')).toBe('yes\n');
    const refused = await kubectl('auth', 'can-i', 'create', 'pods', '--as', 'system:serviceaccount:default:default');
    expect(refused.stdout).toBe('no\n');
    expect(await ok('get', 'nodes')).toMatch(/Ready/);
  });

  test('a watch sees what happens', async () => {
    const child = spawn(process.env.SKIFF_TEST_KUBECTL ?? 'kubectl', ['--kubeconfig', skiff.kubeconfig, 'get', 'pods', '-w', '-o', 'name', '-l', 'run=seen'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const seen = new Promise<string>((resolve) => child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString())));
    await ok('run', 'seen', `--image=${testImage}`, '--restart=Never', '--', 'true');
    expect(await seen).toContain('pod/seen');
    child.kill();
    await ok('wait', 'pod/seen', '--for=jsonpath={.status.phase}=Succeeded', '--timeout=60s');
  });

  describe('bad input gets the message that Kubernetes gives', () => {
    const pod = (spec: string) => `apiVersion: v1\nkind: Pod\nmetadata:\n  name: bad\nspec:\n${spec}`;
    test.each([
      ['unparseable YAML', 'a: [b', /error parsing STDIN|error converting YAML to JSON/],
      ['an unknown field', pod(`  containers:\n  - name: a\n    image: x\n    imagee: y\n`), /strict decoding error: unknown field "spec\.containers\[0\]\.imagee"/],
      ['a missing image', pod(`  containers:\n  - name: a\n`), /spec\.containers\[0\]\.image: Required value/],
      ['a bad name', pod(`  containers:\n  - name: A_B\n    image: x\n`), /spec\.containers\[0\]\.name: Invalid value: "A_B": a lowercase RFC 1123 label must consist of/],
    ])('%s', async (_what, input, message) => {
      const ran = await kubectl('create', '-f', '-', { input });
      expect(ran.code).toBe(1);
      expect(ran.stderr).toMatch(message);
    });

    test('an immutable field', async () => {
      const ran = await kubectl('patch', 'deployment', 'web', '--type=merge', '-p', '{"spec":{"selector":{"matchLabels":{"app":"other"}}}}');
      expect(ran.stderr).toMatch(/field is immutable/);
    });

    test('a node port that is taken', async () => {
      const service = (nodePort: number, service: string) => `apiVersion: v1\nkind: Service\nmetadata:\n  name: ${service}\nspec:\n  type: NodePort\n  ports:\n  - port: 80\n    nodePort: ${nodePort}\n`;
      await ok('create', '-f', '-', { input: service(30123, 'first') });
      const ran = await kubectl('create', '-f', '-', { input: service(30123, 'second') });
      expect(ran.stderr).toContain('spec.ports[0].nodePort: Invalid value: 30123: provided port is already allocated');
    });

    test('an object that is too large', async () => {
      const ran = await kubectl('create', '-f', '-', { input: `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: big\ndata:\n  x: ${'y'.repeat(2 ** 20 + 1)}\n` });
      expect(ran.stderr).toMatch(/Too long: may not be more than 1048576 bytes/);
    });

    test('and the cluster goes on', async () => {
      expect(await ok('get', '--raw', '/readyz')).toBe('ok');
    });
  });

  test('what is deleted is gone, in Docker too', async () => {
    await ok('delete', 'deployment/web', 'service/web', '--timeout=60s');
    // A shell that is process 1 does not hear SIGTERM: it would have its whole 30 seconds.
    await ok('delete', 'pod', '-l', 'app=web', '--grace-period=1');
    await ok('wait', 'pod', '-l', 'app=web', '--for=delete', '--timeout=60s');
    await ok('delete', 'pod', 'client', 'seen', '--grace-period=1', '--timeout=60s');
    await expect
      .poll(async () => (await docker.listContainers({ all: true, filters: { label: [`dev.skiff.cluster=${name}`], ancestor: [testImage] } })).length, { timeout: 20_000 })
      .toBe(0);
  });
});
