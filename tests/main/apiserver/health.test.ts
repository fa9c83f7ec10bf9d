import { expect, it } from 'vitest';
import { storeCheck } from '../../../main/apiserver/site/health.ts';
import { NoSpaceError, type Store } from '../../../main/store/index.ts';

it('a store that finds no room is not healthy until it does', async () => {
  let problem: Error | undefined = new NoSpaceError(new Error('ENOSPC: no space left on device'));
  const store: Pick<Store, 'problem' | 'fresh'> = {
    get problem() {
      return problem;
    },
    fresh: async () => undefined,
  };
  const { check } = storeCheck(store);
  await expect(check()).rejects.toThrow('the store cannot write for lack of space: ENOSPC: no space left on device');
  problem = undefined;
  await expect(check()).resolves.toBeUndefined();
});
