import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const kinds = { ec: ['ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'], rsa: ['rsa:2048'] };

/** A certificate for a name, signed by itself, and its key. */
export function keyPair(name: string, kind: keyof typeof kinds = 'ec'): { certificate: string; key: string } {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'skiff-pair-'));
  const [key, crt] = ['key', 'crt'].map((end) => path.join(directory, end)) as [string, string];
  execFileSync('openssl', ['req', '-x509', '-newkey', ...kinds[kind], '-nodes', '-keyout', key, '-out', crt, '-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`], { stdio: 'ignore' });
  const found = { certificate: readFileSync(crt, 'utf8'), key: readFileSync(key, 'utf8') };
  rmSync(directory, { recursive: true });
  return found;
}
