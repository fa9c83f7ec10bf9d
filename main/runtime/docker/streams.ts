import type Docker from 'dockerode';
import type { Duplex, Writable } from 'node:stream';
import type { Clock } from '../../util/clock.ts';
import { RuntimeError, type ExecIO } from '../index.ts';
import type { CommandState, CommandTimer } from './commandTimer.ts';
import { engineCall, runtimeError } from './errors.ts';
import { ended, FrameReader } from './frames.ts';

const notExecuted = Buffer.from('OCI runtime exec failed');

/** How much output of a command is kept when nobody streams it. */
const keptOutput = 10 * 1024;

/** Joins the caller's streams to the engine's; resolves when the engine has sent everything. */
export async function joinStreams(stream: Duplex, io: ExecIO): Promise<void> {
  const full = new Set<Writable>();
  const write = (to: Writable | undefined, content: Buffer) => {
    // A reader that is slower than the container slows the container down, as a pipe does.
    if (!to || to.destroyed || to.write(content) || full.has(to)) return;
    full.add(to);
    stream.pause();
    const go = () => {
      to.off('drain', go);
      to.off('close', go);
      full.delete(to);
      if (full.size === 0) stream.resume();
    };
    to.on('drain', go);
    to.on('close', go);
  };
  if (io.tty) stream.on('data', (chunk: Buffer) => write(io.stdout, chunk));
  else {
    const reader = new FrameReader((kind, content) => write(kind === 'stderr' ? io.stderr : io.stdout, content));
    stream.on('data', (chunk: Buffer) => reader.push(chunk));
  }
  const over = ended(stream);
  const onAbort = () => stream.destroy();
  if (io.signal?.aborted) onAbort();
  io.signal?.addEventListener('abort', onAbort, { once: true });
  // Ending the caller's input closes the container's standard input while its output still flows.
  io.stdin?.pipe(stream);
  try {
    await over;
  } catch (error) {
    if (!io.signal?.aborted) throw runtimeError(error);
  } finally {
    io.signal?.removeEventListener('abort', onAbort);
    io.stdin?.unpipe(stream);
  }
}

/** Opens a command in a container; the stream carries frames unless `tty`. */
export async function startExec(
  docker: Docker,
  container: string,
  command: string[],
  options: { stdin: boolean; stdout: boolean; stderr: boolean; tty: boolean },
): Promise<{ exec: Docker.Exec; stream: Duplex }> {
  const exec = await engineCall(() =>
    docker.getContainer(container).exec({
      Cmd: command,
      AttachStdin: options.stdin,
      AttachStdout: options.stdout,
      AttachStderr: options.stderr && !options.tty,
      Tty: options.tty,
    }),
  );
  const stream = (await engineCall(() => exec.start({ hijack: true, stdin: true, Tty: options.tty }))) as unknown as Duplex;
  return { exec, stream };
}

export async function exec(docker: Docker, container: string, command: string[], io: ExecIO): Promise<{ exitCode: number }> {
  const { exec, stream } = await startExec(docker, container, command, {
    stdin: io.stdin !== undefined,
    stdout: io.stdout !== undefined,
    stderr: io.stderr !== undefined,
    tty: io.tty,
  });
  io.onResize?.(({ width, height }) => {
    // A command that has just ended has no terminal any more, which is no failure.
    exec.resize({ w: width, h: height }).catch(() => {});
  });
  await joinStreams(stream, io);
  return { exitCode: await exitCodeOf(exec) };
}

async function exitCodeOf(exec: Docker.Exec): Promise<number> {
  const info = await engineCall(() => exec.inspect());
  // Still running when the caller left: as a shell says of a command that was ended by SIGKILL.
  return info.ExitCode ?? 137;
}

export async function execSync(
  docker: Docker,
  container: string,
  command: string[],
  timer: CommandTimer,
): Promise<{ exitCode: number; output: Buffer }> {
  const late = timer.over.then(() => {
    throw new RuntimeError('other', `timeout: command ${JSON.stringify(command.join(' '))} timed out`);
  });
  late.catch(() => {});
  // An engine that does not answer is late as well.
  const starting = startExec(docker, container, command, { stdin: false, stdout: true, stderr: true, tty: false });
  const { exec, stream } = await Promise.race([starting, late]).catch((error: unknown) => {
    starting.then((begun) => begun.stream.destroy(), () => {});
    throw error;
  });
  timer.begin(() => stateOf(exec));
  const chunks: Buffer[] = [];
  let size = 0;
  const reader = new FrameReader((_, content) => {
    if (size < keptOutput) chunks.push(content.subarray(0, keptOutput - size));
    size += content.length;
  });
  stream.on('data', (chunk: Buffer) => reader.push(chunk));
  const over = ended(stream).catch((error: unknown) => Promise.reject(runtimeError(error)));
  over.catch(() => {});
  try {
    await Promise.race([over, late]);
  } finally {
    stream.destroy();
  }
  const exitCode = await Promise.race([exitCodeOf(exec), late]);
  const output = Buffer.concat(chunks);
  // The engine tells in the command's place why there was none.
  if (exitCode >= 126 && output.subarray(0, notExecuted.length).equals(notExecuted)) throw new RuntimeError('other', `failed to exec in container: ${output.toString().trim()}`);
  return { exitCode, output };
}

async function stateOf(exec: Docker.Exec): Promise<CommandState> {
  const { Running, Pid, ExitCode } = await exec.inspect();
  if (Running) return Pid > 0 ? 'running' : 'waiting';
  return ExitCode === null ? 'waiting' : 'ended';
}

/** How long after a container's end its last output may still be on its way. Milliseconds. */
const lastWords = 1000;

export async function attach(docker: Docker, container: string, io: ExecIO, clock: Clock): Promise<void> {
  const target = docker.getContainer(container);
  const stream = (await engineCall(() =>
    target.attach({
      stream: true,
      hijack: true,
      stdin: io.stdin !== undefined,
      stdout: io.stdout !== undefined,
      stderr: io.stderr !== undefined || io.tty,
    }),
  )) as unknown as Duplex;
  io.onResize?.(({ width, height }) => {
    target.resize({ w: width, h: height }).catch(() => {});
  });
  // Of a container that ended just before, the engine would hold the stream open until it ran again.
  const over = new AbortController();
  const left = new AbortController();
  target.wait({ abortSignal: left.signal }).then(() => clock.setTimer(lastWords, () => over.abort()), () => over.abort());
  try {
    await joinStreams(stream, { ...io, signal: io.signal ? AbortSignal.any([io.signal, over.signal]) : over.signal });
  } finally {
    // Nobody waits for the end of the container any more.
    left.abort();
  }
}
