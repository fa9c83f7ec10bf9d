import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ExecPlugin, type ExecCluster, type ExecConfig } from '../../../../main/apiserver/webhook/index.ts';
import { TestAuthority } from '../support/certificates.ts';

// After k8s.io/client-go/plugin/pkg/client/auth/exec/exec_test.go.

let folder: string;
beforeEach(() => void (folder = mkdtempSync(path.join(os.tmpdir(), 'skiff-exec-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const apiVersion = 'client.authentication.k8s.io/v1';
const credential = (status: object | undefined, version = apiVersion) => ({ kind: 'ExecCredential', apiVersion: version, status });

/** A program that prints what a file holds, and keeps what it was told in another. */
function printing(printed: unknown, config: Partial<ExecConfig> = {}, cluster?: ExecCluster, isTerminal?: () => boolean): ExecPlugin {
  const script = `const fs = require('fs'); fs.appendFileSync('${folder}/runs', process.env.KUBERNETES_EXEC_INFO + ' ' + (process.env.WHO ?? '') + '\\n'); process.stdout.write(fs.readFileSync('${folder}/printed'))`;
  print(printed);
  return new ExecPlugin({ command: process.execPath, args: ['-e', script], apiVersion, interactiveMode: 'Never', ...config }, cluster, isTerminal);
}
const print = (printed: unknown) => writeFileSync(path.join(folder, 'printed'), typeof printed === 'string' ? printed : JSON.stringify(printed));
const runs = () => (existsSync(path.join(folder, 'runs')) ? readFileSync(path.join(folder, 'runs'), 'utf8').trimEnd().split('\n') : []);

describe('a program that says by which credentials a webhook is asked', () => {
  it('is told for what, and runs once for as long as they are good', async () => {
    const plugin = printing(credential({ token: 'one', expirationTimestamp: '2026-01-01T00:00:10Z' }), { env: [{ name: 'WHO', value: 'me' }] });
    const at = (seconds: number) => Date.parse('2026-01-01T00:00:00Z') + seconds * 1000;
    expect(await Promise.all([plugin.get(at(0)), plugin.get(at(0))])).toEqual([{ token: 'one' }, { token: 'one' }]);
    print(credential({ token: 'two' }));
    expect(await plugin.get(at(10))).toEqual({ token: 'one' });
    expect(runs()).toEqual([`{"kind":"ExecCredential","apiVersion":"${apiVersion}","spec":{"interactive":false}} me`]);
    expect(await plugin.get(at(11))).toEqual({ token: 'two' });
    expect(await plugin.get(at(1e9))).toEqual({ token: 'two' });
    expect(runs()).toHaveLength(2);
  });

  it('runs again once they are refused, but not for those that it has replaced already', async () => {
    const plugin = printing(credential({ token: 'one' }));
    const one = await plugin.get(0);
    print(credential({ token: 'two' }));
    await plugin.refused(one, 0);
    await plugin.refused(one, 0);
    expect(await plugin.get(0)).toEqual({ token: 'two' });
    expect(runs()).toHaveLength(2);
  });

  it('may want to know of whom, and print YAML', async () => {
    const cluster = { server: 'https://hook.shop.svc:443', 'tls-server-name': 'hook.shop.svc', 'certificate-authority-data': 'Y2E=' };
    const plugin = printing(`kind: ExecCredential\napiVersion: ${apiVersion}\nstatus:\n  token: t\n`, {}, cluster);
    expect(await plugin.get(0)).toEqual({ token: 't' });
    expect(JSON.parse(runs()[0]!).spec).toEqual({ cluster: { ...cluster, config: null }, interactive: false });
  });

  it('may give a certificate', async () => {
    const { certificate, key } = await (await TestAuthority.create()).client('apiserver', []);
    expect(await printing(credential({ clientCertificateData: certificate, clientKeyData: key })).get(0)).toEqual({ cert: certificate, key });
  });

  it('has a terminal only where there is one', async () => {
    const older = { apiVersion: 'client.authentication.k8s.io/v1beta1', interactiveMode: undefined };
    await printing(credential({ token: 't' }, older.apiVersion), older, undefined, () => true).get(0);
    expect(JSON.parse(runs()[0]!).spec).toEqual({ interactive: true });
    const refusal = (interactiveMode: string | undefined) => printing('', { interactiveMode }, undefined, () => false).get(0);
    await expect(refusal('Always')).rejects.toThrow('exec plugin cannot support interactive mode: standard input is not a terminal');
    await expect(refusal(undefined)).rejects.toThrow('exec plugin cannot support interactive mode: unknown interactiveMode: ""');
    expect(runs()).toHaveLength(1);
  });

  it.each<[string, unknown, string]>([
    ['nothing', '', "decoding stdout: Object 'Kind' is missing in ''"],
    ['no version', { kind: 'ExecCredential' }, `decoding stdout: Object 'apiVersion' is missing in '{"kind":"ExecCredential"}'`],
    ['something else', { kind: 'Pod', apiVersion: 'v1' }, 'decoding stdout: no kind "Pod" is registered for version "v1"'],
    ['another version', credential({ token: 't' }, 'client.authentication.k8s.io/v1beta1'), `exec plugin is configured to use API version ${apiVersion}, plugin returned version client.authentication.k8s.io/v1beta1`],
    ['no status', credential(undefined), "exec plugin didn't return a status field"],
    ['an empty status', credential({}), "exec plugin didn't return a token or cert/key pair"],
    ['half a pair', credential({ clientKeyData: 'k' }), 'exec plugin returned only certificate or key, not both'],
    ['a pair that is none', credential({ clientCertificateData: 'c', clientKeyData: 'k' }), 'failed parsing client key/certificate: tls: failed to find any PEM data in certificate input'],
  ])('that prints %s is of no use', async (_name, printed, why) => {
    await expect(printing(printed).get(0)).rejects.toThrow(why);
  });

  it('that fails, or is not there, is of no use either', async () => {
    const plugin = (config: ExecConfig) => new ExecPlugin({ apiVersion, interactiveMode: 'Never', ...config }, undefined);
    await expect(plugin({ command: process.execPath, args: ['-e', 'process.exit(3)'] }).get(0)).rejects.toThrow(`exec: executable ${process.execPath} failed with exit code 3`);
    await expect(plugin({ command: path.join(folder, 'none') }).get(0)).rejects.toThrow(`exec: fork/exec ${path.join(folder, 'none')}: no such file or directory`);
    expect(() => plugin({ command: 'c', apiVersion: 'v1' })).toThrow('exec plugin: invalid apiVersion "v1"');
  });

  it('that is nowhere on the path is told where to get, ten times an hour', async () => {
    const plugin = new ExecPlugin({ command: 'skiff-no-such-program', apiVersion, interactiveMode: 'Never', installHint: 'get it there' }, undefined);
    const told = async (now: number) => (await plugin.get(now).catch((error: Error) => error.message)) as string;
    for (let i = 0; i < 10; i++) expect(await told(i)).toMatch(/^exec: executable skiff-no-such-program not found\n\nIt looks like [\s\S]*\n\nget it there$/);
    expect(await told(10)).toBe('exec: executable skiff-no-such-program not found');
    expect(await told(3_600_000)).toContain('get it there');
  });
});
