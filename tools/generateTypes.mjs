// Writes main/api/generated/types.ts: the TypeScript types of every Kubernetes API object, from the
// declarations that @kubernetes/client-node carries. Nothing of its text is committed; the build runs this.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const models = path.join(root, 'node_modules/@kubernetes/client-node/dist/gen/models');

/** V1Pod → Pod, V2MetricSpec → V2MetricSpec, CoreV1Event → Event, EventsV1Event → EventsEvent. */
export function typeName(model) {
  if (model.startsWith('CoreV1')) return model.slice('CoreV1'.length);
  const grouped = /^([A-Z][a-z]+)V1([A-Z].*)$/.exec(model);
  if (grouped) return grouped[1] + grouped[2];
  if (/^V1[A-Z]/.test(model)) return model.slice(2) === 'Status' ? 'Status' : model.slice(2);
  return model;
}

const scalars = { string: 'string', number: 'number', boolean: 'boolean', any: 'unknown', object: 'unknown', Date: 'string', V1MicroTime: 'string', IntOrString: 'number | string' };

function tsType(type) {
  const array = /^Array<(.*)>$/.exec(type);
  if (array) return `Array<${tsType(array[1])}>`;
  const map = /^\{ \[key: string\]: (.*); \}$/.exec(type);
  if (map) return `Record<string, ${tsType(map[1])}>`;
  return scalars[type] ?? typeName(type);
}

export async function generate() {
  const out = ['// Made by tools/generateTypes.mjs from @kubernetes/client-node. Do not edit.', ''];
  for (const file of fs.readdirSync(models).filter((f) => f.endsWith('.d.ts')).sort()) {
    const model = file.slice(0, -5);
    const text = fs.readFileSync(path.join(models, file), 'utf8');
    const body = /export declare class (\w+) \{([\s\S]*)\}/.exec(text);
    if (!body || model === 'ObjectSerializer' || scalars[model]) continue;
    out.push(`export interface ${typeName(model)} {`);
    const pattern = /^ {4}'([^']+)'(\??): ([^;]*?(?:\{[^}]*\})?[^;]*);$/gm;
    const source = fs.readFileSync(path.join(models, `${model}.js`), 'utf8');
    const attributes = /attributeTypeMap = (\[[\s\S]*?\n\]);/.exec(source);
    const baseNames = new Map(attributes ? JSON.parse(attributes[1]).map((a) => [a.name, a.baseName]) : []);
    const required = new Map();
    for (const match of body[2].matchAll(pattern)) required.set(match[1], match[2] === '');
    for (const attribute of attributes ? JSON.parse(attributes[1]) : []) {
      out.push(`  '${baseNames.get(attribute.name)}'${required.get(attribute.name) ? '' : '?'}: ${tsType(attribute.type)};`);
    }
    out.push('}', '');
  }
  const file = path.join(root, 'main/api/generated/types.ts');
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const text = out.join('\n');
  if (!fs.existsSync(file) || fs.readFileSync(file, 'utf8') !== text) fs.writeFileSync(file, text);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await generate();
