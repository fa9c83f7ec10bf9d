import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

interface GoField {
  name: string;
  type: string;
  tags: Record<string, string>;
  comment: string[];
  embedded: boolean;
}
interface GoTypes {
  parseGo(source: string): {
    imports: Map<string, string>;
    types: Map<string, { struct?: GoField[]; base?: string; alias?: boolean; comment: string[] }>;
    constants: Map<string, { type: string; value: string }>;
  };
  markers(comment: string[]): [string, string][];
}
// The tools are plain JavaScript, since they run before anything is compiled.
const { parseGo, markers } = (await import(path.join(root, 'tools/facts/goTypes.mjs'))) as GoTypes;

describe('the reader of Go types', () => {
  const file = parseGo(`/*
type Licence struct { not code }
*/
package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Color is one of a few.
// +enum
type Color string

const (
	// Red is loud.
	Red Color = "Red"
	Blue = Color("Blue")
)

type Old = Color

// +structType=atomic

// Widget is a thing.
type Widget struct {
	metav1.TypeMeta \`json:",inline"\`
	// Parts of it.
	// +listType=map
	// +listMapKey=name
	// +listMapKey=kind
	Parts []Part \`json:"parts,omitempty" patchStrategy:"merge" patchMergeKey:"name" protobuf:"bytes,2,rep,name=parts"\` // trailing
	Owner *types.UID \`json:"owner,omitempty" protobuf:"bytes,3,opt,name=owner"\`
}

type Empty struct{}

func (w *Widget) String() string {
	return "type Fake struct {"
}
`);

  it('finds types, their members and what the comments say of them', () => {
    expect([...file.types.keys()]).toEqual(['Color', 'Old', 'Widget', 'Empty']);
    expect(file.types.get('Color')!.base).toBe('string');
    expect(file.types.get('Old')).toMatchObject({ base: 'Color', alias: true });
    expect(file.types.get('Empty')!.struct).toEqual([]);
    const [typeMeta, parts, owner] = file.types.get('Widget')!.struct!;
    expect(typeMeta).toMatchObject({ name: 'TypeMeta', embedded: true, tags: { json: ',inline' } });
    expect(parts).toMatchObject({ name: 'Parts', type: '[]Part', tags: { json: 'parts,omitempty', patchMergeKey: 'name' } });
    expect(markers(parts!.comment)).toEqual([['listType', 'map'], ['listMapKey', 'name'], ['listMapKey', 'kind']]);
    expect(owner!.type).toBe('*types.UID');
    expect(markers(file.types.get('Widget')!.comment)).toEqual([['structType', 'atomic']]);
  });

  it('finds imports and constants', () => {
    expect(file.imports.get('metav1')).toBe('k8s.io/apimachinery/pkg/apis/meta/v1');
    expect(file.imports.get('types')).toBe('k8s.io/apimachinery/pkg/types');
    expect([...file.constants]).toEqual([
      ['Red', { type: 'Color', value: 'Red' }],
      ['Blue', { type: 'Color', value: 'Blue' }],
    ]);
  });
});

describe('the table of facts', () => {
  const facts = JSON.parse(fs.readFileSync(path.join(root, 'main/api/schema/facts.json'), 'utf8')) as {
    source: { packages: { sha256: string }[] };
    packages: Record<string, unknown>;
    types: Record<string, { fields?: Record<string, [number, string, string]>; items?: string }>;
  };

  it('names where it comes from, and every package that its types are of', () => {
    for (const { sha256 } of facts.source.packages) expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    for (const id in facts.types) expect(facts.packages, id).toHaveProperty([id.slice(0, id.indexOf('.'))]);
  });

  it('gives no number of protobuf twice', () => {
    for (const [id, { fields = {} }] of Object.entries(facts.types)) {
      const numbers = Object.values(fields)
        .map(([number]) => number)
        .filter((number) => number > 0);
      expect(new Set(numbers).size, id).toBe(numbers.length);
    }
  });

  const packages = process.env['SKIFF_KUBERNETES_PACKAGES'];
  it.skipIf(!packages)('is what the Debian packages say: SKIFF_KUBERNETES_PACKAGES names their folder', () => {
    execFileSync(process.execPath, [path.join(root, 'tools/generateFacts.mjs'), '--check', packages!], { stdio: 'pipe' });
  });
});
