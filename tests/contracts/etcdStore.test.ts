import { afterAll, beforeAll, describe } from 'vitest';
import { openEtcdStore } from '../../main/store/index.ts';
import { noLog } from '../../main/util/log.ts';
import { etcdProgram, TestEtcd } from '../support/etcd.ts';
import { FakeClock } from '../support/fakeClock.ts';
import { storeContract } from './store.ts';

/** Stores of one etcd, each behind a prefix of its own; once with the history in memory, once with all of it read back from etcd. */
describe.skipIf(!etcdProgram)('in etcd', () => {
  let etcd: TestEtcd;
  let stores = 0;

  beforeAll(async () => {
    etcd = await TestEtcd.start(['--unsafe-no-fsync']);
  }, 60_000);

  afterAll(() => etcd.dispose());

  for (const [name, memoryBytes] of [['with the newest history in memory', undefined], ['with all history read back', 0]] as const)
    storeContract(name, async (options) => {
      const clock = new FakeClock();
      const prefix = `/contract/${++stores}`;
      const history = { ...(memoryBytes === undefined ? {} : { memoryBytes }), ...options?.history };
      const open = () => openEtcdStore({ servers: [etcd.url], prefix, writer: 'test', clock, log: noLog, history, keepAlive: Infinity });
      const harness = {
        store: await open(),
        clock,
        async reopen() {
          await harness.store.close();
          return (harness.store = await open());
        },
        dispose: async () => undefined,
      };
      return harness;
    });
});
