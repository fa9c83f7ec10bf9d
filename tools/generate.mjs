// Runs every generator that types, tests and builds need, when what it reads has changed: `node tools/generate.mjs`.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const stamp = path.join(root, 'main/api/generated/.stamp');

const inputs = [
  'tools/generate.mjs',
  'tools/generateTypes.mjs',
  'tools/generateSchema.mjs',
  'main/api/schema/columns.json',
  'main/api/schema/facts.json',
  'node_modules/@kubernetes/client-node/package.json',
];
const outputs = ['types', 'schemaData', 'descriptionsData', 'columnsData'].map((name) => `main/api/generated/${name}.ts`);

function fingerprint() {
  const hash = createHash('sha256');
  for (const input of inputs) hash.update(fs.readFileSync(path.join(root, input)));
  return hash.digest('hex');
}

/** Takes a millisecond or two when nothing has changed. */
export async function generate() {
  const wanted = fingerprint();
  const made = outputs.every((output) => fs.existsSync(path.join(root, output)));
  if (made && fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === wanted) return;
  for (const generator of ['./generateTypes.mjs', './generateSchema.mjs']) await (await import(generator)).generate();
  fs.writeFileSync(stamp, wanted);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await generate();
