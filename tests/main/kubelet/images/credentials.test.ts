import { expect, it } from 'vitest';
import type { Pod, Secret } from '../../../../main/api/index.ts';
import { credentialsFor } from '../../../../main/kubelet/images/credentials.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const json = 'kubernetes.io/dockerconfigjson';

const secretOf = (name: string, auths: object, type = json): Secret => ({
  metadata: { name, namespace: 'default', uid: name },
  type,
  data: type === json ? { '.dockerconfigjson': base64(JSON.stringify({ auths })) } : { '.dockercfg': base64(JSON.stringify(auths)) },
});

/** The users with whose credentials an image is asked for. */
async function users(image: string, ...secrets: Secret[]): Promise<(string | undefined)[]> {
  const pod: Pod = { metadata: { name: 'web', namespace: 'default' }, spec: { containers: [], imagePullSecrets: secrets.map(({ metadata }) => ({ name: metadata!.name! })) } };
  const secret = async (_: string, name: string) => secrets.find(({ metadata }) => metadata!.name === name)!;
  const found = await credentialsFor(pod, image, { secret, configMap: () => Promise.reject(new Error('none')) } as Parameters<typeof credentialsFor>[2]);
  return found.map(({ auth }) => auth.username);
}

const of = (...keys: string[]) => secretOf('s', Object.fromEntries(keys.map((key) => [key, { username: key, password: 'p' }])));

/** As pkg/credentialprovider/keyring_test.go has the cases. */
it.each([
  ['*.kubernetes.io', 'prefix.kubernetes.io'],
  ['prefix.*.io', 'prefix.kubernetes.io'],
  ['prefix.kubernetes.*', 'prefix.kubernetes.io'],
  ['*-good.kubernetes.io', 'prefix-good.kubernetes.io'],
  ['*.kubernetes.io/blah', 'prefix.kubernetes.io/blah'],
  ['prefix.*.io/foo', 'prefix.kubernetes.io/foo/bar'],
  ['*.kubernetes.io:1111/blah', 'prefix.kubernetes.io:1111/blah'],
  ['*.*.*.kubernetes.io', 'a.b.c.kubernetes.io'],
  ['https://hello.kubernetes.io', 'hello.kubernetes.io'],
  ['https://*.docker.io/v1/', 'prefix.docker.io/path'],
  ['https://*.docker.io/v2/', 'prefix.docker.io/path'],
  ['http://prefix.docker.*:8888/', 'prefix.docker.io:8888'],
])('credentials for %s are for images of %s', async (key, place) => {
  expect(await users(`${place}/foo/bar:1`, of(key))).toEqual([key]);
});

it.each([
  ['*.kubernetes.io', 'kubernetes.io'],
  ['*.*.kubernetes.io', 'prefix.kubernetes.io'],
  ['*kubernetes.io', 'a.kubernetes.io'],
  ['kubernetes.io', 'kubernetes.com'],
  ['k*.io', 'quay.io'],
  ['*.kubernetes.io:1234/blah', 'prefix.kubernetes.io:1111/blah'],
  ['prefix.*.io/foo', 'prefix.kubernetes.io:1111/foo/bar'],
  ['https://prefix.docker.c*', 'prefix.docker.io'],
  ['https://index.docker.io/v1/', 'world.mesos.org'],
])('credentials for %s are not for images of %s', async (key, place) => {
  expect(await users(`${place}/foo/bar:1`, of(key))).toEqual([]);
});

it.each(['jenkins', 'google/docker-registry:2', 'docker.io/library/jenkins', 'index.docker.io/google/docker-registry'])('what kubectl writes for Docker Hub is for %s', async (image) => {
  const hub = 'https://index.docker.io/v1/';
  expect(await users(image, of(hub))).toEqual([hub]);
  expect(await users(image, of(hub, 'docker.io'))).toEqual(['docker.io']);
});

it('the most specific are tried first, and of equals those of the first secret', async () => {
  const keyed = (name: string, ...keys: string[]) => secretOf(name, Object.fromEntries(keys.map((key) => [key, { auth: base64(`${name} ${key}:p:q`) }])));
  const [one, two] = [keyed('one', 'bar.example.com'), keyed('two', 'bar.example.com', 'bar.example.com/pong', 'bar.example.com/ping')];
  expect(await users('bar.example.com/pong/pang', one, two)).toEqual(['two bar.example.com/pong', 'one bar.example.com', 'two bar.example.com']);
});

it('only secrets of the two types for it hold credentials', async () => {
  const auths = { 'r.io': { username: 'u' } };
  expect(await users('r.io/app', secretOf('old', auths, 'kubernetes.io/dockercfg'))).toEqual(['u']);
  expect(await users('r.io/app', { ...secretOf('other', auths), type: 'Opaque' })).toEqual([]);
});
