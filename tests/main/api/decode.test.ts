import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeChanged, decodeObject, DecodeError } from '../../../main/api/decode.ts';
import { duplicateFields } from '../../../main/api/duplicates.ts';
import { cloneJson } from '../../../main/api/json.ts';

const deployments = { group: 'apps', version: 'v1', kind: 'Deployment' };
const pods = { group: '', version: 'v1', kind: 'Pod' };

const deployment = (spec: Record<string, unknown>) => ({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec });
const template = (container: Record<string, unknown>) => ({ template: { spec: { containers: [{ name: 'a', ...container }] } } });

describe('a request body', () => {
  it('is an object of its kind, without nulls and in the order of its structure', () => {
    const { object, complaints } = decodeObject(deployments, deployment({ replicas: null, ...template({ env: null }), paused: false }));
    expect(complaints).toEqual([]);
    expect(object).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: {
        template: { metadata: {}, spec: { containers: [{ name: 'a', resources: {} }] } },
        strategy: {},
      },
      status: {},
    });
    expect(Object.keys(object)).toEqual(['apiVersion', 'kind', 'metadata', 'spec', 'status']);
  });

  it('is the same text in whatever order its members come, and whichever there are', () => {
    const spec = { replicas: 2, selector: { matchLabels: { a: 'b' } }, template: { metadata: { labels: { a: 'b' } }, spec: { containers: [] } }, minReadySeconds: 3, strategy: { type: 'Recreate' }, paused: true };
    const inGoOrder = ['replicas', 'selector', 'template', 'strategy', 'minReadySeconds', 'paused'];
    fc.assert(
      fc.property(fc.shuffledSubarray(Object.keys(spec) as (keyof typeof spec)[]), (names) => {
        const { object } = decodeObject(deployments, deployment(Object.fromEntries(names.map((name) => [name, spec[name]]))));
        const written = (object as { spec?: unknown }).spec as Record<string, unknown>;
        const expected = inGoOrder.filter((name) => name === 'template' || name === 'strategy' || (names as string[]).includes(name));
        // The template and the strategy are written though nothing was said of them.
        expect(Object.keys(written)).toEqual(expected);
        for (const name of expected) if ((names as string[]).includes(name)) expect(written[name]).toMatchObject(name === 'template' ? { metadata: { labels: { a: 'b' } } } : (spec[name as keyof typeof spec] as object));
        if (!names.includes('template')) expect(written.template).toEqual({ metadata: {}, spec: expect.anything() });
      }),
    );
  });

  it('keeps false, zero and empty text where Go has a pointer, and drops them elsewhere', () => {
    const { object } = decodeObject(pods, {
      spec: { automountServiceAccountToken: false, hostNetwork: false, priority: 0, hostname: '', nodeSelector: {}, containers: [] },
    });
    expect(object).toMatchObject({ spec: { automountServiceAccountToken: false, priority: 0, containers: [] } });
    expect(object).not.toHaveProperty('spec.hostNetwork');
    expect(object).not.toHaveProperty('spec.hostname');
    expect(object).not.toHaveProperty('spec.nodeSelector');
  });

  it('has its quantities and times in canonical form', () => {
    const { object } = decodeObject(pods, {
      metadata: { creationTimestamp: '2024-01-02T05:04:05.678+02:00' },
      spec: { containers: [{ name: 'a', resources: { limits: { cpu: 0.5, memory: ' 1024Mi ' } } }] },
    });
    expect(object).toMatchObject({
      metadata: { creationTimestamp: '2024-01-02T03:04:05Z' },
      spec: { containers: [{ resources: { limits: { cpu: '500m', memory: '1Gi' } } }] },
    });
  });

  it('has no time where it names the first second of all', () => {
    expect(decodeObject(pods, { metadata: { creationTimestamp: '0001-01-01T00:00:00Z' } }).object.metadata).toEqual({});
  });

  it('with unknown fields is complained about, field by field', () => {
    const body = deployment({ replica: 1, ...template({ Image: 'x', ports: [{ containerPort: 1, name: 'a', port: 2 }] }) });
    const { object, complaints } = decodeObject(deployments, { ...body, extra: {} });
    expect(complaints).toEqual([
      'unknown field "spec.replica"',
      'unknown field "spec.template.spec.containers[0].Image"',
      'unknown field "spec.template.spec.containers[0].ports[0].port"',
      'unknown field "extra"',
    ]);
    expect(object).not.toHaveProperty('extra');
    expect(object).not.toHaveProperty('spec.replica');
  });

  it.each<[unknown, string]>([
    [deployment({ replicas: 'three' }), 'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32'],
    [deployment({ replicas: 1.5 }), 'json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32'],
    [deployment({ replicas: 3e9 }), 'json: cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32'],
    [deployment({ paused: 'yes' }), 'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.paused of type bool'],
    [
      deployment(template({ env: [{ name: 'A', value: 1 }] })),
      'json: cannot unmarshal number into Go struct field EnvVar.spec.template.spec.containers.env.value of type string',
    ],
    [
      deployment(template({ imagePullPolicy: true })),
      'json: cannot unmarshal bool into Go struct field Container.spec.template.spec.containers.imagePullPolicy of type v1.PullPolicy',
    ],
    [
      deployment({ template: { spec: { containers: {} } } }),
      'json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container',
    ],
    [deployment({ selector: 'app=web' }), 'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.selector of type v1.LabelSelector'],
    [
      { metadata: { labels: { a: 1 } } },
      'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string',
    ],
    [{ metadata: { labels: ['a'] } }, 'json: cannot unmarshal array into Go struct field ObjectMeta.metadata.labels of type map[string]string'],
    [[], 'json: cannot unmarshal array into Go value of type v1.Deployment'],
    [
      deployment({ strategy: { rollingUpdate: { maxSurge: true } } }),
      'json: cannot unmarshal bool into Go struct field RollingUpdateDeployment.spec.strategy.rollingUpdate.maxSurge of type int32',
    ],
    [
      deployment(template({ resources: { limits: { cpu: 'much' } } })),
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
    [
      { metadata: { creationTimestamp: 'now' } },
      'parsing time "now" as "2006-01-02T15:04:05Z07:00": cannot parse "now" as "2006"',
    ],
    [
      { metadata: { creationTimestamp: 5 } },
      'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.creationTimestamp of type string',
    ],
  ])('of the wrong shape is refused in the words of Go: %j', (body, message) => {
    expect(() => decodeObject(deployments, body)).toThrow(expect.objectContaining({ name: 'Error', message }) as Error);
  });

  it('names a volume by the structure that embeds its source', () => {
    expect(() => decodeObject(pods, { spec: { volumes: [{ name: 'v', emptyDir: { medium: 1 } }] } })).toThrow(
      'Go struct field EmptyDirVolumeSource.spec.volumes.emptyDir.medium of type v1.StorageMedium',
    );
    expect(() => decodeObject(pods, { spec: { volumes: [{ name: 'v', emptyDir: 'x' }] } })).toThrow(
      'Go struct field Volume.spec.volumes.emptyDir of type v1.EmptyDirVolumeSource',
    );
  });

  it('of a Secret must be base64', () => {
    const secrets = { group: '', version: 'v1', kind: 'Secret' };
    expect(decodeObject(secrets, { data: { a: 'aGVs\nbG8=' } }).object).toMatchObject({ data: { a: 'aGVsbG8=' } });
    expect(() => decodeObject(secrets, { data: { a: 'not base64' } })).toThrow('illegal base64 data at input byte 3');
  });

  it('of a kind that is not built in has its metadata looked at', () => {
    const widgets = { group: 'example.com', version: 'v1', kind: 'Widget' };
    const { object, complaints } = decodeObject(widgets, {
      apiVersion: 'example.com/v1',
      kind: 'Widget',
      metadata: { name: 'w', nmae: 'x', labels: null },
      spec: { anything: [null, { goes: true }] },
    });
    expect(object).toEqual({
      apiVersion: 'example.com/v1',
      kind: 'Widget',
      metadata: { name: 'w' },
      spec: { anything: [null, { goes: true }] },
    });
    expect(complaints).toEqual(['unknown field "metadata.nmae"']);
    expect(() => decodeObject(widgets, { metadata: { name: 5 } })).toThrow(
      'json: cannot unmarshal number into Go struct field ObjectMeta.name of type string',
    );
  });

  it('cannot be nested without end', () => {
    let schema = {};
    for (let i = 0; i < 5000; i++) schema = { not: schema };
    const crds = { group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition' };
    expect(() => decodeObject(crds, { spec: { versions: [{ schema: { openAPIV3Schema: schema } }] } })).toThrow('exceeded max depth');
    expect(duplicateFields(`{"a":${'['.repeat(5000)}{"]":1,"]":2}${']'.repeat(5000)},"a":1}`)).toEqual(['duplicate field "a"']);
  });

  it('cannot reach what every object inherits', () => {
    const body = JSON.parse('{"metadata":{"labels":{"__proto__":"x"},"__proto__":{"polluted":true}}}') as unknown;
    const { object, complaints } = decodeObject(pods, body);
    expect(complaints).toEqual(['unknown field "metadata.__proto__"']);
    expect(Object.keys(object.metadata!.labels!)).toEqual(['__proto__']);
    expect(object).not.toHaveProperty('metadata.polluted');
  });
});

describe('an object that was changed', () => {
  const before = decodeObject(deployments, deployment({ replicas: 1, ...template({ image: 'a:1' }) })).object;
  const changed = (change: Record<string, unknown>) => decodeChanged(deployments, { ...cloneJson(before), ...change }, before);

  it('comes out as if all of it had been read', () => {
    const change = { metadata: { name: 'web', labels: { app: 'web' }, creationTimestamp: null }, status: { replicas: 1, conditions: null } };
    const { object, complaints } = changed(change);
    expect(object).toEqual(decodeObject(deployments, { ...before, ...change }).object);
    expect(Object.keys(object)).toEqual(['apiVersion', 'kind', 'metadata', 'spec', 'status']);
    expect(complaints).toEqual([]);
  });

  it('is checked where it was changed', () => {
    expect(changed({ extra: 1, ['__proto__']: { a: 1 }, spec: { replicas: 2, more: true } }).complaints).toEqual(['unknown field "spec.more"', 'unknown field "extra"', 'unknown field "__proto__"']);
    expect(() => changed({ spec: { replicas: '2' } })).toThrow(DecodeError);
    expect(changed({ spec: null }).object).toEqual(decodeObject(deployments, { ...before, spec: null }).object);
  });
});

describe('a JSON text', () => {
  it('tells which fields it names twice', () => {
    const text = '{"spec":{"replicas":1,"a":[{"b":1},{"b":"}\\"","\\u0062":2}],"replicas":2},"kind":"x" , "kind":"x", "kind": "y"}';
    expect(duplicateFields(text)).toEqual(['duplicate field "spec.a[1].b"', 'duplicate field "spec.replicas"', 'duplicate field "kind"']);
    expect(duplicateFields('{"a":{},"b":[ ],"c":[[1,2],{"a":null}],"d":true}')).toEqual([]);
    expect(duplicateFields('[]')).toEqual([]);
  });
});
