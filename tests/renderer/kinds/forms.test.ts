import { flushPromises } from '@vue/test-utils';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ConfigMap, Deployment, PersistentVolume, Secret } from '../../../main/api/index.ts';
import type { KubeObject } from '../../../main/api/meta.ts';
import { answer } from '../support/fakeApi.ts';
import { mountScreen, settleScreen, type Screen } from '../support/mountScreen.ts';

// The text side has tests of its own; what it would show is read from the requests.
vi.mock('../../../renderer/components/yaml/editor.ts', () => ({
  makeEditor: () => ({ setOriginal() {}, fold() {}, setServerFindings() {}, setText() {}, setReadonly() {}, setDark() {}, text: () => '', destroy() {}, focus() {}, reveal() {} }),
}));

let screen: Screen;
afterEach(() => {
  screen.wrapper.unmount();
  document.body.innerHTML = '';
});

const element = <T extends HTMLElement>(selector: string): T => {
  const found = document.querySelector<T>(selector);
  if (!found) throw new Error(`nothing is at ${selector}`);
  return found;
};
const input = (path: string) => element<HTMLInputElement>(['input:not([type=hidden])', 'textarea:not([aria-hidden])'].flatMap((kind) => [`[data-path="${path}"] ${kind}`, `${kind}[data-path="${path}"]`]).join());
async function type(target: string | HTMLInputElement | HTMLTextAreaElement, text: string) {
  const field = typeof target === 'string' ? input(target) : target;
  field.dispatchEvent(new Event('focus'));
  field.value = text;
  field.dispatchEvent(new Event('input', { bubbles: true }));
  await flushPromises();
}
async function click(selector: string) {
  element(selector).click();
  await settleScreen();
}
const create = () => click('[data-test="create"]');
const labelled = (root: string, label: string) =>
  [...element(root).querySelectorAll<HTMLInputElement>('input, textarea')].filter(({ id, type: kind }) => kind !== 'file' && [...document.querySelectorAll(`label[for="${id}"]`)].some(({ textContent }) => textContent === label));
const made = <T extends KubeObject>(kind: string, namespace: string | undefined, name: string) => screen.bridge.api.get<T>(kind, namespace, name);
const refuseAll = (causes: [string, string][]) => {
  screen.bridge.api.intercept = ({ method }) =>
    method === 'GET' ? undefined : answer(422, { kind: 'Status', status: 'Failure', reason: 'Invalid', code: 422, message: 'invalid', details: { causes: causes.map(([field, message]) => ({ field, message })) } });
};
const errorsAt = (path: string) => [...element(`[data-path="${path}"]`).querySelectorAll('.v-messages__message, p[data-faulty]')].map(({ textContent }) => textContent);
const visible = (node: Element): boolean => !node.closest('[style*="display: none"]');

describe('the form of a Deployment', () => {
  const podSpec = 'spec.template.spec';

  it('makes what was filled in, and nothing more', async () => {
    screen = await mountScreen('/create/Deployment');
    await type('metadata.name', 'web');
    await type('spec.replicas', '3');
    await type('image', 'nginx:1.27');
    await click('[data-add="ports"]');
    await type('containerPort', '8080');
    await click('[data-add="env"]');
    await type(labelled('[data-path="env"]', 'Name')[0]!, 'GREETING');
    await type(labelled('[data-path="env"]', 'Value')[0]!, '123');
    await click('[data-add="env"]');
    await type(labelled('[data-path="env"]', 'Name')[1]!, 'LINES');
    await type(labelled('[data-path="env"]', 'Value')[1]!, 'a\nb');
    await type('command', 'sh\n-c\necho $GREETING');
    await type('resources.limits.memory', '128Mi');
    await type('spec.strategy.rollingUpdate.maxSurge', '50%');
    await type('spec.strategy.rollingUpdate.maxUnavailable', '0');
    await create();
    expect(made<Deployment>('Deployment', 'default', 'web')?.spec).toEqual({
      replicas: 3,
      selector: { matchLabels: { app: 'web' } },
      strategy: { rollingUpdate: { maxSurge: '50%', maxUnavailable: 0 } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          containers: [
            { name: 'app', image: 'nginx:1.27', ports: [{ containerPort: 8080 }], env: [{ name: 'GREETING', value: '123' }, { name: 'LINES', value: 'a\nb' }], command: ['sh', '-c', 'echo $GREETING'], resources: { limits: { memory: '128Mi' } } },
          ],
        },
      },
    });
    expect(screen.router.currentRoute.value.fullPath).toBe('/k/deployments.apps/default/web');
  });

  it('leaves out what was emptied again', async () => {
    screen = await mountScreen('/create/Deployment');
    await type('metadata.name', 'web');
    await type('image', 'nginx');
    await type('resources.limits.memory', '1Gi');
    await type('resources.limits.memory', '');
    await type('spec.replicas', '');
    await create();
    const { spec } = made<Deployment>('Deployment', 'default', 'web')!;
    expect(spec).not.toHaveProperty('replicas');
    expect(spec!.template.spec!.containers[0]).toEqual({ name: 'app', image: 'nginx' });
  });

  it('makes a Service along with it, which follows the name', async () => {
    screen = await mountScreen('/create/Deployment');
    await type('metadata.name', 'we');
    await type('image', 'nginx');
    await click('[data-add="ports"]');
    await type('containerPort', '8080');
    await click('[data-path="service"] input');
    await type('metadata.name', 'web');
    await create();
    expect(made<KubeObject & { spec: unknown }>('Service', 'default', 'web')?.spec).toEqual({ type: 'ClusterIP', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] });
  });

  it('shows what the server says at the field, in a section that opens for it', async () => {
    screen = await mountScreen('/create/Deployment');
    refuseAll([[`${podSpec}.containers[0].image`, 'Required value'], ['metadata.labels', 'Invalid value: "a b"'], [`${podSpec}.securityContext.fsGroup`, 'must be positive']]);
    expect(visible(element('[data-path="metadata.labels"]'))).toBe(false);
    await create();
    expect(errorsAt('image')).toEqual(['Required value']);
    expect(errorsAt('metadata.labels')).toEqual(['Invalid value: "a b"']);
    expect(visible(element('[data-path="metadata.labels"]'))).toBe(true);
    const said = element('[data-test="form-message"]').textContent!;
    expect(said).toContain(`${podSpec}.securityContext.fsGroup: must be positive`);
    expect(said).not.toContain('Required value');
  });

  it('turns to the container that is wrong', async () => {
    screen = await mountScreen('/create/Deployment');
    await type('image', 'one');
    await click('[data-add="containers"]');
    await type('image', 'two');
    refuseAll([[`${podSpec}.containers[0].image`, 'Invalid value']]);
    await create();
    expect(input('image').value).toBe('one');
    expect(errorsAt('image')).toEqual(['Invalid value']);
  });

  it('says itself what the server could not say of a field', async () => {
    screen = await mountScreen('/create/Deployment');
    await type('metadata.name', 'web');
    await type('resources.limits.cpu', 'x y');
    await type('spec.replicas', 'many');
    await create();
    expect(errorsAt('resources.limits.cpu')).toEqual(['Must be a quantity, such as 500m, 1.5 or 128Mi.']);
    expect(errorsAt('spec.replicas')).toEqual(['Must be a whole number.']);
    expect(screen.bridge.api.requests.filter(({ method, path }) => method === 'POST' && !path.includes('dryRun'))).toEqual([]);
  });

  it('offers the images that the nodes hold, by the names that people write', async () => {
    const { localImages } = await import('../../../renderer/kinds/podTemplate/images.ts');
    const node = { status: { images: [{ names: ['docker.io/library/nginx:1.27', 'docker.io/library/nginx@sha256:1'] }, { names: ['docker.io/me/app:1'] }, { names: ['ghcr.io/x/y:2', 'docker.io/library/skiff-node:abc'] }] } };
    expect(localImages([node, node])).toEqual(['ghcr.io/x/y:2', 'me/app:1', 'nginx:1.27']);
  });

  describe('of one that exists', () => {
    const existing = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', namespace: 'default', annotations: { 'deployment.kubernetes.io/revision': '1' } },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web', version: 'v1' }, annotations: { note: 'x' } },
          spec: {
            initContainers: [{ name: 'init', image: 'busybox', command: ['true'] }],
            containers: [
              {
                name: 'app',
                image: 'nginx',
                securityContext: { runAsUser: 1 },
                env: [{ name: 'F', valueFrom: { fileKeyRef: { volumeName: 'v', path: 'p', key: 'k' } } }],
                readinessProbe: { httpGet: { path: '/', port: 'http', httpHeaders: [{ name: 'a', value: 'b' }] }, successThreshold: 2 },
              },
            ],
            volumes: [{ name: 'odd', csi: { driver: 'x' } }, { name: 'tmp', emptyDir: {} }],
            affinity: { nodeAffinity: {} },
          },
        },
      },
      status: { replicas: 1 },
    } as unknown as Deployment;

    it('changes the one field, and keeps all that it does not show', async () => {
      screen = await mountScreen('/edit/Deployment/default/web', ({ api }) => void api.put(existing));
      await type('spec.replicas', '2');
      await create();
      const expected = { ...existing.spec!, replicas: 2 };
      expect(made<Deployment>('Deployment', 'default', 'web')?.spec).toEqual(expected);
      expect(screen.router.currentRoute.value.name).toBe('object');
    });

    it('locks what can no longer be changed, and says why', async () => {
      screen = await mountScreen('/edit/Deployment/default/web', ({ api }) => void api.put(existing));
      expect([input('metadata.name').disabled, input('metadata.namespace').disabled, input('spec.replicas').disabled]).toEqual([true, true, false]);
      expect(labelled('[data-path="spec.selector.matchLabels"]', 'Key').every(({ disabled }) => disabled)).toBe(true);
      expect(screen.text()).toContain('An object’s name cannot be changed.');
    });

    it('is said to be gone when it is', async () => {
      screen = await mountScreen('/edit/Deployment/default/web');
      expect(screen.text()).toContain('There is no Deployment web any more.');
    });

    it('is reached from its details', async () => {
      screen = await mountScreen('/k/deployments.apps/default/web', ({ api }) => void api.put(existing));
      const button = [...document.querySelectorAll('button')].find(({ textContent }) => textContent?.includes('Edit in form'))!;
      button.click();
      await settleScreen();
      expect(screen.router.currentRoute.value.fullPath).toBe('/edit/Deployment/default/web');
    });
  });
});

describe('what selects the pods of a Deployment', () => {
  it('is changed on them too, and their other labels stay', async () => {
    screen = await mountScreen('/edit/Deployment/default/none');
    const { followName, setSelector } = await import('../../../renderer/kinds/podTemplate/selector.ts');
    const values: Record<string, unknown> = { 'spec.selector.matchLabels': { app: 'a' }, 'spec.template.metadata.labels': { app: 'a', version: 'v1' } };
    const fields = { get: (path: string) => values[path], set: (path: string, value: unknown) => (values[path] = value) } as unknown as Parameters<typeof setSelector>[0];
    setSelector(fields, { tier: 'front' });
    expect(values['spec.template.metadata.labels']).toEqual({ tier: 'front', version: 'v1' });
    followName(fields, 'b', 'a');
    expect(values['spec.selector.matchLabels']).toEqual({ tier: 'front' });
  });
});

describe('the form of a ConfigMap', () => {
  it('makes one of several lines, and flags a key that is there twice', async () => {
    screen = await mountScreen('/create/ConfigMap');
    await type('metadata.name', 'settings');
    await type(labelled('[data-path="data"]', 'Key')[0]!, 'app.properties');
    await type(labelled('[data-path="data"]', 'Value')[0]!, 'a=1\nb=2\n');
    await click('[data-add="data"]');
    await type(labelled('[data-path="data"]', 'Key')[1]!, 'app.properties');
    await create();
    expect(errorsAt('data')).toContain('This key is already there.');
    expect(made('ConfigMap', 'default', 'settings')).toBeUndefined();
    await type(labelled('[data-path="data"]', 'Key')[1]!, 'other');
    await create();
    expect(made<ConfigMap>('ConfigMap', 'default', 'settings')?.data).toEqual({ 'app.properties': 'a=1\nb=2\n', other: '' });
  });

  it('keeps bytes that are no text as they are', async () => {
    const bytes = btoa('\u00ff\u0000\u0001');
    screen = await mountScreen('/edit/ConfigMap/default/settings', ({ api }) => void api.put({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace: 'default' }, data: { a: '1' }, binaryData: { blob: bytes } } as ConfigMap & { metadata: object }));
    expect(screen.text()).toContain('binary, 3 bytes');
    await type(labelled('[data-path="data"]', 'Value')[0]!, '2');
    await create();
    const after = made<ConfigMap>('ConfigMap', 'default', 'settings');
    expect([after?.data, after?.binaryData]).toEqual([{ a: '2' }, { blob: bytes }]);
  });

  it('that is immutable can be looked at only', async () => {
    screen = await mountScreen('/edit/ConfigMap/default/settings', ({ api }) => void api.put({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace: 'default' }, data: { a: '1' }, immutable: true } as ConfigMap & { metadata: object }));
    expect(labelled('[data-path="data"]', 'Value').map(({ disabled }) => disabled)).toEqual([true]);
    expect(screen.text()).toContain('It is immutable');
  });
});

describe('the form of a Secret', () => {
  it('makes a registry login as Docker would write it', async () => {
    screen = await mountScreen('/create/Secret');
    await type('metadata.name', 'login');
    await click('[data-type="kubernetes.io/dockerconfigjson"]');
    await type(labelled('.page', 'Registry')[0]!, 'ghcr.io');
    await type(labelled('.page', 'User name')[0]!, 'ann');
    await type(labelled('.page', 'Password')[0]!, 'pä:ss');
    await create();
    const secret = made<Secret>('Secret', 'default', 'login')!;
    expect(secret.type).toBe('kubernetes.io/dockerconfigjson');
    const auth = Buffer.from('ann:pä:ss').toString('base64');
    expect(JSON.parse(secret.stringData!['.dockerconfigjson']!)).toEqual({ auths: { 'ghcr.io': { username: 'ann', password: 'pä:ss', auth } } });
  });

  it('keeps what was entered while the type is changed to and fro', async () => {
    screen = await mountScreen('/create/Secret');
    await type('metadata.name', 'login');
    await click('[data-type="kubernetes.io/basic-auth"]');
    await type(labelled('.page', 'User name')[0]!, 'ann');
    await click('[data-type="kubernetes.io/tls"]');
    await click('[data-type="kubernetes.io/basic-auth"]');
    expect(labelled('.page', 'User name')[0]!.value).toBe('ann');
    await click('[data-type="kubernetes.io/ssh-auth"]');
    await type('stringData[ssh-privatekey]', 'KEY\n');
    await create();
    expect(made<Secret>('Secret', 'default', 'login')).toMatchObject({ type: 'kubernetes.io/ssh-auth', stringData: { 'ssh-privatekey': 'KEY\n' } });
  });

  it('shows what the server says of data at the field that holds it', async () => {
    screen = await mountScreen('/create/Secret');
    await click('[data-type="kubernetes.io/tls"]');
    refuseAll([['data[tls.crt]', 'Required value']]);
    await create();
    expect(errorsAt('stringData[tls.crt]')).toEqual(['Required value']);
    expect(element('[data-test="form-message"]').textContent).not.toContain('data[tls.crt]');
  });

  it('shows texts decoded, and writes only what was changed', async () => {
    const bytes = btoa('\u00ff\u00fe');
    screen = await mountScreen('/edit/Secret/default/login', ({ api }) =>
      void api.put({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'login', namespace: 'default' }, type: 'Opaque', data: { user: Buffer.from('\ufeffänn').toString('base64'), word: btoa('old'), blob: bytes } } as Secret & { metadata: object }),
    );
    expect(labelled('[data-path="stringData"]', 'Value').map(({ value }) => value)).toEqual(['\ufeffänn', 'old']);
    await type(labelled('[data-path="stringData"]', 'Value')[1]!, 'new');
    await create();
    const after = made<Secret>('Secret', 'default', 'login')!;
    expect([after.data, after.stringData]).toEqual([{ user: Buffer.from('\ufeffänn').toString('base64'), blob: bytes }, { word: 'new' }]);
    expect(document.querySelector('[data-type="kubernetes.io/tls"]')).toBeNull();
  });
});

describe('a registry login', () => {
  it('is read from what Docker wrote, and other logins are kept', async () => {
    screen = await mountScreen('/settings');
    const { readLogin, writeLogin } = await import('../../../renderer/kinds/secret/form/registry.ts');
    const text = JSON.stringify({ auths: { 'a.io': { auth: btoa('ann:p:w') }, 'b.io': { auth: 'x' } }, credsStore: 'desktop' });
    const login = readLogin(text)!;
    expect(login).toEqual({ server: 'a.io', username: 'ann', password: 'p:w' });
    const after = writeLogin({ ...login, server: 'c.io', password: 'q' }, text);
    expect(JSON.parse(after)).toEqual({ auths: { 'c.io': { username: 'ann', password: 'q', auth: btoa('ann:q') }, 'b.io': { auth: 'x' } }, credsStore: 'desktop' });
    expect(readLogin('{"auths": {')).toBeUndefined();
  });
});

describe('the form of a PersistentVolume', () => {
  it('makes one of a path of this computer', async () => {
    screen = await mountScreen('/create/PersistentVolume');
    await type('metadata.name', 'disk');
    await type('spec.capacity.storage', '5Gi');
    await click('[data-mode="ReadOnlyMany"] input, input[data-mode="ReadOnlyMany"]');
    await type('spec.hostPath.path', '/srv');
    await create();
    expect(made<PersistentVolume>('PersistentVolume', undefined, 'disk')?.spec).toEqual({
      capacity: { storage: '5Gi' },
      accessModes: ['ReadWriteOnce', 'ReadOnlyMany'],
      persistentVolumeReclaimPolicy: 'Retain',
      hostPath: { path: '/srv' },
    });
  });

  it('keeps the kind of volume while its path is being typed anew', async () => {
    screen = await mountScreen('/create/PersistentVolume');
    await type('spec.hostPath.path', '/srv');
    await type('spec.hostPath.path', '');
    expect(document.querySelector('[data-path="spec.hostPath.path"]')).not.toBeNull();
  });

  it('shows what the server says of a capacity by either name', async () => {
    screen = await mountScreen('/create/PersistentVolume');
    refuseAll([['spec.capacity[storage]', 'must be greater than zero'], ['spec.accessModes', 'Required value']]);
    await create();
    expect(errorsAt('spec.capacity.storage')).toEqual(['must be greater than zero']);
    expect(errorsAt('spec.accessModes')).toEqual(['Required value']);
  });

  it('keeps a source and an affinity that it has no fields for', async () => {
    const spec = { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], csi: { driver: 'x', volumeHandle: 'y' }, nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'Exists' }] }] } }, claimRef: { name: 'claim', namespace: 'default' } };
    screen = await mountScreen('/edit/PersistentVolume/-/disk', ({ api }) => void api.put({ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'disk' }, spec } as PersistentVolume & { metadata: object }));
    expect(screen.text()).toContain('See the YAML side.');
    await type('spec.capacity.storage', '2Gi');
    await create();
    expect(made<PersistentVolume>('PersistentVolume', undefined, 'disk')?.spec).toEqual({ ...spec, capacity: { storage: '2Gi' } });
  });
});

describe('every form', () => {
  it.each(['Deployment', 'ConfigMap', 'Secret', 'PersistentVolume'])('of a %s has a name for each field and button, in both languages', async (kind) => {
    for (const language of ['en', 'zh'] as const) {
      screen = await mountScreen(`/create/${kind}`, undefined, { language });
      for (const field of document.querySelectorAll<HTMLInputElement>('.page input:not([type=hidden]), .page textarea')) {
        const named = field.getAttribute('aria-label') || field.getAttribute('aria-labelledby') || [...document.querySelectorAll(`label[for="${field.id}"]`)].some(({ textContent }) => textContent);
        expect(named, field.outerHTML).toBeTruthy();
      }
      for (const button of document.querySelectorAll('.page button')) expect(button.getAttribute('aria-label') || button.textContent?.trim(), button.outerHTML).toBeTruthy();
      if (language === 'en') {
        screen.wrapper.unmount();
        document.body.innerHTML = '';
      }
    }
  });

  it('is sent with Ctrl+Enter from anywhere in it, and never with Enter alone', async () => {
    screen = await mountScreen('/create/ConfigMap');
    await type('metadata.name', 'settings');
    const press = async (more: KeyboardEventInit) => {
      const event = new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, ...more });
      input('metadata.name').dispatchEvent(event);
      await settleScreen();
      return event.defaultPrevented;
    };
    expect(await press({})).toBe(true);
    expect(made('ConfigMap', 'default', 'settings')).toBeUndefined();
    await press({ ctrlKey: true });
    expect(made('ConfigMap', 'default', 'settings')).toBeDefined();
  });
});
