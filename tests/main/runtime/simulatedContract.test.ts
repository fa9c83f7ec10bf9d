import { createSimulatedRuntime, exitAnnotation } from '../../../main/runtime/simulated/index.ts';
import { realClock } from '../../../main/util/clock.ts';
import { systemRandom } from '../../../main/util/random.ts';
import { runtimeContract } from '../../contracts/runtime.ts';

runtimeContract('the simulated runtime', async () => {
  const image = 'docker.io/library/busybox:1';
  const runtime = createSimulatedRuntime({
    clock: realClock,
    random: systemRandom,
    startDelayMs: 0,
    missingImages: { 'example.invalid/missing:1': 'no such host' },
  });
  await runtime.pullImage(image, undefined);
  let last = 1;
  return {
    runtime,
    node: 'node-1',
    image,
    gateway: '10.244.0.2',
    nextIP: () => `10.244.1.${++last}`,
    endsWith: (exitCode) => ({ annotations: { [exitAnnotation]: String(exitCode) } }),
    runs: {},
    dispose: async () => {},
  };
});
