import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

let directory: string;
let load: (file: string) => unknown;
let startIsOver: () => void;

beforeEach(async () => {
  vi.resetModules();
  ({ load, startIsOver } = await import('../../main/loader.ts'));
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'skiff-loader-'));
});

afterEach(() => {
  fs.rmSync(directory, { recursive: true, force: true });
});

function bundle(name: string, source: string): string {
  const file = path.join(directory, name);
  fs.writeFileSync(file, source);
  return file;
}

const code = () => fs.readdirSync(directory).filter((name) => name.endsWith('.code'));

test('A bundle runs once, with those that it asks for and with what Node has', () => {
  bundle('chunk-b.cjs', 'globalThis.loaded = (globalThis.loaded ?? 0) + 1; exports.double = (n) => n * 2;');
  const file = bundle('a.cjs', "exports.six = require('./chunk-b.cjs').double(3); exports.base = require('node:path').basename(__filename); exports.again = () => require('./chunk-b.cjs').double(4);");
  const first = load(file) as { six: number; base: string; again(): number };
  expect(first).toMatchObject({ six: 6, base: 'a.cjs' });
  expect(first.again()).toBe(8);
  expect(load(file)).toBe(first);
  expect((globalThis as { loaded?: number }).loaded).toBe(1);
});

test('What was compiled is kept beside the bundle, under the name of the V8 that can read it', () => {
  const file = bundle('kept.cjs', 'exports.answer = 42;');
  load(file);
  expect(code()).toEqual([]);
  startIsOver();
  expect(code()).toEqual([`kept.cjs.${process.versions.v8}-${process.arch}.code`]);
});

test('What is loaded after the start is compiled, and not kept', () => {
  startIsOver();
  expect(load(bundle('late.cjs', 'exports.answer = 45;'))).toEqual({ answer: 45 });
  startIsOver();
  expect(code()).toEqual([]);
});

test('Code that V8 cannot read is compiled anew and replaced', () => {
  const file = bundle('spoilt.cjs', 'exports.answer = 43;');
  const kept = `${file}.${process.versions.v8}-${process.arch}.code`;
  fs.writeFileSync(kept, 'half a fi');
  expect(load(file)).toEqual({ answer: 43 });
  startIsOver();
  expect(fs.statSync(kept).size).toBeGreaterThan(100);
});

test('Bundles in a folder that cannot be written run all the same', () => {
  const file = bundle('gone.cjs', 'exports.answer = 44;');
  expect(load(file)).toEqual({ answer: 44 });
  fs.rmSync(directory, { recursive: true });
  expect(() => startIsOver()).not.toThrow();
});

test('A bundle that fails says where', () => {
  const file = bundle('fails.cjs', "throw new Error('no');");
  let stack = '';
  try {
    load(file);
  } catch (error) {
    stack = (error as Error).stack!;
  }
  expect(stack).toContain('fails.cjs:1');
});
