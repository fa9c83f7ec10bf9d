import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resources } from '../../../main/client/index.ts';
import { DockerNode, ready } from './node.ts';

const node = new DockerNode(`kubelet-${process.pid}`);
beforeAll(async () => {
  await node.start();
  node.server.seed(resources.configMaps, { metadata: { name: 'settings', namespace: 'default' }, data: { colour: 'blue', shape: 'round' } });
  node.server.seed(resources.secrets, { metadata: { name: 'keys', namespace: 'default' }, data: { key: Buffer.from('opensesame').toString('base64') } });
});
afterAll(() => node.dispose());

const sleeper = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done'];
const target = (name: string, container: string) => ({ namespace: 'default', name, uid: node.pod(name)!.metadata!.uid!, container });

describe('a pod on the real engine', () => {
  it('of two containers runs, shares one network and is ready', async () => {
    node.create('web', {
      containers: [
        { name: 'server', image: node.image, command: ['sh', '-c', 'mkdir -p /www; echo hello > /www/index.html; exec httpd -f -p 8080 -h /www'], readinessProbe: { httpGet: { port: 8080, path: '/' }, periodSeconds: 1 } },
        { name: 'client', image: node.image, command: sleeper },
      ],
    });
    const status = await node.until('web', ready);
    expect(status.phase).toBe('Running');
    expect(status.podIP).toMatch(/\.1\.\d+$/);
    expect(await node.run('web', 'client', ['wget', '-qO-', 'http://127.0.0.1:8080/'])).toBe('hello\n');
    expect(await node.run('web', 'client', ['cat', '/etc/resolv.conf'])).toBe(
      'search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n',
    );
    expect(await node.run('web', 'client', ['cat', '/etc/hosts'])).toContain(`# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n`);
    expect(await node.run('web', 'client', ['cat', '/etc/hosts'])).toContain(`${status.podIP}\tweb\n`);
    expect(await node.run('web', 'client', ['hostname'])).toBe('web\n');
  });

  it('gives its log, runs commands and forwards ports', async () => {
    node.create('served', { containers: [{ name: 'server', image: node.image, command: ['sh', '-c', 'echo one; echo two >&2; sleep 0.1; echo three; touch /said; mkdir -p /www; echo hi > /www/index.html; exec httpd -f -p 127.0.0.1:8080 -h /www'], readinessProbe: { exec: { command: ['test', '-e', '/said'] }, periodSeconds: 1 } }] });
    await node.until('served', ready);
    const text = async (options: object) => {
      const out = new PassThrough();
      const chunks: Buffer[] = [];
      out.on('data', (chunk: Buffer) => chunks.push(chunk));
      await node.kubelet.api.containerLogs(target('served', 'server'), options, out, new AbortController().signal);
      return Buffer.concat(chunks).toString();
    };
    expect((await text({})).split('\n').sort()).toEqual(['', 'one', 'three', 'two']);
    expect(await text({ tailLines: 1 })).toBe('three\n');
    expect(await text({ stream: 'Stderr' })).toBe('two\n');
    expect(await text({ timestamps: true, tailLines: 1 })).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z three\n$/);
    expect((await text({ limitBytes: 2 })).length).toBe(2);

    const stdin = new PassThrough();
    const stdout = new PassThrough();
    const heard: Buffer[] = [];
    stdout.on('data', (chunk: Buffer) => heard.push(chunk));
    const command = node.kubelet.api.exec(target('served', 'server'), ['sh', '-c', 'cat; exit 7'], { stdin, stdout, tty: false, signal: new AbortController().signal });
    stdin.end('through and through');
    expect((await command).exitCode).toBe(7);
    expect(Buffer.concat(heard).toString()).toBe('through and through');

    const connection = await node.kubelet.api.portForward(target('served', 'server'), 8080);
    const answer: Buffer[] = [];
    connection.on('data', (chunk: Buffer) => answer.push(chunk));
    connection.write('GET / HTTP/1.0\r\n\r\n');
    await new Promise((resolve) => connection.once('end', resolve));
    expect(Buffer.concat(answer).toString()).toMatch(/^HTTP\/1\.\d 200 OK[\s\S]*hi\n$/);
    await expect(node.kubelet.api.portForward(target('served', 'server'), 9)).rejects.toThrow(/failed to connect/);
  });

  it('has its environment and its volumes', async () => {
    node.create(
      'filled',
      {
        securityContext: { fsGroup: 1234 },
        containers: [
          {
            name: 'main',
            image: node.image,
            command: sleeper,
            env: [
              { name: 'COLOUR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'colour' } } },
              { name: 'KEY', valueFrom: { secretKeyRef: { name: 'keys', key: 'key' } } },
              { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
              { name: 'BOTH', value: '$(COLOUR)-$(KEY)-$$(COLOUR)' },
            ],
            volumeMounts: [
              { name: 'settings', mountPath: '/settings' },
              { name: 'settings', mountPath: '/one', subPath: 'colour' },
              { name: 'scratch', mountPath: '/scratch' },
              { name: 'memory', mountPath: '/memory' },
              { name: 'memory', mountPath: '/part', subPath: 'a/part' },
              { name: 'info', mountPath: '/info' },
            ],
          },
          { name: 'other', image: node.image, command: sleeper, volumeMounts: [{ name: 'scratch', mountPath: '/shared', subPath: 'below/this' }] },
        ],
        volumes: [
          { name: 'settings', configMap: { name: 'settings', items: [{ key: 'colour', path: 'colour' }] } },
          { name: 'scratch', emptyDir: {} },
          { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
          { name: 'info', downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
        ],
      },
      { labels: { app: 'filled' } },
    );
    const status = await node.until('filled', ready);
    const run = (command: string) => node.run('filled', 'main', ['sh', '-c', command]);
    expect(await run('echo $COLOUR $KEY $IP $BOTH')).toBe(`blue opensesame ${status.podIP} blue-opensesame-$(COLOUR)\n`);
    expect(await run('cat /settings/colour /one; ls /settings')).toBe('bluebluecolour\n');
    expect(await run('cat /info/labels')).toBe('app="filled"');
    expect(await run('touch /scratch/below/this/it && stat -c "%g %a" /scratch; mount | grep " /memory " | cut -d" " -f5')).toMatch(/^1234 2777\ntmpfs\n$/);
    expect(await node.run('filled', 'other', ['ls', '/shared'])).toBe('it\n');
    expect(await run('echo 1 > /part/x; cat /memory/a/part/x')).toBe('1\n');
    const { uid } = node.pod('filled')!.metadata!;
    await node.delete('filled');
    await node.untilGone('filled');
    expect(await node.agent.stat(`pods/${uid}`)).toBeUndefined();
  });

  it('that waits for a ConfigMap says so, and starts when it comes', async () => {
    node.create('waiting', { containers: [{ name: 'main', image: node.image, command: sleeper, env: [{ name: 'X', valueFrom: { configMapKeyRef: { name: 'later', key: 'x' } } }] }] });
    const status = await node.until('waiting', ({ containerStatuses }) => containerStatuses?.[0]?.state?.waiting?.reason === 'CreateContainerConfigError');
    expect(status.containerStatuses![0]!.state!.waiting!.message).toBe('configmap "later" not found');
    node.server.seed(resources.configMaps, { metadata: { name: 'later', namespace: 'default' }, data: { x: '1' } });
    await node.until('waiting', ready);
  });

  it('whose command is not there says what the engine says', async () => {
    node.create('wrong', { containers: [{ name: 'main', image: node.image, command: ['/no/such/program'] }] });
    const status = await node.until('wrong', ({ containerStatuses }) => !!containerStatuses?.[0]?.state?.waiting && containerStatuses[0].state.waiting.reason !== 'ContainerCreating');
    expect(JSON.stringify(status.containerStatuses)).toContain('no such file or directory');
  });

  it('that ends says why, in its own words', async () => {
    node.create('speaks', { restartPolicy: 'Never', containers: [{ name: 'main', image: node.image, command: ['sh', '-c', 'printf "no more work" > /dev/termination-log; exit 4'] }] });
    const status = await node.until('speaks', ({ phase }) => phase === 'Failed');
    expect(status.containerStatuses![0]!.state!.terminated).toMatchObject({ exitCode: 4, reason: 'Error', message: 'no more work' });
  });

  it('that takes more memory than its limit is killed for it', async () => {
    node.create('hungry', { restartPolicy: 'Never', containers: [{ name: 'main', image: node.image, command: ['sh', '-c', 'x=a; while :; do x=$x$x; done'], resources: { limits: { memory: '16Mi' } } }] });
    const status = await node.until('hungry', ({ phase }) => phase === 'Failed');
    expect(status.containerStatuses![0]!.state!.terminated).toMatchObject({ exitCode: 137, reason: 'OOMKilled' });
  });

  it('whose liveness probe fails is restarted', async () => {
    node.create('sick', {
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'main', image: node.image, command: sleeper, livenessProbe: { exec: { command: ['test', '-e', '/well'] }, periodSeconds: 1, failureThreshold: 1 } }],
    });
    const status = await node.until('sick', ({ containerStatuses }) => (containerStatuses?.[0]?.restartCount ?? 0) > 0);
    expect(status.containerStatuses![0]!.restartCount).toBe(1);
    await node.kubelet.api.http('/pods', new URLSearchParams());
    expect(node.said('sick')).toContain('Killing: Container main failed liveness probe, will be restarted');
  });

  it('runs init containers and hooks in their order', async () => {
    node.create('steps', {
      initContainers: [{ name: 'first', image: node.image, command: ['sh', '-c', 'echo first > /shared/log'], volumeMounts: [{ name: 'shared', mountPath: '/shared' }] }],
      containers: [
        {
          name: 'main',
          image: node.image,
          command: sleeper,
          volumeMounts: [{ name: 'shared', mountPath: '/shared' }],
          lifecycle: { postStart: { exec: { command: ['sh', '-c', 'echo started >> /shared/log'] } } },
        },
      ],
      volumes: [{ name: 'shared', emptyDir: {} }],
    });
    await node.until('steps', ready);
    expect(await node.run('steps', 'main', ['cat', '/shared/log'])).toBe('first\nstarted\n');
  });

  it('on the network of its node has the node’s address', async () => {
    node.create('hosted', { hostNetwork: true, containers: [{ name: 'main', image: node.image, command: sleeper }] });
    const status = await node.until('hosted', ready);
    expect(status.podIP).toBe(node.machine.ip);
    expect(await node.run('hosted', 'main', ['ip', 'addr'])).toContain(node.machine.ip);
  });

  it('is left alone when the app starts again', async () => {
    const before = node.pod('web')!.status!;
    await node.stopKubelet();
    await node.startKubelet();
    node.create('fresh', { containers: [{ name: 'main', image: node.image, command: sleeper }] });
    const fresh = await node.until('fresh', ready);
    expect(fresh.podIP).not.toBe(before.podIP);
    const after = node.pod('web')!.status!;
    expect(after.containerStatuses!.map(({ containerID, restartCount }) => [containerID, restartCount])).toEqual(
      before.containerStatuses!.map(({ containerID, restartCount }) => [containerID, restartCount]),
    );
    expect(after.podIP).toBe(before.podIP);
    expect(ready(after)).toBe(true);
  });

  it('that is deleted leaves nothing behind', async () => {
    const names = node.server.all(resources.pods).map((pod) => pod.metadata!.name!);
    await Promise.all(names.map((name) => node.delete(name)));
    await Promise.all(names.map((name) => node.untilGone(name)));
    const left = await node.docker.listContainers({ all: true, filters: { label: [`dev.skiff.cluster=${node.cluster}`, 'dev.skiff.pod.uid'] } });
    // The API lets go of a pod when its containers have ended; the runtime's leftovers follow at once.
    await Promise.all(left.map(({ Id }) => node.docker.getContainer(Id).wait({ condition: 'removed' }).catch(() => {})));
    expect(await node.runtime.listSandboxes({ node: 'node-1' })).toEqual([]);
  });
});
