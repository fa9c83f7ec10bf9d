import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';

const program = `
const { endWithShell } = await import(process.argv[1]);
endWithShell();
process.on('SIGTERM', () => (console.log('told to end'), process.exit(0)));
setInterval(() => {}, 1000);
console.log('at work');
`;

/** A program below a shell that does not become it, as npm runs a script. */
function belowShell(env: NodeJS.ProcessEnv): { shell: ChildProcess; said: AsyncIterator<string> } {
  const shell = spawn('sh', ['-c', '"$0" --input-type=module -e "$1" "$2"; exit 1', process.execPath, program, path.resolve('tools/parent.mjs')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  return { shell, said: createInterface({ input: shell.stdout! })[Symbol.asyncIterator]() };
}

test.skipIf(process.platform === 'win32')('a signal to npm, which its shell keeps to itself, reaches the program', async () => {
  const { shell, said } = belowShell({ npm_lifecycle_event: 'start' });
  expect((await said.next()).value).toBe('at work');
  shell.kill('SIGTERM');
  expect((await said.next()).value).toBe('told to end');
});
