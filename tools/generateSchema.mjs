// Writes main/api/generated/{schemaData,descriptionsData,columnsData}.ts: the API's types as main/api/schema.ts reads them, from the
// committed facts and from what @kubernetes/client-node's declarations say. Fails where the two disagree. Descriptions that
// client-node lacks or shortens are those of kubernetes-models, where it is installed. Columns of tables are described as the
// members that they show, which main/api/schema/columns.json names; what begins with = stands for itself.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const models = path.join(root, 'node_modules/@kubernetes/client-node/dist/gen/models');
const documented = path.join(root, 'node_modules/kubernetes-models');
const documentedMachinery = path.join(root, 'node_modules/@kubernetes-models/apimachinery');
const documentedMeta = path.join(documentedMachinery, 'apis/meta/v1');

/** Types that have a form of their own, and where they are described. */
const specials = ['apis/meta/v1/Time', 'apis/meta/v1/MicroTime', 'apis/meta/v1/FieldsV1', 'apis/meta/v1/Patch', 'runtime/RawExtension', 'util/intstr/IntOrString', ...['JSON', 'JSONSchemaPropsOrArray', 'JSONSchemaPropsOrBool', 'JSONSchemaPropsOrStringArray'].map((name) => `apiextensions.k8s.io/v1/${name}`)];

/** What the documents of a cluster leave out: only webhooks and clients meet these packages and types. */
const notDocumented = new Set(['admission/v1', 'apidiscovery/v2']);

/** The name of client-node's class for a type, if it has one. */
function modelOf(id) {
  const [home, name] = id.split('.');
  const [group, version] = home.split('/');
  const capital = (word) => word[0].toUpperCase() + word.slice(1);
  const candidates = [`${capital(group)}${capital(version)}${name}`, `${capital(version)}${name}`];
  return candidates.find((candidate) => fs.existsSync(path.join(models, `${candidate}.js`)));
}

/** `*`, brackets and packages taken off. */
const element = (type) => type.replace(/^(?:\*|\[\]|\{\})+/, '');

/** JSON's own view of a structure: inlined structures are taken apart. */
function flatFields(types, id) {
  const home = id.split('.')[0];
  const fields = {};
  for (const [name, fact] of Object.entries(types[id].fields)) {
    if (!name.startsWith('<')) fields[name] = fact;
    else Object.assign(fields, flatFields(types, element(fact[1]).includes('/') ? element(fact[1]) : `${home}.${element(fact[1])}`));
  }
  return fields;
}

function plain(text) {
  return withoutMarks(text.replace(/\\(["'\\&])/g, '$1'));
}

/** kubernetes-models marks stars only, which could end a comment. */
function plainModel(text) {
  return withoutMarks(text).replaceAll('\\*', '*').replaceAll('*\\/', '*/');
}

function withoutMarks(text) {
  return text
    .replace(/^\s*\*? ?/gm, '')
    .replace(/&#39;/g, "'")
    .replace(/&quot;/g, '"')
    .replace(/&#x60;/g, '`')
    .replace(/&#x3D;/g, '=')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&amp;/g, '&')
    .replace(/\*_\//g, '*/')
    // The declarations' own mark, which says no more than the text does.
    .replace(/^@deprecated$/gm, '')
    .trim();
}

/** What a model's declaration tells: descriptions, required fields. */
function readModel(model) {
  const declaration = fs.readFileSync(path.join(models, `${model}.d.ts`), 'utf8');
  const source = fs.readFileSync(path.join(models, `${model}.js`), 'utf8');
  const attributes = JSON.parse(/attributeTypeMap = (\[[\s\S]*?\]);/.exec(source)[1]);
  const start = declaration.indexOf('export declare class');
  const heading = declaration.slice(declaration.lastIndexOf('/**', start) + 3, declaration.lastIndexOf('*/', start));
  const description = heading.includes('OpenAPI Generator') ? '' : plain(heading);
  const members = new Map();
  for (const [, comment, name, optional] of declaration.slice(start).matchAll(/(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*)?^ {4}'([^']+)'(\??):/gm))
    members.set(name, { description: comment ? plain(comment) : '', required: optional === '' });
  return { description, fields: new Map(attributes.map(({ name, baseName }) => [baseName, members.get(name)])) };
}

/** Where kubernetes-models declares a type; it knows nothing that client-node does not, but says more about members. */
function declarationOf(id, packages) {
  const [home, name] = id.split('.');
  const { group, version } = packages[home];
  const folder = home === 'meta/v1' ? documentedMeta : path.join(documented, group, version);
  const file = path.join(folder, `${name}.d.ts`);
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : undefined;
}

/** The descriptions in a declaration: the type's own, and those of its members. */
function readDescriptions(declaration, name) {
  const start = declaration.search(new RegExp(`export interface I${name} (?:extends TypeMeta )?\\{`));
  if (start < 0) return ['', {}];
  const before = declaration.slice(0, start).trimEnd();
  const heading = before.endsWith('*/') ? before.slice(before.lastIndexOf('/**') + 3, -2) : '';
  const body = declaration.slice(start, declaration.indexOf('\n}', start));
  const members = {};
  for (const [, comment, member] of body.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*^ {4}"([^"]+)"\??:/gm)) members[member] = plainModel(comment);
  return [plainModel(heading), members];
}

/** What stands before the declaration of a type that has no members. */
function specialDescription(name) {
  const file = [documentedMachinery, documented].map((folder) => path.join(folder, `${name}.d.ts`)).find((candidate) => fs.existsSync(candidate));
  const found = file && /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*export /.exec(fs.readFileSync(file, 'utf8'));
  return found ? plainModel(found[1]) : '';
}

/**
 * What requests' parameters are for, each by its name; behind the kind of options, or `patch.`, where the same name means something else.
 * What is said of an object's own name is not among them: it names the kind.
 */
function parameterTexts() {
  const declaration = fs.readFileSync(path.join(models, '../apis/CoreV1Api.d.ts'), 'utf8');
  const texts = {};
  for (const [, comment, method] of declaration.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*^ {4}(\w+)\(/gm)) {
    const parameters = [...comment.matchAll(/^ {5}\* @param (\w+) (.+)$/gm)].map(([, name, text]) => [name, plain(text)]);
    const options = parameters.find(([name]) => name === 'name')?.[1].replace('name of the ', '') ?? '';
    const kind = method === 'readNamespacedPodLog' ? 'PodLogOptions' : options.endsWith('Options') ? options : '';
    for (const [given, text] of parameters) {
      // A path in the query has the same name as that in the path, and a number behind it.
      const name = given.replace(/^_/, '').replace('path2', 'path');
      if (name === 'name' || name === 'body') continue;
      const shared = name === 'namespace' || name === 'pretty' || text === 'path to the resource';
      // The declarations have one line for what is several.
      const lines = text.replace(/\. {2}(?=[A-Z])/g, '.\n\n').replace(/ {3}(?=\S)/g, '\n  ').replace(/\. - (?=`)/g, '.\n- ');
      texts[shared || !(kind || (method.startsWith('patch') && name === 'fieldManager')) ? name : `${kind || 'patch'}.${name}`] ??= lines;
    }
  }
  return texts;
}

function disagreements(id, fields, model, kind) {
  const found = [];
  for (const [name, { required }] of model.fields) {
    if (kind && (name === 'apiVersion' || name === 'kind')) continue;
    if (!fields[name]) found.push(`${id}.${name} is only in @kubernetes/client-node`);
    else if (required !== fields[name][2].includes('r')) found.push(`${id}.${name} is required for one only`);
  }
  for (const name in fields) if (!model.fields.has(name)) found.push(`${id}.${name} is only in the facts`);
  return found;
}

/** What the columns of each kind's table are for, by resource and name; '' holds those that every kind has. */
function columnTexts(descriptions) {
  const columns = JSON.parse(fs.readFileSync(path.join(root, 'main/api/schema/columns.json'), 'utf8'));
  return Object.fromEntries(
    Object.entries(columns).map(([resource, names]) => [
      resource,
      Object.fromEntries(Object.entries(names).map(([name, source]) => [name, source.startsWith('=') ? source.slice(1) : memberText(descriptions, source)])),
    ]),
  );
}

/** What is said of a member without the list of its possible values. */
function memberText(descriptions, source) {
  const dot = source.lastIndexOf('.');
  const text = descriptions[source.slice(0, dot)]?.[1][source.slice(dot + 1)];
  if (!text) throw new Error(`nothing describes ${source}`);
  return text.split('\n\nPossible enum values:')[0];
}

export async function generate() {
  const { packages, types } = JSON.parse(fs.readFileSync(path.join(root, 'main/api/schema/facts.json'), 'utf8'));
  const descriptions = {};
  const ofTypes = new Map(specials.map((name) => [specialDescription(name), name]).filter(([text]) => text));
  const problems = [];
  for (const [id, { fields, kind }] of Object.entries(types)) {
    const model = fields && !notDocumented.has(id.split('.')[0]) && modelOf(id);
    const declaration = declarationOf(id, packages);
    const [heading, members] = declaration ? readDescriptions(declaration, id.split('.')[1]) : ['', {}];
    if (!model) {
      if (heading && !notDocumented.has(id.split('.')[0])) descriptions[id] = [heading, {}];
      continue;
    }
    const read = readModel(model);
    problems.push(...disagreements(id, flatFields(types, id), read, kind));
    const described = {};
    for (const [name, { description }] of read.fields) if (description) described[name] = description;
    // A member of whom nothing is said is declared with what is said of its type.
    for (const [name, text] of Object.entries(members)) if (read.fields.has(name) && !ofTypes.has(text)) described[name] = text;
    for (const name in described) if (ofTypes.has(described[name])) delete described[name];
    descriptions[id] = [heading || read.description, described];
  }
  for (const [text, name] of ofTypes) descriptions[`special.${path.basename(name)}`] = [text, {}];
  descriptions['parameters'] = ['', parameterTexts()];
  const version = readModel('VersionInfo');
  descriptions['version.Info'] = [version.description, Object.fromEntries([...version.fields].map(([name, { description }]) => [name, description]))];
  if (problems.length) throw new Error(`the facts and @kubernetes/client-node disagree:\n${problems.join('\n')}`);
  write('schemaData', JSON.stringify({ packages, types }));
  write('columnsData', JSON.stringify(columnTexts(descriptions)));
  write('descriptionsData', gzipSync(JSON.stringify(descriptions), { level: 9 }).toString('base64'));
}

function write(name, text) {
  const folder = path.join(root, 'main/api/generated');
  fs.mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `${name}.ts`);
  const quoted = `'${text.replace(/\\/g, '\\\\').replace(/'/g, "\\'")}'`;
  const module = `// Made by tools/generateSchema.mjs. Do not edit.\nexport const ${name}: string = ${quoted};\n`;
  if (!fs.existsSync(file) || fs.readFileSync(file, 'utf8') !== module) fs.writeFileSync(file, module);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await generate();
