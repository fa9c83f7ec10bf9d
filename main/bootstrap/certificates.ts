import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import path from 'node:path';
import type { Clock } from '../util/clock.ts';
import type { Authority, Subject } from './authority.ts';
import { makePrivateDirectory, readText, writePrivate } from './privateFiles.ts';

/** A certificate and its key, PEM. */
export interface KeyPair {
  certificate: string;
  key: string;
}

/** Everything that a cluster's components identify themselves with. */
export interface ClusterCertificates {
  /** The authority that signs both sides' certificates, PEM. */
  ca: string;
  /** What the API server shows. */
  serving: KeyPair;
  /** What Ingresses and Gateways show for names that nobody has a certificate for. */
  edge: KeyPair;
  /** `kubernetes-admin` of `system:masters`. */
  admin: KeyPair;
  /** Signs service account tokens: ECDSA P-256, PEM. */
  serviceAccountKey: string;
  /** What aggregated API servers know this one by, and the authority that signed it, PEM. */
  frontProxy: KeyPair & { ca: string };
}

export interface CertificateOptions {
  clock: Clock;
  /** Further names and addresses of the API server. */
  hosts?: readonly string[];
  /** Where somebody has asked for it already. */
  authority?: Promise<KeptAuthority>;
}

/** The authority of a cluster, which is kept in a directory. */
export interface KeptAuthority {
  /** PEM. */
  certificate: string;
  /** For signing, which few starts need. */
  open(): Promise<Authority>;
}

const day = 24 * 3600 * 1000;
const authorityDays = 3650;
const leafDays = 365;
/** A certificate that ends sooner than this is made again. */
const renewBefore = 30 * day;
const standardHosts = [
  '127.0.0.1', '::1', 'localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local', '10.96.0.1',
];

/** The authority in `directory`: read when it is there, made when it is not or ends soon. It is on disk when this resolves. */
export async function ensureAuthority(directory: string, clock: Clock): Promise<KeptAuthority> {
  await makePrivateDirectory(directory);
  const [certificateFile, keyFile] = [path.join(directory, 'ca.crt'), path.join(directory, 'ca.key')];
  const [certificate, key] = await Promise.all([readText(certificateFile), readText(keyFile)]);
  if (certificate && key && lasts(certificate, clock.now())) {
    let opening: Promise<Authority> | undefined;
    return { certificate, open: () => (opening ??= loadAuthority().then(({ openAuthority }) => openAuthority(certificate, key))) };
  }
  const made = await (await loadAuthority()).createAuthority(clock.now(), authorityDays * day);
  await Promise.all([writePrivate(certificateFile, made.certificate), writePrivate(keyFile, made.key)]);
  return { certificate: made.certificate, open: () => Promise.resolve(made) };
}

/**
 * The certificates in `directory` (made with mode 0700, files 0600): read when they are there, made when they are not,
 * end soon, do not belong to the authority or lack a name. The library that makes them is loaded only then.
 */
export async function ensureCertificates(directory: string, { clock, hosts = [], authority = ensureAuthority(directory, clock) }: CertificateOptions): Promise<ClusterCertificates> {
  await makePrivateDirectory(directory);
  const file = (name: string) => path.join(directory, name);
  const now = clock.now();
  const names = [...new Set([...standardHosts, ...hosts])];
  const [{ certificate: ca, open }, serving, edge, admin, accountKey] = await Promise.all([
    authority,
    readPair(directory, 'apiserver'),
    readPair(directory, 'edge'),
    readPair(directory, 'admin'),
    readText(file('sa.key')),
  ]);

  const issue = async (name: string, subject: Subject): Promise<KeyPair> => {
    const pair = await (await open()).issue(subject, now, leafDays * day);
    await Promise.all([writePrivate(file(`${name}.crt`), pair.certificate), writePrivate(file(`${name}.key`), pair.key)]);
    return pair;
  };
  const sound = (pair: KeyPair | undefined): pair is KeyPair => !!pair && lasts(pair.certificate, now) && signedBy(pair.certificate, ca);
  const certificates: ClusterCertificates = {
    ca,
    serving:
      sound(serving) && namesAll(serving.certificate, names) ? serving : await issue('apiserver', { commonName: 'kube-apiserver', hosts: names, use: 'server' }),
    edge: sound(edge) ? edge : await issue('edge', { commonName: 'Skiff default certificate', hosts: ['localhost', '127.0.0.1', '::1'], use: 'server' }),
    admin: sound(admin) ? admin : await issue('admin', { commonName: 'kubernetes-admin', organizations: ['system:masters'], use: 'client' }),
    serviceAccountKey: accountKey ?? newKey(),
    frontProxy: await ensureFrontProxy(directory, now),
  };
  if (!accountKey) await writePrivate(file('sa.key'), certificates.serviceAccountKey);
  return certificates;
}

/** Signs certificate requests (DER) with the authority in `directory`, for so many milliseconds; resolves with PEM. */
export function certificateSigner(directory: string, clock: Clock): (request: Buffer, usages: readonly string[], milliseconds: number) => Promise<string> {
  let opening: Promise<Authority> | undefined;
  return async (request, usages, milliseconds) => {
    const { signRequest } = await loadAuthority();
    return signRequest(await (opening ??= openKept(directory)), request, usages, clock.now(), milliseconds);
  };
}

/** Issues certificates of kubelets by the authority in `directory`, for a year. */
export function kubeletIssuer(directory: string, clock: Clock): (commonName: string, hosts: readonly string[]) => Promise<KeyPair> {
  return async (commonName, hosts) => (await openKept(directory)).issue({ commonName, organizations: ['system:nodes'], hosts, use: 'server' }, clock.now(), leafDays * day);
}

async function openKept(directory: string): Promise<Authority> {
  const [ca, key] = await Promise.all([readText(path.join(directory, 'ca.crt')), readText(path.join(directory, 'ca.key'))]);
  if (!ca || !key) throw new Error(`there is no authority in ${directory}`);
  return (await loadAuthority()).openAuthority(ca, key);
}

/** The library that makes certificates takes longer to load than they take to read; it looks for the metadata when it is loaded. */
async function loadAuthority() {
  await import('reflect-metadata');
  return import('./authority.ts');
}

/** An authority of its own, so that nobody whom the cluster's authority has certified can speak for others. */
async function ensureFrontProxy(directory: string, now: number): Promise<KeyPair & { ca: string }> {
  const [ca, pair] = await Promise.all([readText(path.join(directory, 'front-proxy-ca.crt')), readPair(directory, 'front-proxy-client')]);
  if (ca && pair && lasts(ca, now) && lasts(pair.certificate, now) && signedBy(pair.certificate, ca)) return { ...pair, ca };
  const authority = await (await loadAuthority()).createAuthority(now, authorityDays * day, 'front-proxy-ca');
  const made = await authority.issue({ commonName: 'front-proxy-client', use: 'client' }, now, leafDays * day);
  const write = (name: string, text: string) => writePrivate(path.join(directory, name), text);
  // Its key is not kept: a new client gets a new authority.
  await Promise.all([write('front-proxy-ca.crt', authority.certificate), write('front-proxy-client.crt', made.certificate), write('front-proxy-client.key', made.key)]);
  return { ...made, ca: authority.certificate };
}

async function readPair(directory: string, name: string): Promise<KeyPair | undefined> {
  const [certificate, key] = await Promise.all([readText(path.join(directory, `${name}.crt`)), readText(path.join(directory, `${name}.key`))]);
  return certificate && key ? { certificate, key } : undefined;
}

function lasts(pem: string, now: number): boolean {
  try {
    return Date.parse(new X509Certificate(pem).validTo) - now > renewBefore;
  } catch {
    return false;
  }
}

function signedBy(pem: string, ca: string): boolean {
  return new X509Certificate(pem).verify(new X509Certificate(ca).publicKey);
}

function namesAll(pem: string, hosts: readonly string[]): boolean {
  const certificate = new X509Certificate(pem);
  return hosts.every((host) => (isIP(host) ? certificate.checkIP(host) : certificate.checkHost(host)) !== undefined);
}

const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
