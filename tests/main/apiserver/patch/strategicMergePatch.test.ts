import { describe, expect, it } from 'vitest';
import { schemaOf } from '../../../../main/api/schema.ts';
import { StatusError } from '../../../../main/api/status.ts';
import { anySchema, applyStrategicMergePatch, patchSchemaOf } from '../../../../main/apiserver/patch/index.ts';

const podSchema = patchSchemaOf(schemaOf({ group: '', version: 'v1', kind: 'Pod' }));
const deploymentSchema = patchSchemaOf(schemaOf({ group: 'apps', version: 'v1', kind: 'Deployment' }));
const serviceSchema = patchSchemaOf(schemaOf({ group: '', version: 'v1', kind: 'Service' }));

const pod = (spec: object, metadata: object = {}) => ({ metadata, spec });
const container = (name: string, more: object = {}) => ({ name, image: `${name}:1`, ...more });

describe('a strategic merge patch', () => {
  it.each([
    ['merges containers by name', pod({ containers: [container('a'), container('b')] }), { spec: { containers: [{ name: 'b', image: 'b:2' }] } }, pod({ containers: [container('a'), { name: 'b', image: 'b:2' }] })],
    ['adds a container', pod({ containers: [container('a')] }), { spec: { containers: [container('c')] } }, pod({ containers: [container('c'), container('a')] })],
    ['deletes a container by name', pod({ containers: [container('a'), container('b')] }), { spec: { containers: [{ $patch: 'delete', name: 'a' }] } }, pod({ containers: [container('b')] })],
    ['replaces the list', pod({ containers: [container('a'), container('b')] }), { spec: { containers: [{ $patch: 'replace' }, container('z')] } }, pod({ containers: [container('z')] })],
    ['removes with null', pod({ hostname: 'x', nodeName: 'n' }), { spec: { hostname: null } }, pod({ nodeName: 'n' })],
    ['replaces a map', pod({ nodeSelector: { a: '1' } }), { spec: { nodeSelector: { $patch: 'replace', b: '2' } } }, pod({ nodeSelector: { b: '2' } })],
    ['empties a map', pod({ nodeSelector: { a: '1' } }), { spec: { nodeSelector: { $patch: 'delete' } } }, pod({ nodeSelector: {} })],
    ['merges labels', pod({}, { labels: { a: '1', b: '2' } }), { metadata: { labels: { b: null, c: '3' } } }, pod({}, { labels: { a: '1', c: '3' } })],
    ['drops nulls of what it adds', pod({}), { spec: { securityContext: { runAsUser: 1, runAsGroup: null } } }, pod({ securityContext: { runAsUser: 1 } })],
    ['replaces a list without a strategy', pod({ containers: [container('a', { args: ['x', 'y'] })] }), { spec: { containers: [{ name: 'a', args: ['z'] }] } }, pod({ containers: [container('a', { args: ['z'] })] })],
    ['merges finalizers as a set', pod({}, { finalizers: ['a', 'b'] }), { metadata: { finalizers: ['b', 'c'] } }, pod({}, { finalizers: ['a', 'b', 'c'] })],
    ['deletes from a primitive list', pod({}, { finalizers: ['a', 'b', 'c'] }), { metadata: { '$deleteFromPrimitiveList/finalizers': ['b'] } }, pod({}, { finalizers: ['a', 'c'] })],
    [
      'orders as $setElementOrder says',
      pod({ containers: [container('a'), container('b'), container('c')] }),
      { spec: { '$setElementOrder/containers': [{ name: 'c' }, { name: 'a' }, { name: 'd' }], containers: [container('d')] } },
      pod({ containers: [container('b'), container('c'), container('a'), container('d')] }),
    ],
    [
      'orders without a change of the items',
      pod({ containers: [container('a'), container('b')] }),
      { spec: { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] } },
      pod({ containers: [container('b'), container('a')] }),
    ],
    [
      'keeps only what $retainKeys names',
      { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } },
      { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
      { spec: { strategy: { type: 'Recreate' } } },
      deploymentSchema,
    ],
    [
      'merges the ports of a service by port',
      { spec: { ports: [{ port: 80, name: 'http' }, { port: 443, name: 'https' }] } },
      { spec: { ports: [{ port: 443, nodePort: 30443 }] } },
      { spec: { ports: [{ port: 80, name: 'http' }, { port: 443, name: 'https', nodePort: 30443 }] } },
      serviceSchema,
    ],
  ])('%s', (_, doc, patch, expected, schema = podSchema) => {
    const before = JSON.stringify([doc, patch]);
    const result = applyStrategicMergePatch<object>(doc, patch, schema);
    expect(result).toEqual(expected);
    expect(JSON.stringify([doc, patch])).toBe(before);
  });

  it('keeps server-only items where they stand among those that the patch orders', () => {
    const doc = pod({ containers: [container('a'), container('s'), container('b')] });
    const patch = { spec: { '$setElementOrder/containers': [{ name: 'a' }, { name: 'b' }], containers: [{ name: 'a', image: 'a:2' }] } };
    const result = applyStrategicMergePatch<{ spec: { containers?: { name: string }[] } }>(doc, patch, podSchema);
    expect(result.spec.containers!.map(({ name }) => name)).toEqual(['a', 's', 'b']);
  });

  it.each([
    ['an unknown directive', pod({ nodeSelector: {} }), { spec: { nodeSelector: { $patch: 'frob', a: 'b' } } }, 400, 'unknown patch type: frob in map: map[$patch:frob a:b]'],
    ['$patch: merge in a list', pod({ containers: [container('a')] }), { spec: { containers: [{ $patch: 'merge', name: 'a' }] } }, 400, 'merging lists cannot yet be specified in the patch'],
    ['an item without its merge key', pod({ containers: [container('a')] }), { spec: { containers: [{ image: 'x' }] } }, 400, 'map: map[image:x] does not contain declared merge key: name'],
    ['a member that $retainKeys leaves out', pod({ nodeSelector: {} }), { spec: { nodeSelector: { $retainKeys: ['a'], b: '1' } } }, 400, 'invalid patch format of retainKeys'],
    ['a misspelt order', pod({}), { spec: { $setElementOrder: [] } }, 400, 'invalid patch format of setElementOrder list'],
    ['a misspelt deletion', pod({}), { spec: { $deleteFromPrimitiveList: [] } }, 400, 'invalid patch format of primitive list'],
    ['what is no object', pod({}), 'x', 400, 'json: cannot unmarshal string into Go value of type map[string]interface {}'],
    ['an order of what there is not', pod({}), { spec: { '$setElementOrder/boxes': ['a'] } }, 400, 'unable to find api field in struct PodSpec for the json field "boxes"'],
    ['texts among objects', pod({ containers: [{ name: 'a' }] }), { spec: { containers: ['a'] } }, 400, 'list element types are not identical: [[map[name:a]] [a]]'],
  ])('is refused for %s', (_, doc, patch, code, message) => {
    let error: unknown;
    try {
      applyStrategicMergePatch<object>(doc, patch, podSchema);
    } catch (e) {
      error = e;
    }
    expect(error).toBeInstanceOf(StatusError);
    expect({ code: (error as StatusError).code, message: (error as StatusError).message }).toEqual({ code, message });
  });

  it('is refused for items that stand in another order than the directive says', () => {
    const patch = { spec: { '$setElementOrder/containers': [{ name: 'a' }, { name: 'b' }], containers: [{ name: 'b' }, { name: 'a' }] } };
    expect(() => applyStrategicMergePatch(pod({ containers: [container('a'), container('b')] }), patch, podSchema)).toThrow(/^The order in patch list:\n/);
  });

  it('is refused for a kind without a schema', () => {
    expect(() => applyStrategicMergePatch({}, {}, anySchema)).toThrow('strategic merge patch format is not supported');
  });
});
