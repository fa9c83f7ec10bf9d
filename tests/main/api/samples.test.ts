import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeObject } from '../../../main/api/decode.ts';
import { parseApiVersion, type KubeObject } from '../../../main/api/meta.ts';
import { decodeProtobuf, encodeProtobuf } from '../../../main/api/protobuf.ts';
import { schemaOfObject } from '../../../main/api/schema.ts';

/**
 * One object of every kind with every field set, as Kubernetes' own compatibility tests keep them (`.json` beside `.pb`):
 * k8s.io/api/testdata/HEAD, in Debian's golang-k8s-api-dev below /usr/share/gocode/src.
 */
const folder = process.env['SKIFF_KUBERNETES_SAMPLES'] ?? '/usr/share/gocode/src/k8s.io/api/testdata/HEAD';

if (!fs.existsSync(folder)) {
  describe('every kind of Kubernetes', () => {
    it.skip('is read and written as upstream does: set SKIFF_KUBERNETES_SAMPLES to k8s.io/api/testdata/HEAD', () => {});
  });
} else {
  const samples = fs.readdirSync(folder).filter((name) => name.endsWith('.json') && !/v\d+(alpha|beta)\d+|WatchEvent/.test(name));

  describe('every kind of Kubernetes', () => {
    it('has a schema', () => {
      const missing = samples.filter((name) => !schemaOfObject(JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8')) as KubeObject));
      expect(missing).toEqual([]);
      expect(samples.length).toBeGreaterThan(80);
    });

    it.each(samples)('%s is the same in JSON and protobuf', (name) => {
      const json = JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8')) as KubeObject;
      const wire = new Uint8Array(fs.readFileSync(path.join(folder, name.replace(/json$/, 'pb'))));
      const decoded = decodeObject({ ...parseApiVersion(json.apiVersion!), kind: json.kind! }, json);
      expect(decoded.complaints).toEqual([]);
      expect(decoded.object).toEqual(json);
      expect(decodeProtobuf(wire)).toEqual(json);
      expect(Buffer.from(encodeProtobuf(json)).equals(Buffer.from(wire))).toBe(true);
    });
  });
}
