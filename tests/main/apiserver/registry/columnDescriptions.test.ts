import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestCluster } from './testCluster.ts';

let cluster: TestCluster;
let ask: Awaited<ReturnType<TestCluster['listen']>>;
let columnsAt: (path: string) => Promise<{ name: string; type: string; description: string }[]>;
beforeAll(async () => {
  cluster = await TestCluster.start();
  ask = await cluster.listen();
  columnsAt = async (path) => {
    const { text } = await ask({ method: 'GET', path, headers: { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' } });
    return (JSON.parse(text) as { columnDefinitions: Awaited<ReturnType<typeof columnsAt>> }).columnDefinitions;
  };
});
afterAll(() => cluster.close());

it('a column that shows a member is described as the member, without its possible values', async () => {
  const described = Object.fromEntries((await columnsAt('/api/v1/pods')).map(({ name, description }) => [name, description]));
  expect(described).toMatchObject({
    Name: expect.stringMatching(/^Name must be unique within a namespace\. Is required/) as string,
    Age: expect.stringMatching(/^CreationTimestamp is a timestamp/) as string,
    Node: expect.stringMatching(/^NodeName indicates in which node this pod is scheduled/) as string,
    Ready: 'The aggregate readiness state of this pod for accepting traffic.',
  });
  const [, type] = await columnsAt('/api/v1/services');
  expect(type!.description).toMatch(/^type determines how the Service is exposed/);
  expect(type!.description).not.toContain('Possible enum values');
});

it('every column of every kind that is served says what it is for', async () => {
  const bare: string[] = [];
  for (const { groupVersion, path } of [
    { groupVersion: 'v1', path: '/api/v1' },
    ...['apps', 'batch', 'networking.k8s.io', 'policy', 'storage.k8s.io', 'rbac.authorization.k8s.io', 'admissionregistration.k8s.io', 'resource.k8s.io', 'certificates.k8s.io'].map((group) => ({ groupVersion: `${group}/v1`, path: `/apis/${group}/v1` })),
  ]) {
    const { resources } = JSON.parse((await ask({ method: 'GET', path, headers: {} })).text) as { resources: { name: string; verbs: string[] }[] };
    for (const { name, verbs } of resources)
      if (verbs.includes('list') && !name.includes('/'))
        for (const column of await columnsAt(`${path}/${name}`)) if (!column.description) bare.push(`${groupVersion} ${name} ${column.name}`);
  }
  expect(bare).toEqual([]);
});
