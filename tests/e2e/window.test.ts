import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PodList } from '../../main/api/index.ts';
import { deleteSkiff, kubectlFor, startSkiff, type Skiff } from '../support/skiff.ts';
import { ensureTestImage, testDocker, testImage } from '../support/testImage.ts';

/** The window in a real browser on the real engine, as a user has it: forms, dropped files, logs, a terminal. */
describe('the window', () => {
  const name = 'window';
  let skiff: Skiff;
  let browser: Browser;
  let page: Page;
  let folder: string;
  let kubectl: ReturnType<typeof kubectlFor>;
  const complaints: string[] = [];

  beforeAll(async () => {
    await ensureTestImage(testDocker());
    folder = await mkdtemp(path.join(os.tmpdir(), 'skiff-window-'));
    skiff = await startSkiff({ name, runtime: 'docker', nodes: 1 });
    kubectl = kubectlFor(skiff.kubeconfig);
    browser = await chromium.launch({
      executablePath: process.env.SKIFF_TEST_CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    });
    page = await browser.newPage({ viewport: { width: 1280, height: 800 }, locale: 'en-GB' });
    page.setDefaultTimeout(20_000);
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    await page.goto(skiff.web);
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
  });
  afterAll(async () => {
    await browser?.close();
    await skiff.stop();
    await deleteSkiff({ name, runtime: 'docker', data: skiff.data });
    await rm(folder, { recursive: true, force: true });
  });

  const goTo = (address: string) => page.goto(`${new URL(skiff.web).origin}/#${address}`);
  const field = (at: string) => page.locator(`[data-path="${at}"] input:visible:not([type=hidden]), input[data-path="${at}"]:visible, [data-path="${at}"] textarea:visible`).first();
  const ok = async (...args: string[]) => {
    const ran = await kubectl(...args);
    if (ran.code !== 0) throw new Error(ran.stderr);
    return ran.stdout;
  };

  test('shows the cluster and how kubectl reaches it', async () => {
    await page.getByText('node-1').waitFor();
    expect(await page.getByText(skiff.kubeconfig, { exact: true }).count()).toBeGreaterThan(0);
  });

  test('the link was for one browser only', async () => {
    const other = await browser.newPage();
    const answer = await other.goto(skiff.web);
    expect(answer!.status()).toBe(401);
    await other.close();
  });

  test('a Deployment form says at the field what the server says, and keeps its YAML in step', async () => {
    await goTo('/create/Deployment');
    await page.locator('[data-test="create"]').click();
    await page.locator('[data-path="image"] .v-messages').getByText('Required value').waitFor();
    await field('metadata.name').fill('web');
    await field('spec.replicas').fill('2');
    await field('image').fill(testImage);
    await page.locator('[data-add="env"]').click();
    await field('name').first().waitFor();
    await page.locator('[data-path="env"]').getByLabel('Name').fill('GREETING');
    await page.locator('[data-path="env"]').getByLabel('Value').fill('ahoy');
    await page.getByText('Command', { exact: true }).first().click();
    await field('command').fill('sh\n-c\nwhile true; do echo $GREETING; sleep 1; done');
    const yaml = page.locator('.cm-content').first();
    await expect.poll(() => yaml.innerText()).toContain('GREETING');
    expect(await yaml.innerText()).toContain('replicas: 2');
    // What is written on the YAML side shows in the form.
    await yaml.getByText('replicas: 2').click();
    await page.keyboard.press('End');
    await page.keyboard.press('Backspace');
    await page.keyboard.type('3');
    await expect.poll(() => field('spec.replicas').inputValue()).toBe('3');
    await page.locator('[data-test="create"]').click();
    await page.getByRole('heading', { name: 'web' }).waitFor();
    await ok('rollout', 'status', 'deployment/web', '--timeout=60s');
    expect(await ok('get', 'deployment', 'web', '-o', 'jsonpath={.spec.replicas} {.spec.template.spec.containers[0].env[0].value}')).toBe('3 ahoy');
    const containers = await testDocker().listContainers({ filters: { label: [`dev.skiff.cluster=${name}`], ancestor: [testImage] } });
    expect(containers).toHaveLength(3);
  });

  test('lists follow the cluster by themselves', async () => {
    await goTo('/k/pods');
    await expect.poll(() => page.getByRole('row').filter({ hasText: /^.*web-.*Running/ }).count()).toBe(3);
    await ok('scale', 'deployment/web', '--replicas=1');
    await ok('delete', 'pod', '-l', 'app=web', '--grace-period=1', '--wait=false');
    await expect.poll(() => page.getByRole('row').filter({ hasText: /web-.*Running/ }).count(), { timeout: 40_000 }).toBe(1);
  });

  test('a pod has live logs and a terminal', async () => {
    // The one that stays: the others of the rollout before are still ending.
    const staying = async () => {
      const { items } = JSON.parse(await ok('get', 'pods', '-l', 'app=web', '-o', 'json')) as PodList;
      return items.find(({ metadata, status }) => !metadata?.deletionTimestamp && status?.phase === 'Running')?.metadata?.name;
    };
    await expect.poll(staying).toBeDefined();
    const pod = (await staying())!;
    await goTo(`/k/pods/default/${pod}`);
    await page.getByRole('tab', { name: 'Logs' }).click();
    await page.getByText('ahoy').first().waitFor();
    await page.getByRole('tab', { name: 'Terminal' }).click();
    await page.locator('.xterm-screen').waitFor();
    await expect.poll(() => page.locator('.xterm-rows').innerText()).toMatch(/[#$]/);
    await page.locator('.xterm-screen').click();
    await page.keyboard.type('echo $((6*7))-$GREETING\n');
    await expect.poll(() => page.locator('.xterm-rows').innerText()).toContain('42-ahoy');
  });

  test('ConfigMap, Secret and PersistentVolume have forms', async () => {
    await goTo('/create/ConfigMap');
    await field('metadata.name').fill('settings');
    await page.locator('[data-path="data"]').getByLabel('Key').fill('app.properties');
    await page.locator('[data-path="data"]').getByLabel('Value').fill('color=blue\nsize=3');
    await page.locator('[data-test="create"]').click();
    await page.getByRole('heading', { name: 'settings' }).waitFor();
    expect(await ok('get', 'configmap', 'settings', '-o', 'jsonpath={.data.app\\.properties}')).toBe('color=blue\nsize=3');

    await goTo('/create/Secret');
    await field('metadata.name').fill('login');
    await page.locator('[data-type="kubernetes.io/basic-auth"]').click();
    await page.getByLabel('User name').fill('captain');
    await page.getByRole('textbox', { name: 'Password' }).fill('h00k');
    await page.locator('[data-test="create"]').click();
    await page.getByRole('heading', { name: 'login' }).waitFor();
    expect(Buffer.from(await ok('get', 'secret', 'login', '-o', 'jsonpath={.data.password}'), 'base64').toString()).toBe('h00k');

    await goTo('/create/PersistentVolume');
    await field('metadata.name').fill('disk');
    await field('spec.capacity.storage').fill('10 Gi');
    await page.locator('[data-path="spec.capacity.storage"]').press('Tab');
    await field('spec.hostPath.path').fill('/tmp/disk');
    await page.locator('[data-test="create"]').click();
    await page.locator('[data-path="spec.capacity.storage"] .v-messages__message').filter({ hasText: /Must be a quantity/ }).first().waitFor();
    await field('spec.capacity.storage').fill('2Gi');
    await page.locator('[data-test="create"]').click();
    await page.getByRole('heading', { name: 'disk' }).waitFor();
    expect(await ok('get', 'pv', 'disk', '-o', 'jsonpath={.spec.capacity.storage} {.status.phase}')).toMatch(/^2Gi Available/);
  });

  test('dropped manifests are shown as what they will change, then applied', async () => {
    const file = path.join(folder, 'app.yaml');
    await writeFile(
      file,
      [
        'apiVersion: v1\nkind: Namespace\nmetadata:\n  name: dropped',
        'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: inside\n  namespace: dropped\ndata:\n  a: b',
        'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  namespace: default\ndata:\n  app.properties: color=red',
        'apiVersion: v1\nkind: Pod\nmetadata:\n  name: wrong\nspec:\n  containers:\n  - name: app',
        'kind: [broken',
      ].join('\n---\n'),
    );
    await goTo('/');
    const cdp = await page.context().newCDPSession(page);
    const data = { items: [], files: [file], dragOperationsMask: 1 };
    for (const type of ['dragEnter', 'dragOver', 'drop'] as const) await cdp.send('Input.dispatchDragEvent', { type, x: 640, y: 400, data });
    const entry = (text: string) => page.locator('[data-test="apply-entry"]').filter({ hasText: text });
    const state = (text: string) => entry(text).getAttribute('data-state');
    await expect.poll(() => state('Namespace dropped')).toBe('created');
    await expect.poll(() => state('ConfigMap inside')).toBe('waiting');
    await expect.poll(() => state('ConfigMap settings')).toBe('configured');
    await expect.poll(() => state('Pod wrong')).toBe('refused');
    expect(await entry('Pod wrong').innerText()).toContain('spec.containers[0].image: Required value');
    expect(await page.locator('[data-test="apply-entry"]').count()).toBe(5);
    expect((await kubectl('get', 'namespace', 'dropped')).code).toBe(1);
    await page.locator('[data-test="apply-all"]').click();
    await expect.poll(() => state('ConfigMap inside')).toBe('done');
    expect(await ok('get', 'configmap', 'settings', '-o', 'jsonpath={.data}')).toBe('{"app.properties":"color=red"}');
    expect(await ok('get', 'configmap', '-n', 'dropped', 'inside', '-o', 'jsonpath={.data.a}')).toBe('b');
  });

  test('scale, restart and delete from the details', async () => {
    await goTo('/k/deployments.apps/default/web');
    await page.getByRole('button', { name: 'Restart' }).click();
    const dialog = page.getByRole('dialog');
    if (await dialog.isVisible().catch(() => false)) await dialog.getByRole('button').last().click();
    await expect.poll(() => ok('get', 'deployment', 'web', '-o', 'jsonpath={.spec.template.metadata.annotations}')).toContain('restartedAt');
    await ok('rollout', 'status', 'deployment/web', '--timeout=60s');
  });

  test('text from the cluster stays text', async () => {
    const hostile = '<img src=x onerror="window.hacked=1">';
    await kubectl('create', '-f', '-', { input: JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'hostile', annotations: { note: hostile } }, data: { x: hostile } }) });
    await goTo('/k/configmaps/default/hostile');
    await page.getByText('onerror').first().waitFor();
    expect(await page.evaluate(() => (window as unknown as { hacked?: number }).hacked)).toBeUndefined();
  });

  const small = { width: 480, height: 900 };
  const large = { width: 1280, height: 800 };

  test('the way back to a revision is in sight in a small window, whatever its cause', async () => {
    await ok('annotate', 'deployment/web', 'kubernetes.io/change-cause=released with everything that was asked for in the last three months');
    await page.setViewportSize(small);
    await goTo('/k/deployments.apps/default/web?tab=history');
    await page.locator('tbody').getByText('released with everything').filter({ visible: true }).first().waitFor();
    const button = (await page.getByRole('button', { name: /^Roll back/ }).first().boundingBox())!;
    const card = (await page.locator('.page-body .card').first().boundingBox())!;
    expect(button.x + button.width).toBeLessThanOrEqual(card.x + card.width);
    await page.setViewportSize(large);
  });

  test.each([
    ['/', large],
    ['/k/pods', large],
    ['/create/Deployment', large],
    ['/create/Secret', large],
    ['/', small],
    ['/k/deployments.apps/default/web?tab=history', small],
    ['/k/deployments.apps/default/web', small],
    ['/k/nodes/-/node-1', small],
  ])('%s can be used by everyone (axe) at %o', async (address, size) => {
    await page.setViewportSize(size);
    await goTo(address);
    await page.getByRole('heading').first().waitFor();
    await page.addScriptTag({ content: readFileSync('node_modules/axe-core/axe.min.js', 'utf8') }).catch(async () => {
      // The policy of the page lets no inline script in; the debugger may put one there.
      await page.evaluate(readFileSync('node_modules/axe-core/axe.min.js', 'utf8'));
    });
    const violations = await page.evaluate(async () => {
      const { axe } = window as unknown as { axe: { run(context: Document, options: object): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> } };
      const result = await axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'] });
      return result.violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.map((n) => n.html.slice(0, 160)).join(' | ')}`);
    });
    expect(violations.filter((text) => /^(critical|serious)/.test(text))).toEqual([]);
    await page.setViewportSize(large);
  });

  test('it speaks Chinese', async () => {
    await page.evaluate(async () => {
      await fetch('/bridge/setting', { method: 'POST', headers: { 'x-skiff': '1' }, body: JSON.stringify({ name: 'language', value: 'zh' }) });
    });
    await goTo('/');
    await page.reload();
    await page.getByRole('heading', { name: '概览' }).waitFor();
    await goTo('/create/Deployment');
    await page.getByRole('heading', { name: '创建 Deployment' }).waitFor();
  });

  test('nothing was complained of', () => {
    // Refusals by the server are part of the stories above; the page itself must not fail.
    expect(complaints.filter((text) => !/Failed to load resource|inline script/.test(text))).toEqual([]);
  });
});
