import type { ExpressionWarning, ValidatingAdmissionPolicy } from '../../../api/index.ts';
import type { GroupVersionKind } from '../../../api/meta.ts';
import { schemaById, schemaOf, type FieldType, type ObjectSchema } from '../../../api/schema.ts';
import { boolType, bytesType, declaredType, doubleType, dynType, intType, listType, mapType, objectType, stringType, timestampType, type CelSchema, type CelType } from '../../cel/index.ts';
import { compileExpression } from '../expressions/index.ts';
import type { ResourceTable } from '../../registry/resources.ts';

/* Whether a policy's expressions fit the kinds that it is about. Mirrors k8s.io/apiserver/pkg/admission/plugin/policy/validating/typechecking.go. */

const maxTypes = 10;

/** What is to be told about a policy; empty: all fits, as far as the kinds are known. */
export function expressionWarnings({ spec }: ValidatingAdmissionPolicy, resources: ResourceTable): ExpressionWarning[] {
  const kinds = kindsOf(spec, resources).flatMap((kind) => {
    const type = celTypeOf(kind, resources);
    return type ? [{ kind, type }] : [];
  });
  const params = spec?.paramKind && celTypeOf(splitKind(spec.paramKind.apiVersion ?? '', spec.paramKind.kind ?? ''), resources);
  const check = (fieldRef: string, expression: string): ExpressionWarning[] => {
    const messages = kinds.flatMap(({ kind, type }) => {
      const compiled = compileExpression(expression, { params: !!spec?.paramKind, authorizer: true, variables: spec?.variables, types: { object: type, ...(params ? { params } : {}) }, result: 'any' });
      return 'fault' in compiled ? [`${kind.group}/${kind.version}, Kind=${kind.kind}: ${compiled.fault.replace(/^compilation failed: /, '')}\n`] : [];
    });
    return messages.length ? [{ fieldRef, warning: messages.join('\n') }] : [];
  };
  return (spec?.validations ?? []).flatMap(({ expression, messageExpression }, i) => [
    ...check(`spec.validations[${i}].expression`, expression),
    ...(messageExpression ? check(`spec.validations[${i}].messageExpression`, messageExpression) : []),
  ]);
}

function splitKind(apiVersion: string, kind: string): GroupVersionKind {
  const slash = apiVersion.indexOf('/');
  return { group: slash < 0 ? '' : apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1), kind };
}

/** The kinds that the rules name outright: what a wildcard covers may be anything. */
function kindsOf(spec: ValidatingAdmissionPolicy['spec'], resources: ResourceTable): GroupVersionKind[] {
  const kinds = new Map<string, GroupVersionKind>();
  const named = (items: readonly string[] | undefined) => (items?.includes('*') ? [] : [...(items ?? [])].sort());
  for (const rule of spec?.matchConstraints?.resourceRules ?? [])
    for (const group of named(rule.apiGroups))
      for (const version of named(rule.apiVersions))
        for (const resource of named(rule.resources)) {
          const found = resource.includes('/') ? undefined : resources.find(group, version, resource);
          if (found && kinds.size < maxTypes) kinds.set(`${group}/${version}/${found.definition.kind}`, { group, version, kind: found.definition.kind });
        }
  return [...kinds.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, kind]) => kind);
}

function celTypeOf(kind: GroupVersionKind, resources: ResourceTable): CelType | undefined {
  const schema = schemaOf(kind);
  if (schema) return structType(schema);
  const custom = resources.all().find(({ definition }) => definition.group === kind.group && definition.version === kind.version && definition.kind === kind.kind);
  const own = custom?.strategy.openApi?.v3;
  const type = own && declaredType(own as CelSchema, true)?.type;
  if (type?.kind !== 'object') return type;
  // Of metadata the definition says nothing: it is that of every object.
  const metadata = structType(schemaById('meta/v1.ObjectMeta')!);
  return { ...type, name: kind.kind, field: (name) => (name === 'metadata' ? metadata : type.field?.(name)) };
}

const made = new Map<ObjectSchema, CelType>();

/** Types may contain themselves: a field's is made when it is asked for. */
function structType(schema: ObjectSchema): CelType {
  let type = made.get(schema);
  if (type) return type;
  const known = new Map<string, CelType>();
  type = {
    ...objectType(schema.name, {}),
    field(name) {
      const field = schema.fields.get(name);
      if (field && !known.has(name)) known.set(name, fieldType(field.type));
      return known.get(name);
    },
  };
  made.set(schema, type);
  return type;
}

function fieldType(type: FieldType): CelType {
  switch (type.kind) {
    case 'list':
      return listType(fieldType(type.element));
    case 'map':
      return mapType(stringType, fieldType(type.element));
    case 'object':
      return structType(type.schema);
    default:
      return scalarTypes[type.kind === 'scalar' ? type.scalar : type.special] ?? dynType;
  }
}

const scalarTypes: Record<string, CelType> = { string: stringType, bool: boolType, int32: intType, int64: intType, float64: doubleType, bytes: bytesType, Time: timestampType, MicroTime: timestampType, Quantity: stringType };
