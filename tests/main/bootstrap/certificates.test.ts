import { X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect, createServer } from 'node:tls';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ensureCertificates } from '../../../main/bootstrap/index.ts';
import { FakeClock } from '../../support/fakeClock.ts';

const day = 24 * 3600 * 1000;
let directory: string;
let clock: FakeClock;
beforeEach(async () => {
  directory = path.join(await mkdtemp(path.join(tmpdir(), 'skiff-certificates-')), 'pki');
  clock = new FakeClock(Date.now());
});
afterEach(() => rm(path.dirname(directory), { recursive: true }));

it('makes everything once and reads it afterwards', async () => {
  const made = await ensureCertificates(directory, { clock });
  expect(await ensureCertificates(directory, { clock })).toEqual(made);
});

it('keeps its files to their owner', async () => {
  await ensureCertificates(directory, { clock });
  expect((await stat(directory)).mode & 0o777).toBe(0o700);
  for (const file of await readdir(directory)) expect([file, (await stat(path.join(directory, file))).mode & 0o777]).toEqual([file, 0o600]);
});

it('names the server and the administrator as clients and RBAC expect them', async () => {
  const { ca, serving, admin } = await ensureCertificates(directory, { clock, hosts: ['192.168.1.5', 'box.local'] });
  const server = new X509Certificate(serving.certificate);
  for (const host of ['localhost', 'kubernetes.default.svc.cluster.local', 'box.local']) expect(server.checkHost(host)).toBe(host);
  for (const ip of ['127.0.0.1', '10.96.0.1', '192.168.1.5']) expect(server.checkIP(ip)).toBe(ip);
  expect(server.subjectAltName).toContain('IP Address:0:0:0:0:0:0:0:1');
  expect(new X509Certificate(admin.certificate).subject).toBe('O=system:masters\nCN=kubernetes-admin');
  expect(new X509Certificate(ca).ca).toBe(true);
});

it('makes what two ends of a TLS connection take for each other', async () => {
  const { ca, serving, admin } = await ensureCertificates(directory, { clock });
  const server = createServer({ cert: serving.certificate, key: serving.key, ca, requestCert: true, rejectUnauthorized: true }, (socket) => {
    socket.end(String(socket.getPeerCertificate().subject.CN));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ca, cert: admin.certificate, key: admin.key, servername: 'localhost' });
    let text = '';
    socket.on('data', (chunk) => (text += String(chunk))).on('end', () => resolve(text)).on('error', reject);
  });
  server.close();
  expect(answer).toBe('kubernetes-admin');
});

it('makes a certificate again before it ends, by the same authority', async () => {
  const first = await ensureCertificates(directory, { clock });
  await clock.advance(300 * day);
  expect(await ensureCertificates(directory, { clock })).toEqual(first);
  await clock.advance(40 * day);
  const second = await ensureCertificates(directory, { clock });
  expect(second.serving.certificate).not.toBe(first.serving.certificate);
  expect([second.ca, second.serviceAccountKey]).toEqual([first.ca, first.serviceAccountKey]);
});

it('makes the server a new one when it gets another name', async () => {
  const first = await ensureCertificates(directory, { clock });
  const second = await ensureCertificates(directory, { clock, hosts: ['box.local'] });
  expect(second.serving.certificate).not.toBe(first.serving.certificate);
  expect(second.admin).toEqual(first.admin);
});
