import { afterEach, describe, expect, it } from 'vitest';
import type { Attempt } from '../../../main/api/attempt.ts';
import { answer } from '../support/fakeApi.ts';
import type { FakeBridge } from '../support/fakeBridge.ts';
import { mountScreen, settleScreen, type Screen } from '../support/mountScreen.ts';
import { containerStatus, makeDeployment, makePod, makeReplicaSet } from '../support/objects.ts';

let screen: Screen;

afterEach(() => {
  screen.wrapper.unmount();
  document.body.innerHTML = '';
});

const click = async (selector: string) => {
  (document.querySelector(selector) as HTMLElement).click();
  await settleScreen();
};

describe('a pod that no node can take', () => {
  const uid = 'uid-web';
  const stuck = makePod('web', {
    metadata: { name: 'web', uid },
    status: { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/2 nodes are available: …' }] },
  });
  const attempt: Attempt = {
    at: 0,
    result: 'Unschedulable',
    nodes: [
      {
        name: 'small',
        rejectedBy: 'NodeResourcesFit',
        reasons: ['Insufficient cpu'],
        shortages: [{ resource: 'cpu', asked: '2', free: '400m', allocatable: '4', heldBy: [{ namespace: 'shop', name: 'cart', amount: '3' }] }],
      },
      { name: 'tainted', rejectedBy: 'TaintToleration', reasons: ['node(s) had untolerated taint(s)'] },
    ],
  };
  const knowing = (told: Attempt | undefined) => ({ api }: FakeBridge) => {
    api.put(stuck);
    api.intercept = ({ path }) => (path === `/debug/scheduler/attempt?uid=${uid}` && told ? answer(200, told) : undefined);
  };

  it('tells what stands in the way on each node, with numbers and who holds them', async () => {
    screen = await mountScreen('/k/pods/default/web', knowing(attempt));
    expect(screen.text()).toContain('cpu: it asks for 2, and 400m of 4 is free.');
    expect(screen.text()).toContain('a taint that the pod does not tolerate');
    const links = [...document.querySelectorAll('.trouble a')].map((link) => link.getAttribute('href'));
    expect(links).toEqual(['/k/nodes/-/small', '/k/pods/shop/cart', '/k/nodes/-/tainted']);
  });

  it('says what the pod says where the scheduler remembers nothing of it', async () => {
    screen = await mountScreen('/k/pods/default/web', knowing(undefined));
    expect(document.querySelector('.trouble')?.textContent).toContain('0/2 nodes are available');
    expect(document.querySelector('.trouble table')).toBeNull();
  });
});

describe('what keeps a pod from a node, where the scheduler says it in general', () => {
  it('is told: which taint it is, and that a label is missing and not the balance', async () => {
    const pod = makePod('web', {
      metadata: { name: 'web', uid: 'uid-web' },
      spec: { tolerations: [{ key: 'known', operator: 'Exists' }] },
      status: { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/2 nodes are available' }] },
    });
    const told: Attempt = {
      at: 0, result: 'Unschedulable',
      nodes: [
        { name: 'tainted', rejectedBy: 'TaintToleration', reasons: ['node(s) had untolerated taint(s)'] },
        { name: 'bare', rejectedBy: 'PodTopologySpread', reasons: ["node(s) didn't match pod topology spread constraints (missing required label)"] },
      ],
    };
    screen = await mountScreen('/k/pods/default/web', ({ api }) => {
      api.put(pod);
      api.put({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'tainted' }, spec: { taints: [{ key: 'known', effect: 'NoSchedule' }, { key: 'soft', effect: 'PreferNoSchedule' }, { key: 'dedicated', value: 'gpu', effect: 'NoSchedule' }] } } as never);
      api.intercept = ({ path }) => (path.startsWith('/debug/scheduler/attempt') ? answer(200, told) : undefined);
    });
    const rows = [...document.querySelectorAll('.trouble tbody tr')].map((row) => row.children[1]!.textContent);
    expect(rows[0]).toContain('dedicated=gpu:NoSchedule');
    expect(rows[0]).not.toContain('known');
    expect(rows[1]).toContain('lacks a label');
    expect(rows[1]).not.toContain('less evenly');
  });
});

describe('a pod without a node that the scheduler has not refused', () => {
  const said = { type: 'PodScheduled', status: 'False' };
  it.each([
    ['is held back by gates', makePod('web', { spec: { schedulingGates: [{ name: 'example.com/check' }] }, status: { phase: 'Pending', conditions: [{ ...said, reason: 'SchedulingGated', message: 'Scheduling is blocked' }] } }), 'Held back by its scheduling gates: example.com/check'],
    ['has room made for it', makePod('web', { status: { phase: 'Pending', nominatedNodeName: 'node-7', conditions: [{ ...said, reason: 'Unschedulable', message: '0/2 nodes are available' }] } }), 'Room is being made for it on node-7'],
    ['met an error', makePod('web', { status: { phase: 'Pending', conditions: [{ ...said, reason: 'SchedulerError', message: 'plugin broke' }] } }), 'The pod has no node yet (SchedulerError)'],
    ['asks for a scheduler that says nothing', makePod('web', { spec: { schedulerName: 'mine' }, status: { phase: 'Pending' } }), 'It waits for the scheduler mine'],
  ])('%s', async (_story, pod, words) => {
    screen = await mountScreen('/k/pods/default/web', ({ api }) => void api.put(pod));
    expect(document.querySelector('.trouble strong')?.textContent).toBe(words);
  });

  it('waits for claims: those that are not bound are named, and what is wrong with them', async () => {
    const claim = (name: string, phase: string) => ({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name, namespace: 'default' }, spec: { storageClassName: 'fast' }, status: { phase } });
    const volumes = ['there', 'waiting', 'gone'].map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } }));
    screen = await mountScreen('/k/pods/default/web', ({ api }) => {
      api.put(claim('there', 'Bound'));
      api.put(claim('waiting', 'Pending'));
      api.put(makePod('web', { spec: { volumes }, status: { phase: 'Pending', conditions: [{ ...said, reason: 'Unschedulable', message: 'unbound' }] } }));
    });
    const lines = [...document.querySelectorAll('.trouble li')].map((line) => [line.textContent?.replace(/\s+/g, ' ').trim(), line.querySelector('a')?.getAttribute('href')]);
    expect(lines).toEqual([
      ['waitingPendingStorage class: fast', '/k/persistentvolumeclaims/default/waiting'],
      ['goneNotFound', undefined],
    ]);
  });

  it('is left alone until there is something to say', async () => {
    screen = await mountScreen('/k/pods/default/web', ({ api }) => void api.put(makePod('web', { status: { phase: 'Pending' } })));
    expect(document.querySelector('.trouble')).toBeNull();
  });
});

describe('the overview', () => {
  it('shows the rest of what needs attention when it is asked for', async () => {
    screen = await mountScreen('/', ({ api }) => {
      for (let i = 10; i < 20; i++) api.put(makePod(`broken-${i}`, { status: { phase: 'Failed', reason: 'Evicted' } }));
    });
    const shown = () => [...document.querySelectorAll('.lines .who a')].map((link) => link.textContent);
    expect(shown()).toHaveLength(8);
    expect(document.querySelector('.further')?.textContent).toBe('2 more');
    await click('.further');
    expect(shown()).toHaveLength(10);
    expect(document.querySelector('.further')?.getAttribute('aria-expanded')).toBe('true');
  });
});

describe('a pod whose image cannot be pulled', () => {
  const status = { phase: 'Pending', containerStatuses: [containerStatus({ state: { waiting: { reason: 'ImagePullBackOff', message: 'no such host' } } })] };
  const nodeWith = (...names: string[]) => ({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' }, status: { images: [{ names }] } });

  it.each([
    ['is told to use the one that its node has', nodeWith('docker.io/library/busybox:latest'), 'The node has it'],
    ['is told what to look at otherwise', nodeWith('docker.io/library/busybox:1.36'), 'Check its name and tag'],
  ])('%s', async (_story, node, said) => {
    screen = await mountScreen('/k/pods/default/web', ({ api }) => {
      api.put(node);
      api.put(makePod('web', { spec: { nodeName: 'node-1' }, status }));
    });
    expect(screen.text()).toContain(said);
  });
});

describe('a pod whose volume cannot be mounted', () => {
  it('shows what its node says of it', async () => {
    const status = { phase: 'Pending', containerStatuses: [containerStatus({ state: { waiting: { reason: 'ContainerCreating' } } })] };
    screen = await mountScreen('/k/pods/default/web', ({ api }) => {
      api.put(makePod('web', { metadata: { name: 'web', namespace: 'default', uid: 'uid-web' }, spec: { nodeName: 'node-1' }, status }));
      const involvedObject = { kind: 'Pod', name: 'web', namespace: 'default', uid: 'uid-web' };
      api.put({ apiVersion: 'v1', kind: 'Event', metadata: { name: 'web.1', namespace: 'default' }, involvedObject, type: 'Warning', reason: 'FailedMount', message: 'secret "gone" not found', lastTimestamp: new Date().toISOString() } as never);
    });
    expect(document.querySelector('.trouble')?.textContent).toContain('secret "gone" not found');
  });
});

describe('the list of pods', () => {
  it('shows pods as they come and go', async () => {
    screen = await mountScreen('/k/pods', (bridge) => bridge.api.put(makePod('first')));
    expect(screen.text()).toContain('first');
    screen.bridge.api.put(makePod('second', { status: { phase: 'Pending', containerStatuses: [containerStatus({ state: { waiting: { reason: 'ImagePullBackOff' } } })] } }));
    screen.bridge.api.take('Pod', 'default', 'first');
    await screen.follow();
    expect(screen.text()).toContain('second');
    expect(screen.text()).toContain('ImagePullBackOff');
    expect(screen.text()).not.toContain('first');
  });

  it('shows one namespace when one is chosen', async () => {
    screen = await mountScreen('/k/pods', ({ api, settings }) => {
      settings.namespace = 'shop';
      api.put(makePod('here', { namespace: 'shop' }));
      api.put(makePod('elsewhere'));
    });
    const { useSettings } = await import('../../../renderer/stores/settings.ts');
    await useSettings().load();
    await settleScreen();
    expect(screen.text()).toContain('here');
    expect(screen.text()).not.toContain('elsewhere');
  });

  it('deletes what was selected, once the user has confirmed it', async () => {
    screen = await mountScreen('/k/pods', ({ api }) => ['a', 'b', 'c'].forEach((name) => api.put(makePod(name))));
    for (const name of ['a', 'b']) await click(`.body input[aria-label="Select default/${name}"]`);
    await click('.bulk button');
    expect(document.querySelector('[role=dialog]')?.textContent).toContain('Delete 2 objects of kind Pod?');
    expect(screen.bridge.api.get('Pod', 'default', 'a')).toBeDefined();
    await click('[data-confirm]');
    expect(['a', 'b', 'c'].map((name) => screen.bridge.api.get('Pod', 'default', name) !== undefined)).toEqual([false, false, true]);
  });

  it('says in the server’s words why nothing is shown', async () => {
    const message = 'pods is forbidden: User "reader" cannot list resource "pods"';
    screen = await mountScreen('/k/pods', ({ api }) => {
      api.intercept = ({ path }) => (path.startsWith('/api/v1/pods') ? answer(403, { kind: 'Status', status: 'Failure', code: 403, reason: 'Forbidden', message }) : undefined);
    });
    expect(screen.text()).toContain(message);
  });
});

describe('a kind without screens of its own', () => {
  it('is listed by the server’s table', async () => {
    screen = await mountScreen('/k/boats.example.com', ({ api }) => {
      api.addKind({ group: 'example.com', version: 'v1', resource: 'boats', kind: 'Boat', namespaced: true });
      api.put({ apiVersion: 'example.com/v1', kind: 'Boat', metadata: { name: 'dinghy', namespace: 'default' } });
    });
    expect(screen.text()).toContain('dinghy');
    expect(screen.text()).toContain('Labels count');
  });
});

describe('an object', () => {
  const hostile = '<img src=x onerror="window.owned = true"><script>window.owned = true</script>';

  it('shows hostile names, labels and messages as the text they are', async () => {
    screen = await mountScreen('/k/pods/default/evil', ({ api }) => {
      api.put(makePod('evil', { metadata: { name: 'evil', namespace: 'default', annotations: { note: hostile } }, status: { phase: 'Pending', containerStatuses: [containerStatus({ state: { waiting: { reason: 'CrashLoopBackOff', message: hostile } } })] } }));
    });
    expect(screen.text()).toContain(hostile);
    expect(document.querySelector('main img, .page img, .page script')).toBeNull();
    expect((window as { owned?: boolean }).owned).toBeUndefined();
  });

  it('explains what is wrong with a container', async () => {
    screen = await mountScreen('/k/pods/default/web', ({ api }) => {
      api.put(makePod('web', { status: { phase: 'Running', containerStatuses: [containerStatus({ restartCount: 3, state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 40s' } }, lastState: { terminated: { exitCode: 137, reason: 'OOMKilled' } } })] } }));
    }, { language: 'zh' });
    expect(screen.text()).toContain('back-off 40s');
    expect(screen.text()).toContain('使用的内存超过限制');
  });

  it('stays in sight, marked, when it is deleted elsewhere', async () => {
    screen = await mountScreen('/k/pods/default/web', ({ api }) => api.put(makePod('web')));
    screen.bridge.api.take('Pod', 'default', 'web');
    await screen.follow();
    expect(screen.text()).toContain('This object has been deleted');
  });

  it('is deleted after a question that names what goes along', async () => {
    screen = await mountScreen('/k/deployments.apps/default/web', ({ api }) => {
      const deployment = api.put(makeDeployment('web'));
      api.put(makeReplicaSet(deployment, 1, 'busybox:1'));
    });
    await click('[aria-label="More"]');
    (([...document.querySelectorAll('.v-list-item')] as HTMLElement[]).find((item) => item.textContent?.includes('Delete')))!.click();
    await settleScreen();
    expect(document.querySelector('[role=dialog]')?.textContent).toContain('ReplicaSet web-1');
    await click('[data-confirm]');
    expect(screen.bridge.api.get('Deployment', 'default', 'web')).toBeUndefined();
    expect(screen.bridge.api.requests.find(({ method }) => method === 'DELETE')?.body).toContain('"propagationPolicy":"Background"');
  });

  it('is scaled by its stepper', async () => {
    screen = await mountScreen('/k/deployments.apps/default/web', ({ api }) => api.put(makeDeployment('web', { replicas: 2 })));
    await click('[aria-label="One replica more"]');
    const patched = () => screen.bridge.api.requests.filter(({ method }) => method === 'PATCH');
    expect(patched()).toHaveLength(0);
    await click('.stepper [type=submit]');
    expect(patched()[0]).toMatchObject({ path: expect.stringContaining('/deployments/web/scale'), body: '{"spec":{"replicas":3}}' });
  });
});

describe('a pod whose image is being pulled', () => {
  const pulled = (items: object[]) => answer(200, { items });
  it('shows how far it has come, and asks no more once its container runs', async () => {
    let asked = 0;
    screen = await mountScreen('/k/pods/default/web', ({ api }) => {
      api.intercept = ({ path }) => {
        if (!path.startsWith('/api/v1/nodes/node-1/proxy/imagepulls?podUID=')) return undefined;
        asked++;
        return pulled([{ image: 'nginx:1', current: 12_300_000, total: 49_200_000, status: 'Downloading' }]);
      };
      api.put(makePod('web', { spec: { nodeName: 'node-1', containers: [{ name: 'main', image: 'nginx:1' }] }, status: { phase: 'Pending', containerStatuses: [containerStatus({ state: { waiting: { reason: 'ContainerCreating' } } })] } }));
    });
    expect(screen.text()).toContain('The image is being pulled: 12.3 of 49.2 MB');
    expect(document.querySelector('[role=progressbar]')?.getAttribute('aria-valuenow')).toBe('25');
    expect(asked).toBe(1);
    screen.bridge.api.put(makePod('web', { spec: { nodeName: 'node-1', containers: [{ name: 'main', image: 'nginx:1' }] }, status: { phase: 'Running', containerStatuses: [containerStatus({ state: { running: {} } })] } }));
    await screen.follow();
    expect(screen.text()).not.toContain('is being pulled');
    expect(asked).toBe(1);
  });
});

describe('logs', () => {
  it('follow the container, and end in the server’s words where they cannot', async () => {
    screen = await mountScreen('/k/pods/default/web?tab=logs', ({ api }) => api.put(makePod('web')));
    const stream = screen.bridge.streams.at(-1)!;
    expect(stream.path).toMatch(/^\/api\/v1\/namespaces\/default\/pods\/web\/log\?container=main&timestamps=true&follow=true/);
    stream.handlers.onOpen?.();
    stream.handlers.onData(1, new TextEncoder().encode('2026-01-01T00:00:00Z hello \x1b[31mred\x1b[0m <b>bold</b>\n'));
    await settleScreen();
    expect(document.querySelector('[role=log].log')?.textContent).toContain('hello red <b>bold</b>');
    expect(document.querySelector('.log b')).toBeNull();
    stream.handlers.onClose('container "main" in pod "web" is waiting to start');
    await settleScreen();
    expect(screen.text()).toContain('is waiting to start');
  });
});
