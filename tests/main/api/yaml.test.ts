import { describe, expect, it } from 'vitest';
import { parseYaml, parseYamlDocuments, parseYamlWithDuplicates, YamlError } from '../../../main/api/yaml.ts';

describe('YAML', () => {
  it.each([
    // What kubectl 1.36 makes of these.
    ['yes', true],
    ['OFF', false],
    ['y', true],
    ['yEs', 'yEs'],
    ['~', null],
    ['0777', 511],
    ['-0777', -511],
    ['08', 8],
    ['0o17', 15],
    ['-0o17', -15],
    ['0o8', '0o8'],
    ['0b11', 3],
    ['0b2', '0b2'],
    ['0x1F', 31],
    ['1_000', 1000],
    ['_1', '_1'],
    ['1e3', 1000],
    ['.5', 0.5],
    ['1e400', '1e400'],
    ['12:30:45', '12:30:45'],
    ['190:20:30', '190:20:30'],
    ['2024-01-02', '2024-01-02'],
    ['2001-12-14t21:59:43.10-05:00', '2001-12-14t21:59:43.10-05:00'],
    ['!!str 12', '12'],
    ['!!float 3', 3],
    ['!!binary aGVsbG8=', 'hello'],
    ['!foo bar', 'bar'],
    ['"yes"', 'yes'],
  ])('reads %s as %j', (text, value) => {
    expect(parseYaml(`a: ${text}`)).toEqual({ a: value });
  });

  it('merges, and lets the last of equal keys count', () => {
    expect(parseYaml('base: &b {x: 1, z: 2}\nall:\n  <<: *b\n  z: 3\n')).toEqual({ base: { x: 1, z: 2 }, all: { x: 1, z: 3 } });
    const twice = 'a: 1\nb:\n  c: 1\n  c: 2\na: 2\n';
    expect(parseYaml(twice)).toEqual({ a: 2, b: { c: 2 } });
    expect(parseYamlWithDuplicates(twice).duplicates()).toEqual(['line 5: key "a" already set in map', 'line 4: key "c" already set in map']);
  });

  it('of several documents is read document by document', () => {
    expect(parseYamlDocuments('---\na: 1\n---\n# nothing\n---\nb: 2\n')).toEqual([{ a: 1 }, { b: 2 }]);
    expect(parseYamlDocuments('')).toEqual([]);
  });

  it('may be JSON, or nearly so', () => {
    expect(parseYaml('{"a": [1, "yes"]}')).toEqual({ a: [1, 'yes'] });
    expect(parseYaml('{a: [1, yes]}')).toEqual({ a: [1, true] });
  });

  it('that is wrong says where', () => {
    expect(() => parseYaml('a: [1\nb: 2')).toThrow(/line 2/);
  });

  it('cannot be made to fill the memory or the stack', () => {
    const laughs = ['a: &a [x,x,x,x,x,x,x,x,x,x]'];
    for (let i = 1; i < 12; i++) laughs.push(`${'abcdefghijkl'[i]}: &${'abcdefghijkl'[i]} [${Array(10).fill(`*${'abcdefghijkl'[i - 1]}`).join(',')}]`);
    expect(() => parseYaml(laughs.join('\n'))).toThrow(YamlError);
    expect(() => parseYaml(`a: ${'['.repeat(50_000)}`)).toThrow(YamlError);
    expect(() => parseYaml('#'.repeat(4 * 1024 * 1024))).toThrow(YamlError);
    expect(() => parseYaml(`a:\n${'- 1\n'.repeat(200_000)}`)).toThrow('the text has more than 500000 words: send it as JSON');
    for (const [open, close] of [['[', ']'], ['{a: ', '}'], ['- ', ''], ['? ', '']] as const) {
      // The stack must not be what ends it, nor does it take a time that grows with the square.
      expect(() => parseYaml(`${open.repeat(20_000)}x${close.repeat(20_000)}`)).toThrow('exceeded max depth of 500');
      expect(() => parseYaml(open.repeat(20_000))).toThrow('exceeded max depth of 500');
      expect(parseYaml(`${open.repeat(200)}x${close.repeat(200)}`)).toBeTruthy();
    }
    expect(() => parseYaml(`${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`)).toThrow('exceeded max depth of 500');
    expect(() => parseYaml(Array.from({ length: 600 }, (_, i) => `${' '.repeat(i)}a:\n`).join(''))).toThrow('exceeded max depth of 500');
    expect(() => parseYaml(`${'!!str '.repeat(100_000)}x`)).toThrow('at line 1, column');
    expect(parseYaml(`a: |\n${'  some, more: text\n'.repeat(100_000)}`)).toHaveProperty('a');
  });
});

it('what contains itself is refused, in the words of go-yaml too', () => {
  for (const text of ['&a [*a]', 'x: &a {b: [*a]}']) expect(() => parseYaml(text)).toThrow(expect.objectContaining({ inGo: "yaml: anchor 'a' value contains itself" }) as Error);
  expect(parseYaml('x: &a {b: 1}\nz: *a')).toEqual({ x: { b: 1 }, z: { b: 1 } });
});
