import { describe, expect, it } from 'vitest';
import { engineUser, parseAccounts, resolveUser } from '../../../main/runtime/docker/accounts.ts';

const image = parseAccounts('root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1000::/:/bin/sh\nbroken:x:one:1\n# nobody\n', 'root:x:0:\nweb:x:1000:\nextra:x:50000:web,other\nwheel:x:10:root,web\n');
const empty = parseAccounts('', '');

describe('who a container runs as', () => {
  it.each([
    ['', [], { uid: 0, gid: 0, supplementalGroups: [0, 10] }],
    ['web', [], { uid: 1000, gid: 1000, supplementalGroups: [1000, 50000, 10] }],
    ['1000', ['60000'], { uid: 1000, gid: 1000, supplementalGroups: [1000, 50000, 10, 60000] }],
    // With a group named the image's own do not count.
    ['1000:1000', ['60000', 'wheel'], { uid: 1000, gid: 1000, supplementalGroups: [1000, 60000, 10] }],
    ['web:extra', [], { uid: 1000, gid: 50000, supplementalGroups: [50000] }],
    ['4711', [], { uid: 4711, gid: 0, supplementalGroups: [0] }],
    ['nobody-knows', [], undefined],
  ])('%j with %j', (spec, added, user) => expect(resolveUser(spec, added, image)).toEqual(user));

  it('is root where the image knows nobody', () => expect(resolveUser('', [], empty)).toEqual({ uid: 0, gid: 0, supplementalGroups: [0] }));
});

describe('what the engine is told of a container’s user', () => {
  it('is what was said, as long as no group is named', () => expect(engineUser({ runAsUser: 1000, supplementalGroups: [60000] }, '', image)).toBeUndefined());

  it('has the groups of the image beside a group that is named', () =>
    expect(engineUser({ runAsUser: 1000, runAsGroup: 3000, supplementalGroups: [60000] }, '', image)).toEqual({ user: '1000:3000', groups: ['50000', '10', '60000'] }));

  it('has only those that were asked for when it is strict', () => {
    expect(engineUser({ runAsUser: 1000, supplementalGroups: [60000], strictGroups: true }, '', image)).toEqual({ user: '1000:1000', groups: ['60000'] });
    expect(engineUser({ runAsUser: 1000, runAsGroup: 3000, strictGroups: true }, '', image)).toEqual({ user: '1000:3000', groups: [] });
    expect(engineUser({ strictGroups: true }, 'web:extra', image)).toEqual({ user: '1000:50000', groups: [] });
    expect(engineUser({ strictGroups: true }, '', empty)).toEqual({ user: '0:0', groups: [] });
  });
});
