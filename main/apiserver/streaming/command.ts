import type { Readable, Writable } from 'node:stream';
import type { Status } from '../../api/index.ts';
import type { ContainerTarget, ExecResult, KubeletApi, TerminalSize } from '../../api/kubelet.ts';
import { badRequest, StatusError } from '../../api/status.ts';
import type { Clock } from '../../util/clock.ts';
import type { Upgrade } from '../call.ts';
import type { Query } from '../query.ts';
import { spdyChannels } from './spdyChannels.ts';
import { isWebSocket } from './spdyUpgrade.ts';
import { webSocketChannels } from './webSocketChannels.ts';

/** What exec and attach are asked for (upstream: PodExecOptions, PodAttachOptions). */
export interface CommandOptions {
  /** undefined: attach. */
  command: string[] | undefined;
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  tty: boolean;
}

/** The client's ends, whatever protocol carries them. */
export interface CommandChannels {
  stdin?: Readable;
  stdout?: Writable;
  stderr?: Writable;
  onResize?(listener: (size: TerminalSize) => void): void;
  /** Tells how it ended, after the last output; then everything is closed. */
  finish(status: Status): void;
  signal: AbortSignal;
}

/** Throws 400. Mirrors pkg/apis/core/validation of PodExecOptions. */
export function commandOptions(query: Query, attach: boolean): CommandOptions {
  const tty = query.flag('tty') ?? false;
  const stdout = query.flag('stdout') ?? false;
  const stderr = (query.flag('stderr') ?? false) && !tty;
  const stdin = query.flag('stdin') ?? false;
  return checkedCommand({ command: attach ? undefined : query.all('command'), stdin, stdout, stderr, tty });
}

/** Throws 400. */
export function checkedCommand(options: CommandOptions): CommandOptions {
  const { command, stdin, stdout, stderr } = options;
  if (command?.length === 0) throw badRequest('you must specify at least one command for the container');
  if (!stdin && !stdout && !stderr) throw badRequest('you must specify at least 1 of stdin, stdout, stderr');
  return options;
}

/** Takes the client's connection over, in whichever protocol it speaks, and runs the command on it. */
export async function serveUpgrade(upgrade: Upgrade, kubelet: KubeletApi, target: ContainerTarget, options: CommandOptions, clock: Clock): Promise<void> {
  await kubelet.findContainer(target, options.command === undefined);
  const channels = isWebSocket(upgrade) ? await webSocketChannels(upgrade, options) : await spdyChannels(upgrade, options, clock);
  void serveCommand(kubelet, target, options, channels);
}

/** Who attached is told of success whatever the container's exit code is (cri-streaming, remotecommand/attach.go). */
export async function runCommand(
  kubelet: KubeletApi,
  target: ContainerTarget,
  { command, tty }: CommandOptions,
  channels: Omit<CommandChannels, 'finish'>,
): Promise<ExecResult> {
  const io = { ...channels, tty };
  if (command) return kubelet.exec(target, command, io);
  await kubelet.attach(target, io);
  return { exitCode: 0 };
}

/** Runs the command and tells the client how it ended. Mirrors k8s.io/cri-streaming, remotecommand/exec.go (ServeExec). */
async function serveCommand(kubelet: KubeletApi, target: ContainerTarget, options: CommandOptions, channels: CommandChannels): Promise<void> {
  try {
    const { exitCode } = await runCommand(kubelet, target, options, channels);
    channels.finish(exitCode === 0 ? { metadata: {}, status: 'Success' } : exitStatus(exitCode));
  } catch (error) {
    const what = options.command ? 'executing command in' : 'attaching to';
    const message = `error ${what} container: ${wordsOf(error)}`;
    channels.finish({
      metadata: {},
      status: 'Failure',
      message: `Internal error occurred: ${message}`,
      reason: 'InternalError',
      details: { causes: [{ message }] },
      code: error instanceof StatusError ? error.code : 500,
    });
  }
}

/** Without what every internal error begins with: it is said once, at the front. */
function wordsOf(error: unknown): string {
  const cause = error instanceof StatusError && error.reason === 'InternalError' ? error.status.details?.causes?.[0]?.message : undefined;
  return cause ?? (error instanceof Error ? error.message : String(error));
}

function exitStatus(exitCode: number): Status {
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${exitCode}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
  };
}
