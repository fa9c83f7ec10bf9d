import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { attach } from '../../../main/runtime/docker/streams.ts';
import { realClock } from '../../../main/util/clock.ts';
import { ensureTestImage, testDocker, testImage } from '../../support/testImage.ts';

it('joining a container that has ended already ends, too', async () => {
  const docker = testDocker();
  await ensureTestImage(docker);
  const container = await docker.createContainer({ Image: testImage, Cmd: ['true'], Labels: { 'dev.skiff.cluster': 'attach-test' } });
  try {
    await container.start();
    await container.wait();
    await expect(attach(docker, container.id, { stdout: new PassThrough(), tty: false }, realClock)).resolves.toBeUndefined();
  } finally {
    await container.remove({ force: true });
  }
});
