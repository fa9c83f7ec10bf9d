import fs from 'node:fs';
import tls from 'node:tls';
import { isQualifiedName } from '../../api/names.ts';
import { isExtended } from '../../api/resourceNames.ts';
import { listOf, milliseconds, numberOf, objectOf, refuseUnknown, textOf } from '../fields.ts';

// What a KubeSchedulerConfiguration says of extenders. Mirrors pkg/scheduler/apis/config (v1, validation: validateExtenders).

/** A program that has a say in where pods go, asked over HTTP. */
export interface ExtenderConfiguration {
  /** Where it is, which is also its name. */
  urlPrefix: string;
  /** What it is asked for, as the last part of the URL; '': it has no say in that. */
  filterVerb: string;
  preemptVerb: string;
  prioritizeVerb: string;
  bindVerb: string;
  /** How much its scores count. */
  weight: number;
  /** Milliseconds that one answer may take. */
  httpTimeout: number;
  /** It knows the nodes: it is told their names alone, and victims by their uid. */
  nodeCacheCapable: boolean;
  /** Only pods that ask for one of these are its business; none: all pods are. */
  managedResources: { name: string; ignoredByScheduler: boolean }[];
  /** Pods are scheduled without it when it does not answer. */
  ignorable: boolean;
  /** Of its connections, where its URL is one of https. */
  tls: ExtenderTls;
}

/** In Node's words. */
export type ExtenderTls = Pick<tls.ConnectionOptions, 'ca' | 'cert' | 'key' | 'servername' | 'rejectUnauthorized'>;

/** Upstream: DefaultExtenderTimeout. */
const defaultTimeout = 5000;

const texts = ['urlPrefix', 'filterVerb', 'preemptVerb', 'prioritizeVerb', 'bindVerb'] as const;
const flags = ['enableHTTPS', 'nodeCacheCapable', 'ignorable'] as const;

/** Reads the field `extenders`, and the files that it names. Throws an Error that names the field that is wrong. */
export function readExtenders(given: unknown): ExtenderConfiguration[] {
  const list = listOf(given, 'extenders');
  const extenders = list.map((each, i) => readExtender(each, `extenders[${i}]`));
  const managed = new Set<string>();
  for (const [i, { managedResources }] of extenders.entries()) {
    for (const [j, { name }] of managedResources.entries()) {
      if (managed.has(name)) throw new Error(`extenders[${i}].managedResources[${j}].name: Invalid value: "${name}": duplicate extender managed resource name`);
      managed.add(name);
    }
  }
  const binders = extenders.filter(({ bindVerb }) => bindVerb).length;
  if (binders > 1) throw new Error(`extenders: Invalid value: "found ${binders} extenders implementing bind": only one extender can implement bind`);
  return extenders;
}

function readExtender(given: unknown, path: string): ExtenderConfiguration {
  const fields = objectOf(given, path);
  refuseUnknown(fields, [...texts, ...flags, 'weight', 'tlsConfig', 'httpTimeout', 'managedResources'], `${path}.`);
  const text = Object.fromEntries(texts.map((name) => [name, textOf(fields[name], `${path}.${name}`)])) as Record<(typeof texts)[number], string>;
  const flag = Object.fromEntries(flags.map((name) => [name, flagOf(fields[name], `${path}.${name}`)])) as Record<(typeof flags)[number], boolean>;
  checkUrl(text.urlPrefix, `${path}.urlPrefix`);
  const weight = numberOf(fields.weight ?? 0, `${path}.weight`, Number.MIN_SAFE_INTEGER);
  if (text.prioritizeVerb && weight <= 0) throw new Error(`${path}.weight: Invalid value: ${weight}: must have a positive weight applied to it`);
  const httpTimeout = fields.httpTimeout === undefined ? 0 : milliseconds(fields.httpTimeout, `${path}.httpTimeout`);
  if (httpTimeout < 0) throw new Error(`${path}.httpTimeout: Invalid value: must be zero or positive`);
  const { enableHTTPS, ...flagged } = flag;
  return {
    ...text,
    ...flagged,
    weight,
    httpTimeout: httpTimeout || defaultTimeout,
    managedResources: listOf(fields.managedResources, `${path}.managedResources`).map((each, i) => readManaged(each, `${path}.managedResources[${i}]`)),
    tls: readTls(fields.tlsConfig ?? {}, enableHTTPS, `${path}.tlsConfig`),
  };
}

function checkUrl(text: string, path: string): void {
  const scheme = URL.parse(text)?.protocol;
  if (scheme !== 'http:' && scheme !== 'https:') throw new Error(`${path}: Invalid value: ${JSON.stringify(text)}: must be a URL of http or https`);
}

function readManaged(given: unknown, path: string): { name: string; ignoredByScheduler: boolean } {
  const fields = objectOf(given, path);
  refuseUnknown(fields, ['name', 'ignoredByScheduler'], `${path}.`);
  const name = textOf(fields.name, `${path}.name`);
  for (const why of isQualifiedName(name)) throw new Error(`${path}.name: Invalid value: ${JSON.stringify(name)}: ${why}`);
  if (!isExtended(name)) throw new Error(`${path}.name: Invalid value: ${JSON.stringify(name)}: is an invalid extended resource name`);
  return { name, ignoredByScheduler: flagOf(fields.ignoredByScheduler, `${path}.ignoredByScheduler`) };
}

/** Mirrors makeTransport of pkg/scheduler/extender.go, and k8s.io/client-go/transport (TLSConfigFor). */
function readTls(given: unknown, enableHTTPS: boolean, path: string): ExtenderTls {
  const fields = objectOf(given, path);
  refuseUnknown(fields, ['insecure', 'serverName', 'certFile', 'keyFile', 'caFile', 'certData', 'keyData', 'caData'], `${path}.`);
  const [ca, cert, key] = ['ca', 'cert', 'key'].map((name) => pemOf(fields, name, path));
  const insecure = flagOf(fields.insecure, `${path}.insecure`);
  if (ca && insecure) throw new Error(`${path}: specifying a root certificates file with the insecure flag is not allowed`);
  const servername = textOf(fields.serverName, `${path}.serverName`);
  const options: ExtenderTls = {
    ...(ca ? { ca } : {}),
    ...(cert && key ? { cert, key } : {}),
    ...(servername ? { servername } : {}),
    // Who asks for https without saying whom to trust trusts everybody.
    rejectUnauthorized: !(insecure || (enableHTTPS && !ca)),
  };
  try {
    tls.createSecureContext(options);
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`, { cause: error });
  }
  return options;
}

/** What is written out comes before what a file says. */
function pemOf(fields: Record<string, unknown>, name: string, path: string): Buffer | undefined {
  const data = textOf(fields[`${name}Data`], `${path}.${name}Data`);
  if (data) {
    const bytes = Buffer.from(data, 'base64');
    if (bytes.toString('base64').replace(/=+$/, '') !== data.replace(/[\s=]+/g, '')) throw new Error(`${path}.${name}Data: must be base64`);
    return bytes;
  }
  const file = textOf(fields[`${name}File`], `${path}.${name}File`);
  if (!file) return undefined;
  try {
    return fs.readFileSync(file);
  } catch (error) {
    throw new Error(`${path}.${name}File: ${(error as Error).message}`, { cause: error });
  }
}

function flagOf(value: unknown, path: string): boolean {
  if (value === undefined || value === null) return false;
  if (typeof value !== 'boolean') throw new Error(`${path}: must be true or false`);
  return value;
}
