// Writes main/api/schema/facts.json: what @kubernetes/client-node does not say about the API's types.
//
//   node tools/generateFacts.mjs [--check] [folder with the .deb files]
//
// Without a folder, apt fetches the packages. --check changes nothing and fails where the committed file differs.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { aggregator } from './facts/aggregator.mjs';
import { markers, parseGo } from './facts/goTypes.mjs';
import { debianPackages, withSources } from './facts/packages.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const target = path.join(root, 'main/api/schema/facts.json');

/** The versions that a cluster serves, and what requests and answers are wrapped in. Folder below k8s.io → short name. */
const groupVersions = [
  'admission/v1', 'admissionregistration/v1', 'apidiscovery/v2', 'apps/v1', 'authentication/v1', 'authorization/v1',
  'autoscaling/v1', 'autoscaling/v2', 'batch/v1', 'certificates/v1', 'coordination/v1', 'core/v1', 'discovery/v1',
  'events/v1', 'flowcontrol/v1', 'networking/v1', 'node/v1', 'policy/v1', 'rbac/v1', 'resource/v1', 'scheduling/v1', 'storage/v1',
];
const sources = [
  ...groupVersions.map((id) => ({ id, folder: `api/${id}`, prefix: `io.k8s.api.${id.replace('/', '.')}` })),
  { id: 'meta/v1', folder: 'apimachinery/pkg/apis/meta/v1', prefix: 'io.k8s.apimachinery.pkg.apis.meta.v1' },
  {
    id: 'apiextensions/v1',
    folder: 'apiextensions-apiserver/pkg/apis/apiextensions/v1',
    prefix: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1',
  },
];
const aggregatorPackage = {
  group: 'apiregistration.k8s.io',
  version: 'v1',
  prefix: 'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1',
};

/** Types whose JSON is not their Go structure; main/api knows them by these names. */
const wellKnown = {
  'k8s.io/apimachinery/pkg/api/resource.Quantity': 'Quantity',
  'k8s.io/apimachinery/pkg/util/intstr.IntOrString': 'IntOrString',
  'k8s.io/apimachinery/pkg/runtime.RawExtension': 'RawExtension',
  'k8s.io/apimachinery/pkg/apis/meta/v1.Time': 'Time',
  'k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime': 'MicroTime',
  'k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1': 'FieldsV1',
  'k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSON': 'JSON',
  'k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrArray': 'JSONSchemaPropsOrArray',
  'k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrBool': 'JSONSchemaPropsOrBool',
  'k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrStringArray': 'JSONSchemaPropsOrStringArray',
};
/** Named strings of packages that hold nothing else of use. */
const plainStrings = { 'k8s.io/apimachinery/pkg/types.UID': 'string' };

const scalars = new Set(['string', 'bool', 'int32', 'int64', 'float64']);

function readPackage(k8s, { id, folder, prefix }) {
  const merged = { id, prefix, importPath: `k8s.io/${folder}`, types: new Map(), constants: new Map(), version: id.split('/')[1] };
  for (const name of fs.readdirSync(path.join(k8s, folder)).sort()) {
    if (!name.endsWith('.go') || name.endsWith('_test.go') || /^(zz_)?generated/.test(name) || name.startsWith('zz_')) continue;
    const source = fs.readFileSync(path.join(k8s, folder, name), 'utf8');
    const group = /GroupName\s*=\s*"([^"]*)"/.exec(source);
    if (name === 'register.go' && group) merged.group = group[1];
    if (!/^(types|watch|group_version)/.test(name)) continue;
    const file = parseGo(source);
    for (const [typeName, type] of file.types) merged.types.set(typeName, { ...type, imports: file.imports });
    for (const [constantName, constant] of file.constants) merged.constants.set(constantName, constant);
  }
  if (merged.group === undefined) throw new Error(`${folder}/register.go names no group`);
  return merged;
}

class Facts {
  constructor(packages) {
    this.packages = packages;
    this.byPath = new Map(packages.map((p) => [p.importPath, p]));
    this.done = new Map();
  }

  /** A Go type as the facts write it: `[]Container`, `*int32`, `{}string` for a map from strings. */
  typeText(go, type, from) {
    if (go.startsWith('*')) return `*${this.typeText(go.slice(1), type, from)}`;
    if (go === '[]byte') return 'bytes';
    if (go.startsWith('[]')) return `[]${this.typeText(go.slice(2), type, from)}`;
    const map = /^map\[([^\]]+)\](.+)$/.exec(go);
    if (map) return `{}${this.typeText(map[2], type, from)}`;
    if (scalars.has(go)) return go;
    if (go === 'int') return 'int64';
    if (go === 'interface{}' || go === 'any') return 'any';
    const dot = go.indexOf('.');
    const home = dot < 0 ? from : this.byPath.get(type.imports.get(go.slice(0, dot)));
    const name = go.slice(dot + 1);
    const qualified = `${dot < 0 ? from.importPath : type.imports.get(go.slice(0, dot))}.${name}`;
    if (wellKnown[qualified]) return wellKnown[qualified];
    if (plainStrings[qualified]) return plainStrings[qualified];
    if (!home) throw new Error(`${from.id}.${type.name} uses ${qualified}, which is not read`);
    return this.named(home, name, from);
  }

  named(home, name, from) {
    const type = home.types.get(name);
    if (!type) throw new Error(`${home.id} has no type ${name}`);
    if (type.alias) return this.typeText(type.base, type, home);
    // Lists and maps with a name are what they stand for, unless protobuf wraps them in a message of their own.
    if (type.base && /^(\[\]|map)/.test(type.base) && !this.isMessage(type)) return this.typeText(type.base, type, home);
    this.describe(home, name);
    return home === from ? name : `${home.id}.${name}`;
  }

  isMessage(type) {
    return type.comment.includes('+protobuf.nullable=true');
  }

  describe(home, name) {
    const key = `${home.id}.${name}`;
    if (this.done.has(key)) return;
    const type = home.types.get(name);
    const facts = {};
    this.done.set(key, facts);
    const marks = new Map(markers(type.comment));
    if (type.struct) {
      facts.fields = {};
      if (marks.get('structType') === 'atomic') facts.atomic = true;
      if (marks.has('union')) facts.union = true;
      for (const field of type.struct) this.field(facts, field, type, home);
    } else if (this.isMessage(type)) facts.items = this.typeText(type.base, type, home);
    else if (scalars.has(type.base)) {
      facts.base = type.base;
      if (marks.has('enum')) {
        const values = [...home.constants.values()].filter((constant) => constant.type === name).map(({ value, from }) => value ?? this.byPath.get(from.importPath)?.constants.get(from.name)?.value ?? []).flat();
        facts.enum = [...new Set(values)].sort();
      }
    } else {
      // `type List metav1.List`: the same structure under another name.
      const [alias, original] = type.base.split('.');
      const other = this.byPath.get(type.imports.get(alias));
      this.describe(other, original);
      const { fields, ...rest } = this.done.get(`${other.id}.${original}`);
      const qualify = (text) => text.replace(/^((?:\[\]|\{\}|\*)*)([A-Z]\w*)$/, (all, shape, local) => (other.types.has(local) && !Object.values(wellKnown).includes(local) ? `${shape}${other.id}.${local}` : all));
      Object.assign(facts, rest, { fields: Object.fromEntries(Object.entries(fields).map(([n, [number, text, ...more]]) => [n, [number, qualify(text), ...more]])) });
    }
  }

  field(facts, field, type, home) {
    const [jsonName, ...words] = (field.tags.json ?? '').split(',');
    if (jsonName === '-') return;
    const number = Number(/^\w+,(\d+)/.exec(field.tags.protobuf ?? '')?.[1] ?? 0);
    if (field.embedded && (words.includes('inline') || jsonName === '')) {
      if (/(^|\.)TypeMeta$/.test(field.type)) facts.kind = true;
      else facts.fields[`<${field.name}>`] = [number, this.typeText(field.type, type, home), ''];
      return;
    }
    if (!jsonName) throw new Error(`${home.id}.${type.name}.${field.name} has no JSON name`);
    const marks = markers(field.comment);
    const mark = new Map(marks);
    const omitted = words.includes('omitempty');
    const optional = mark.has('required') || mark.has('k8s:required') ? false : mark.has('optional') || mark.has('k8s:optional') || omitted;
    const flags = `${omitted ? 'e' : ''}${words.includes('omitzero') ? 'z' : ''}${optional ? '' : 'r'}`;
    const more = {};
    for (const key of ['patchStrategy', 'patchMergeKey']) if (field.tags[key]) more[key] = field.tags[key];
    if (mark.has('listType')) more.listType = mark.get('listType');
    const keys = marks.filter(([key]) => key === 'listMapKey').map(([, value]) => value);
    if (keys.length) more.listMapKeys = keys;
    if (mark.has('mapType')) more.mapType = mark.get('mapType');
    if (mark.has('structType')) more.mapType = mark.get('structType');
    if (mark.has('default')) more.default = this.defaultValue(mark.get('default'), home);
    if (mark.has('unionDiscriminator')) more.discriminator = true;
    const fact = [number, this.typeText(field.type, type, home), flags];
    facts.fields[jsonName] = Object.keys(more).length ? [...fact, more] : fact;
  }

  defaultValue(text, home) {
    const reference = /^ref\((\w+)\)$/.exec(text);
    if (!reference) return JSON.parse(text);
    const constant = home.constants.get(reference[1]);
    if (!constant) throw new Error(`${home.id} has no constant ${reference[1]}`);
    return constant.value;
  }
}

export function readFacts(k8s) {
  const packages = sources.map((source) => readPackage(k8s, source));
  const facts = new Facts(packages);
  for (const home of packages)
    for (const [name, type] of home.types) {
      const isKind = type.struct?.some((field) => field.embedded && /(^|\.)TypeMeta$/.test(field.type) && field.tags.json?.includes('inline'));
      const isOther = home.id === 'core/v1' && name === 'List';
      const isWatch = home.id === 'meta/v1' && name === 'WatchEvent';
      // metav1.List carries no protobuf of its own; core/v1.List stands for it.
      if ((isKind || isOther || isWatch) && !(home.id === 'meta/v1' && name === 'List')) facts.describe(home, name);
    }
  const types = {};
  for (const home of packages)
    for (const [key, value] of [...facts.done].filter(([key]) => key.startsWith(`${home.id}.`)).sort(([a], [b]) => (a < b ? -1 : 1)))
      types[key] = value;
  for (const [name, value] of Object.entries(aggregator)) types[`apiregistration/v1.${name}`] = value;
  return {
    source: {
      project: 'Kubernetes 1.36, https://github.com/kubernetes/kubernetes, Apache-2.0 (see NOTICE)',
      packages: debianPackages,
      byHand: ['apiregistration/v1'],
    },
    packages: Object.fromEntries([
      ...packages.map(({ id, group, version, prefix }) => [id, { group, version, prefix }]),
      ['apiregistration/v1', aggregatorPackage],
    ]),
    types,
  };
}

/** One line a field, so that a new version of Kubernetes reads well in a diff. */
export function formatFacts({ source, packages, types }) {
  const lines = ['{', `"source": ${JSON.stringify(source, null, 1).replace(/\n\s*/g, ' ')},`, '"packages": {'];
  const block = (entries, write) => entries.map(([key, value], i) => `${write(key, value)}${i < entries.length - 1 ? ',' : ''}`);
  lines.push(...block(Object.entries(packages), (id, value) => ` ${JSON.stringify(id)}: ${JSON.stringify(value)}`), '},', '"types": {');
  lines.push(
    ...block(Object.entries(types), (name, { fields, ...rest }) => {
      const head = ` ${JSON.stringify(name)}: {${JSON.stringify(rest).slice(1, -1)}`;
      if (!fields) return `${head}}`;
      const members = block(Object.entries(fields), (field, fact) => `  ${JSON.stringify(field)}: ${JSON.stringify(fact)}`);
      return `${head}${Object.keys(rest).length ? ',' : ''}"fields": {\n${members.join('\n')}\n }}`.replace('{\n\n }', '{}');
    }),
    '}',
    '}',
    '',
  );
  return lines.join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const words = process.argv.slice(2);
  const text = withSources(words.find((word) => !word.startsWith('--')), (k8s) => formatFacts(readFacts(k8s)));
  if (words.includes('--check')) {
    if (fs.readFileSync(target, 'utf8') !== text) {
      console.error(`${path.relative(root, target)} is not what the packages say: run node tools/generateFacts.mjs`);
      process.exit(1);
    }
  } else fs.writeFileSync(target, text);
}
