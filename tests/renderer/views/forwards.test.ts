import { afterEach, describe, expect, it } from 'vitest';
import type { Service } from '../../../main/api/index.ts';
import type { PortForward } from '../../../preload/contract.ts';
import { makeDeployment, makePod } from '../support/objects.ts';
import { mountScreen, settleScreen, type Screen } from '../support/mountScreen.ts';

let screen: Screen | undefined;
afterEach(() => {
  screen?.wrapper.unmount();
  document.body.innerHTML = '';
});

const spec = { containers: [{ name: 'main', image: 'nginx', ports: [{ name: 'http', containerPort: 80 }, { containerPort: 53, protocol: 'UDP' }] }] };
const service: Service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'default' },
  spec: { type: 'ClusterIP', selector: { app: 'web' }, ports: [{ name: 'https', port: 8000, targetPort: 'http' }, { port: 53, protocol: 'UDP' }] },
};
const forward = (more: Partial<PortForward> = {}): PortForward => ({ id: 7, resource: 'deployments.apps', namespace: 'default', name: 'web', port: 80, localPort: 8080, pod: 'web-1', ...more });

const byLabel = (label: string) => document.querySelector<HTMLElement>(`[aria-label="${label}"]`);
const field = (name: string) => document.querySelector<HTMLInputElement>(`[data-field="${name}"] input`)!;
async function press(element: HTMLElement | null): Promise<void> {
  element!.click();
  await settleScreen();
}
async function type(input: HTMLInputElement, text: string): Promise<void> {
  input.value = text;
  input.dispatchEvent(new Event('input'));
  await settleScreen();
}
async function submit(): Promise<void> {
  document.querySelector('[role="dialog"] form')!.dispatchEvent(new Event('submit', { cancelable: true }));
  await settleScreen();
}

describe('forwarding a port', () => {
  it('of a pod proposes a free port, and shows where it leads on the page', async () => {
    screen = await mountScreen('/k/pods/default/web-1', (bridge) => bridge.api.put(makePod('web-1', { spec })));
    await press(byLabel('Forward port 80'));
    expect(byLabel('Forward port 53')).toBeNull();
    expect(field('localPort').value).toBe('8080');
    await submit();
    expect(screen.bridge.shell.forwards).toMatchObject([{ resource: 'pods', namespace: 'default', name: 'web-1', port: 80, localPort: 8080 }]);
    expect(document.querySelector('[role="dialog"] form')).toBeNull();
    const link = document.querySelector<HTMLAnchorElement>('a[href="http://localhost:8080/"]');
    await press(link);
    expect(screen.bridge.opened).toEqual(['http://localhost:8080/']);
    await press(byLabel('Stop forwarding port 8080 of this computer'));
    expect(screen.bridge.shell.forwards).toEqual([]);
    expect(byLabel('Forward port 80')).not.toBeNull();
  });

  it('of a Service takes the port of one’s own choice, and speaks as the port is called', async () => {
    screen = await mountScreen('/k/services/default/web', (bridge) => bridge.api.put(service));
    await press(byLabel('Forward port 8000'));
    await type(field('localPort'), '70000');
    expect(screen.text()).toContain('A number from 1 to 65535');
    await submit();
    expect(screen.bridge.shell.forwards).toEqual([]);
    await type(field('localPort'), '9443');
    await submit();
    expect(screen.bridge.shell.forwards).toMatchObject([{ resource: 'services', name: 'web', port: 8000, localPort: 9443 }]);
    expect(document.querySelector('a[href="https://localhost:9443/"]')).not.toBeNull();
  });

  it('of a workload can be one that no container names; a refusal stands where the port is chosen', async () => {
    screen = await mountScreen('/k/deployments.apps/default/web', (bridge) => {
      bridge.api.put(makeDeployment('web'));
      bridge.refuseForward = () => {
        throw new Error('port 5005 of this computer is taken by another program');
      };
    });
    expect(screen.text()).toContain('name no ports');
    const another = [...document.querySelectorAll<HTMLElement>('button')].find((button) => button.textContent?.includes('Forward another port'));
    await press(another!);
    await type(field('port'), '5005');
    expect(field('localPort').value).toBe('5005');
    await submit();
    expect(document.querySelector('[role="dialog"] .refusal')?.textContent).toContain('is taken by another program');
    screen.bridge.refuseForward = () => undefined;
    await type(field('localPort'), '');
    await submit();
    expect(screen.bridge.shell.forwards).toMatchObject([{ resource: 'deployments.apps', port: 5005, localPort: 5005 }]);
    expect(document.querySelector('a[href="http://localhost:5005/"]')).not.toBeNull();
  });

  it('is not offered where there is nothing to lead to', async () => {
    screen = await mountScreen('/k/services/default/web', (bridge) => bridge.api.put({ ...service, spec: { ...service.spec, selector: {} } }));
    expect(byLabel('Forward port 8000')).toBeNull();
    screen.wrapper.unmount();
    screen = await mountScreen('/k/pods/default/done', (bridge) => bridge.api.put(makePod('done', { spec, status: { phase: 'Succeeded' } })));
    expect(byLabel('Forward port 80')).toBeNull();
    expect(screen.text()).toContain('http 80/TCP');
  });
});

describe('the list of forwards', () => {
  it('holds all of them, whoever began them, with what is wrong and what ends them', async () => {
    screen = await mountScreen('/forwards', (bridge) => {
      bridge.shell = { ...bridge.shell, forwards: [forward()] };
    });
    expect(document.querySelector('a[href="#/k/deployments.apps/default/web"], a[href="/k/deployments.apps/default/web"]')?.textContent).toBe('web');
    expect(screen.text()).toContain('web-1');
    screen.bridge.setForwards([forward({ problem: { reason: 'refused', message: 'connect \u202eECONNREFUSED' } }), forward({ id: 8, resource: 'services', name: 'db', port: 5432, localPort: 5432 })]);
    await settleScreen();
    expect(screen.text()).toContain('Nothing listens on port 80 in the pod.');
    expect(screen.text()).toContain('connect \\u202eECONNREFUSED');
    await press(byLabel('Stop forwarding port 8080 of this computer'));
    expect(screen.bridge.shell.forwards.map(({ id }) => id)).toEqual([8]);
    await press(byLabel('Stop forwarding port 5432 of this computer'));
    expect(screen.text()).toContain('No port is forwarded.');
  });

  it('is there in Chinese', async () => {
    screen = await mountScreen('/forwards', (bridge) => (bridge.shell = { ...bridge.shell, forwards: [forward({ pod: undefined as never, problem: { reason: 'noPod', message: 'x' } })] }), { language: 'zh' });
    expect(screen.text()).toContain('没有正在运行的 Pod');
  });
});
