import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { contentSecurityPolicy, pageFile } from '../../../main/bridge/index.ts';

describe('the files of the window', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'skiff-page-'));
    await mkdir(path.join(folder, 'renderer/assets'), { recursive: true });
    await writeFile(path.join(folder, 'renderer/index.html'), '<!doctype html>');
    await writeFile(path.join(folder, 'renderer/assets/index-a1.js'), 'export {}');
    await writeFile(path.join(folder, 'secret.json'), '{}');
  });
  afterEach(() => rm(folder, { recursive: true }));

  const read = (pathname: string) => pageFile(path.join(folder, 'renderer'), pathname);

  test('the root is the page, and assets never change', async () => {
    expect((await read('/'))?.type).toBe('text/html; charset=utf-8');
    expect(await read('/assets/index-a1.js')).toMatchObject({ type: 'text/javascript; charset=utf-8', immutable: true });
  });

  test.each(['/../secret.json', '/%2e%2e/secret.json', '/..%2fsecret.json', '/assets/..%5c..%5csecret.json', '/%00', '/%zz', '/missing.js', '/assets'])(
    '%s gives nothing',
    async (pathname) => {
      expect(await read(pathname)).toBeUndefined();
    },
  );

  test('the policy lets no script in but our own', () => {
    const policy = contentSecurityPolicy(['ws://127.0.0.1:1']);
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe-eval');
    expect(policy).toContain("connect-src 'self' ws://127.0.0.1:1");
  });
});
