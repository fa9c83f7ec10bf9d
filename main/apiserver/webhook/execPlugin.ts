import { spawn } from 'node:child_process';
import path from 'node:path';
import { isatty } from 'node:tty';
import { parseYaml } from '../../api/yaml.ts';
import { goQuote } from '../../util/goQuote.ts';
import { keyPairProblem } from '../validation/keyPair.ts';
import type { CredentialSource, IssuedCredentials } from './client.ts';

/** A user's `exec` in a kubeconfig (upstream: k8s.io/client-go/tools/clientcmd/api/v1, ExecConfig). */
export interface ExecConfig {
  command?: string;
  args?: string[] | null;
  env?: { name: string; value: string }[] | null;
  apiVersion?: string;
  /** What to tell whoever has not got the program. */
  installHint?: string;
  provideClusterInfo?: boolean;
  interactiveMode?: string;
}

/** Whom the credentials are for, as a program that wants to know is told (upstream: clientauthentication's Cluster). */
export interface ExecCluster {
  server: string;
  'tls-server-name'?: string;
  /** Base64 of PEM. */
  'certificate-authority-data'?: string;
}

interface ExecCredential {
  kind?: string;
  apiVersion?: string;
  status?: { expirationTimestamp?: string; token?: string; clientCertificateData?: string; clientKeyData?: string } | null;
}

const group = 'client.authentication.k8s.io';
const versions = [`${group}/v1beta1`, `${group}/v1`];
const helpWindow = 3_600_000;
const helpAtMost = 10;
const help = `

It looks like you are trying to use a client-go credential plugin that is not installed.

To learn more about this feature, consult the documentation available at:
      https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins`;

/**
 * Credentials that a program prints, kept for as long as it says that they are good, or until whoever is shown them does not take them.
 * The program has this process's environment and standard error. Mirrors k8s.io/client-go/plugin/pkg/client/auth/exec/exec.go.
 */
export class ExecPlugin implements CredentialSource {
  readonly #command: string;
  #kept: { issued: IssuedCredentials; ends: number } | undefined;
  /** The program runs once at a time. */
  #running: Promise<IssuedCredentials> | undefined;
  #helped = { since: -Infinity, times: 0 };

  /** Throws an Error where the program could not be understood. */
  constructor(
    private readonly config: ExecConfig,
    /** Undefined where the program does not want to know. */
    private readonly cluster: ExecCluster | undefined,
    private readonly isTerminal = () => isatty(0),
  ) {
    if (!versions.includes(config.apiVersion ?? '')) throw new Error(`exec plugin: invalid apiVersion ${goQuote(config.apiVersion ?? '')}`);
    this.#command = path.normalize(config.command || '.');
  }

  async get(now: number): Promise<IssuedCredentials> {
    if (this.#kept && now <= this.#kept.ends) return this.#kept.issued;
    return this.#renew(now);
  }

  async refused(issued: IssuedCredentials, now: number): Promise<void> {
    if (this.#kept?.issued === issued) await this.#renew(now);
  }

  #renew(now: number): Promise<IssuedCredentials> {
    this.#running ??= this.#issue(now).finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #issue(now: number): Promise<IssuedCredentials> {
    const { token = '', clientCertificateData: cert = '', clientKeyData: key = '', expirationTimestamp } = this.#statusOf(await this.#run(this.#interactive(), now));
    if (!token && !cert && !key) throw new Error("exec plugin didn't return a token or cert/key pair");
    if (!cert !== !key) throw new Error('exec plugin returned only certificate or key, not both');
    const problem = cert ? keyPairProblem(cert, key) : undefined;
    if (problem) throw new Error(`failed parsing client key/certificate: ${problem}`);
    const issued = { ...(token ? { token } : {}), ...(cert ? { cert, key } : {}) };
    this.#kept = { issued, ends: expirationTimestamp ? Date.parse(expirationTimestamp) : Infinity };
    return issued;
  }

  #interactive(): boolean {
    const fault = (why: string) => new Error(`exec plugin cannot support interactive mode: ${why}`);
    const { apiVersion, interactiveMode: mode = apiVersion === `${group}/v1beta1` ? 'IfAvailable' : '' } = this.config;
    switch (mode) {
      case 'Never':
        return false;
      case 'IfAvailable':
        return this.isTerminal();
      case 'Always':
        if (!this.isTerminal()) throw fault('standard input is not a terminal');
        return true;
      default:
        throw fault(`unknown interactiveMode: ${goQuote(mode)}`);
    }
  }

  /** What it printed. */
  #run(interactive: boolean, now: number): Promise<string> {
    const { args, env, apiVersion } = this.config;
    const spec = { ...(this.cluster ? { cluster: { ...this.cluster, config: null } } : {}), interactive };
    const info = JSON.stringify({ kind: 'ExecCredential', apiVersion, spec });
    const own = Object.fromEntries((env ?? []).map(({ name, value }) => [name, value]));
    return new Promise((resolve, reject) => {
      const program = spawn(this.#command, args ?? [], {
        env: { ...process.env, ...own, KUBERNETES_EXEC_INFO: info },
        stdio: [interactive ? 'inherit' : 'ignore', 'pipe', 'inherit'],
        windowsHide: true,
      });
      const parts: Buffer[] = [];
      program.stdout!.on('data', (part: Buffer) => parts.push(part));
      program.on('error', (error: NodeJS.ErrnoException) => reject(this.#notRun(error, now)));
      program.on('close', (code) => {
        if (code === 0) resolve(Buffer.concat(parts).toString('utf8'));
        else reject(new Error(`exec: executable ${this.#command} failed with exit code ${code ?? -1}`));
      });
    });
  }

  #notRun(error: NodeJS.ErrnoException, now: number): Error {
    const why = { ENOENT: 'no such file or directory', EACCES: 'permission denied' }[error.code ?? ''] ?? error.message;
    if (path.basename(this.#command) !== this.#command) return new Error(`exec: fork/exec ${this.#command}: ${why}`);
    if (now - this.#helped.since >= helpWindow) this.#helped = { since: now, times: 0 };
    const hint = this.#helped.times++ < helpAtMost ? help + (this.config.installHint ? `\n\n${this.config.installHint}` : '') : '';
    return new Error(`exec: executable ${this.#command} not found${hint}`);
  }

  #statusOf(text: string): NonNullable<ExecCredential['status']> {
    const fault = (why: string) => new Error(`decoding stdout: ${why}`);
    let printed: ExecCredential;
    try {
      printed = (parseYaml(text) ?? {}) as ExecCredential;
    } catch (error) {
      throw fault((error as Error).message);
    }
    const { kind, apiVersion, status } = printed;
    if (!kind) throw fault(`Object 'Kind' is missing in '${text}'`);
    if (!apiVersion) throw fault(`Object 'apiVersion' is missing in '${text}'`);
    if (kind !== 'ExecCredential' || !versions.includes(apiVersion)) throw fault(`no kind ${goQuote(kind)} is registered for version ${goQuote(apiVersion)} in scheme "pkg/client/auth/exec/exec.go:64"`);
    if (apiVersion !== this.config.apiVersion) throw new Error(`exec plugin is configured to use API version ${this.config.apiVersion}, plugin returned version ${apiVersion}`);
    if (!status) throw new Error("exec plugin didn't return a status field");
    return status;
  }
}
