import { describe, expect, it } from 'vitest';
import { read, withDocument, withField, withoutDocument } from '../../../renderer/form/text.ts';
import { parseManifest } from '../../../renderer/yaml/parse.ts';

const valueOf = (text: string, index = 0) => parseManifest(text).filter(({ value }) => value !== null && value !== undefined)[index]?.value;

const manifest = `# What the shop runs.

apiVersion: v1 # stable
kind: Service
metadata:
  name: shop # its name
  labels:
    app.kubernetes.io/name: shop
    tier: front # seen by all
spec:
  ports:
  - port: 80 # plain
    targetPort: http
  - port: 443
  type: ClusterIP
`;

describe('a field written into a manifest', () => {
  it('changes its own line and no other', () => {
    expect(withField(manifest, 0, 'metadata.name', 'store')).toBe(manifest.replace('name: shop # its name', 'name: store # its name'));
    expect(withField(manifest, 0, 'spec.ports[1].port', 8443)).toBe(manifest.replace('port: 443', 'port: 8443'));
  });

  it('makes the maps and lists on its way', () => {
    expect(valueOf(withField('kind: A\nspec:\n', 0, 'spec.ports[0].port', 80))).toEqual({ kind: 'A', spec: { ports: [{ port: 80 }] } });
    expect(valueOf(withField('metadata:\n  labels: {}\n', 0, 'metadata.labels[80]', 'x'))).toEqual({ metadata: { labels: { 80: 'x' } } });
  });

  it('names keys with dots and keys that are numbers', () => {
    const written = withField(manifest, 0, 'metadata.labels[app.kubernetes.io/name]', 'store');
    expect(written).toBe(manifest.replace('app.kubernetes.io/name: shop', 'app.kubernetes.io/name: store'));
    expect(valueOf(withField('data:\n  80: x\n  a.b: z\n', 0, 'data[80]', undefined))).toEqual({ data: { 'a.b': 'z' } });
  });

  it.each(['123', 'yes', 'null', '1e3', '0x10', '010', '', ' padded ', '- dash', '#x', 'a: b', '2020-01-01', '12:30'])('keeps the text %j a text', (text) => {
    expect(valueOf(withField('env:\n- name: A\n  value: old\n', 0, 'env[0].value', text))).toEqual({ env: [{ name: 'A', value: text }] });
  });

  it('keeps a number a number', () => {
    expect(withField('spec:\n  replicas: "2"\n', 0, 'spec.replicas', 3)).toBe('spec:\n  replicas: 3\n');
  });

  it('keeps the comments of a map and of a list whose other members change', () => {
    const labels = withField(manifest, 0, 'metadata.labels', { tier: 'front', team: 'a' });
    expect(labels).toContain('tier: front # seen by all\n    team: a\n');
    const ports = withField(manifest, 0, 'spec.ports', [{ port: 443 }, { port: 80, targetPort: 'http' }]);
    expect(ports).toContain('  - port: 443\n  - port: 80 # plain\n    targetPort: http\n');
  });

  it('is copied out of an alias, whose anchor stays as it is', () => {
    expect(valueOf(withField('a: &x\n  b: 1\nc: *x\n', 0, 'c.b', 2))).toEqual({ a: { b: 1 }, c: { b: 2 } });
  });

  it('that is removed takes along the maps that it leaves empty', () => {
    expect(withField('metadata:\n  name: x\nspec:\n  strategy:\n    rollingUpdate:\n      maxSurge: 1\n', 0, 'spec.strategy.rollingUpdate.maxSurge', undefined)).toBe('metadata:\n  name: x\nspec: {}\n');
  });

  it('that is removed leaves the list entry it was in, and the map that is itself the choice', () => {
    expect(valueOf(withField('ports:\n- port: 80\n', 0, 'ports[0].port', undefined))).toEqual({ ports: [{}] });
    expect(valueOf(withField('v:\n- emptyDir:\n    sizeLimit: 1Gi\n', 0, 'v[0].emptyDir.sizeLimit', undefined, { keep: true }))).toEqual({ v: [{ emptyDir: {} }] });
  });

  it('that was not there can be removed without a change', () => {
    expect(withField(manifest, 0, 'spec.selector.app', undefined)).toBe(manifest);
    expect(withField(manifest, 7, 'spec', undefined)).toBe(manifest);
  });

  it('takes the place of a scalar that is in its way', () => {
    expect(valueOf(withField('spec: wrong\n', 0, 'spec.replicas', 1))).toEqual({ spec: { replicas: 1 } });
  });
});

describe('a manifest of several documents', () => {
  const second = 'kind: B # two\n\n# end of two\n';
  const text = `# nothing here\n---\nkind: A\nlist:\n- {a: 1}\n---\n${second}`;

  it('counts those that say something', () => {
    expect(withField(text, 1, 'kind', 'C')).toBe(text.replace('kind: B', 'kind: C'));
    expect(withField(text, 0, 'kind', 'C')).toBe(text.replace('kind: A', 'kind: C').replace('{a: 1}', '{ a: 1 }'));
  });

  it('gains one and loses one', () => {
    const more = withDocument(text, 'kind: C\n');
    expect(valueOf(more, 2)).toEqual({ kind: 'C' });
    expect(withoutDocument(more, 2).trimEnd()).toBe(text.trimEnd());
    expect(valueOf(withoutDocument(text, 0))).toEqual({ kind: 'B' });
    expect(withoutDocument('kind: A\n---\nkind: B\n', 0)).toBe('kind: B\n');
  });
});

describe('a field read by its path', () => {
  it('is undefined where there is none, also below a scalar and for what every object inherits', () => {
    const value = { a: [{ 'x.y': 1 }], s: 'text' };
    expect(read(value, 'a[0][x.y]')).toBe(1);
    expect(['a[1].b', 's.length', 's[0]', 'constructor', 'b.c'].map((path) => read(value, path))).toEqual([undefined, undefined, undefined, undefined, undefined]);
  });
});
