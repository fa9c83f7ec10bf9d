import { beforeEach, describe, expect, it } from 'vitest';
import { startClient } from '../../../renderer/client/index.ts';
import { fieldAt } from '../../../renderer/components/yaml/help.ts';
import { forgetSchemas, schemaOf } from '../../../renderer/yaml/schemas.ts';
import { answer } from '../support/fakeApi.ts';
import { FakeBridge } from '../support/fakeBridge.ts';

const document = {
  components: {
    schemas: {
      Boat: {
        'x-kubernetes-group-version-kind': [{ group: 'example.com', version: 'v1', kind: 'Boat' }],
        properties: { spec: { allOf: [{ $ref: '#/components/schemas/com.example.v1.BoatSpec' }], description: 'What is wanted.' } },
      },
      'com.example.v1.BoatSpec': {
        description: 'The spec of any boat.',
        required: ['crew'],
        properties: {
          crew: { type: 'array', items: { $ref: '#/components/schemas/com.example.v1.Sailor' }, description: 'Who sails.' },
          rig: { type: 'string', enum: ['sloop', 'ketch'], description: 'Its sails.' },
          labels: { type: 'object', additionalProperties: { type: 'string' } },
          ready: { type: 'boolean' },
        },
      },
      'com.example.v1.Sailor': { properties: { name: { type: 'string', description: 'As on board.' } } },
    },
  },
};

describe('what the server says of fields', () => {
  let asked: string[];
  let bridge: FakeBridge;
  beforeEach(() => {
    forgetSchemas();
    asked = [];
    bridge = new FakeBridge();
    bridge.api.intercept = ({ path }) => {
      asked.push(path);
      return path === '/openapi/v3/apis/example.com/v1' ? answer(200, document) : answer(404, {});
    };
    startClient(bridge);
  });

  it('is found by path, through references, lists and maps', async () => {
    const boat = (await schemaOf('example.com/v1', 'Boat'))!;
    expect(boat.field(['spec'])).toEqual({ name: 'spec', type: 'BoatSpec', description: 'What is wanted.', required: false, choices: [] });
    expect(boat.field(['spec', 'crew'])).toMatchObject({ type: 'Sailor[]', required: true });
    expect(boat.field(['spec', 'crew', '[]', 'name'])).toMatchObject({ description: 'As on board.' });
    expect(boat.field(['spec', 'labels', 'any'])).toMatchObject({ type: 'string' });
    expect(boat.field(['spec', 'oars'])).toBeUndefined();
    expect(boat.fieldsBelow(['spec']).map(({ name }) => name)).toEqual(['crew', 'rig', 'labels', 'ready']);
    expect([boat.field(['spec', 'rig'])!.choices, boat.field(['spec', 'ready'])!.choices]).toEqual([['sloop', 'ketch'], ['true', 'false']]);
  });

  it('is asked for once, and again after what failed or after other kinds have come', async () => {
    await schemaOf('example.com/v1', 'Boat');
    expect(await schemaOf('example.com/v1', 'Raft')).toBeUndefined();
    expect(asked).toHaveLength(1);
    for (let i = 0; i < 2; i++) expect(await schemaOf('other.example/v1', 'Boat')).toBeUndefined();
    forgetSchemas();
    await schemaOf('example.com/v1', 'Boat');
    expect(asked).toEqual(['/openapi/v3/apis/example.com/v1', '/openapi/v3/apis/other.example/v1', '/openapi/v3/apis/other.example/v1', '/openapi/v3/apis/example.com/v1']);
  });

  it('is what a line of a manifest is about', async () => {
    const text = 'apiVersion: example.com/v1\nkind: Boat\nspec:\n  crew:\n  - name: Ann\n';
    expect(await fieldAt(text, text.indexOf('Ann'))).toMatchObject({ path: ['spec', 'crew', '[]', 'name'], field: { description: 'As on board.' } });
    expect(await fieldAt(text, 0)).toBeUndefined();
  });
});
