import { expect, it } from 'vitest';
import { readLogs } from '../../../main/runtime/docker/logs.ts';
import { realClock } from '../../../main/util/clock.ts';
import { ensureTestImage, testDocker, testImage } from '../../support/testImage.ts';

const lines = 2000;
/** Slow enough for the engine to keep up; the log is turned over every 500 lines or so. */
const script = `i=0; while [ $i -lt ${lines} ]; do echo "line $i of a log that is turned over many times while somebody follows it"; i=$((i+1)); [ $((i % 100)) -ne 0 ] || usleep 100000; done`;

it('each line of a log that is turned over comes once to who follows it', async () => {
  const docker = testDocker();
  await ensureTestImage(docker);
  const container = await docker.createContainer({
    Image: testImage,
    Cmd: ['sh', '-c', script],
    Labels: { 'dev.skiff.cluster': 'logs-test' },
    HostConfig: { LogConfig: { Type: 'json-file', Config: { 'max-size': '64k', 'max-file': '5' } } },
  });
  try {
    await container.start();
    const numbers: number[] = [];
    await readLogs(docker, container.id, false, { follow: true }, realClock, ({ text }) => {
      numbers.push(Number(/^line (\d+)/.exec(text.toString())![1]));
    });
    expect(numbers).toEqual(Array.from({ length: lines }, (_, i) => i));
  } finally {
    await container.remove({ force: true });
  }
});
