import { spawnSync } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import Docker from 'dockerode';
import tar from 'tar-stream';

/** An image of busybox alone, made from this machine's static one: nothing is pulled. */
export const testImage = 'skiff-test-busybox:1';

/** Makes the test image where it is missing. */
export async function ensureTestImage(docker: Docker): Promise<string> {
  try {
    await docker.getImage(testImage).inspect();
    return testImage;
  } catch {
    // Not there yet.
  }
  const busybox = realpathSync(spawnSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).stdout.trim());
  const applets = spawnSync(busybox, ['--list'], { encoding: 'utf8' }).stdout.split('\n').filter(Boolean);
  const pack = tar.pack();
  for (const folder of ['bin', 'etc', 'tmp', 'var', 'www', 'proc', 'sys', 'dev']) pack.entry({ name: `${folder}/`, type: 'directory', mode: folder === 'tmp' ? 0o1777 : 0o755 });
  pack.entry({ name: 'bin/busybox', mode: 0o755 }, readFileSync(busybox));
  for (const applet of applets) if (applet !== 'busybox') pack.entry({ name: `bin/${applet}`, type: 'symlink', linkname: 'busybox' });
  pack.entry({ name: 'etc/passwd' }, 'root:x:0:0:root:/:/bin/sh\nuser:x:1000:1000:user:/:/bin/sh\n');
  pack.entry({ name: 'etc/group' }, 'root:x:0:\nuser:x:1000:\n');
  pack.finalize();
  const [repo, tag] = testImage.split(':');
  const stream = await docker.importImage(pack as unknown as NodeJS.ReadableStream, { repo, tag, changes: ['ENV PATH=/bin', 'CMD ["sh"]'] });
  await new Promise<void>((resolve, reject) => docker.modem.followProgress(stream, (error: Error | null) => (error ? reject(error) : resolve())));
  return testImage;
}

/** The engine that the tests were given. */
export const testDocker = (): Docker => new Docker();
