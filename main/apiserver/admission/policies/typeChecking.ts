import type { ExpressionWarning, NamedRuleWithOperations, ValidatingAdmissionPolicy } from '../../../api/index.ts';
import type { GroupVersionKind } from '../../../api/meta.ts';
import { schemaById, schemaOf, type FieldType, type ObjectSchema, type Scalar, type Special } from '../../../api/schema.ts';
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

/** The kinds that the rules name outright, up to a rule that names too many: what a wildcard covers may be anything. */
function kindsOf(spec: ValidatingAdmissionPolicy['spec'], resources: ResourceTable): GroupVersionKind[] {
  const kinds = new Map<string, GroupVersionKind>();
  const named = (items: readonly string[] | undefined) => (items?.includes('*') ? [] : [...(items ?? [])].sort());
  const ofRule = ({ apiGroups, apiVersions, resources: names }: NamedRuleWithOperations) =>
    named(apiGroups).flatMap((group) =>
      named(apiVersions).flatMap((version) =>
        named(names).flatMap((name) =>
          resources
            .all()
            // Upstream's mapper takes the group without a name for any.
            .filter(({ definition: d }) => (group === '' || d.group === group) && d.version === version && d.resource === name)
            .map(({ definition: d }) => ({ group: d.group, version, kind: d.kind })),
        ),
      ),
    );
  for (const rule of spec?.matchConstraints?.resourceRules ?? []) {
    const some = ofRule(rule).slice(0, maxTypes);
    for (const kind of some) kinds.set(`${kind.group}\0${kind.version}\0${kind.kind}`, kind);
    if (some.length === maxTypes) break;
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
  const known = new Map<string, CelType | undefined>();
  type = {
    ...objectType(schema.name, {}),
    field(name) {
      const field = schema.fields.get(name);
      if (field && !known.has(name)) known.set(name, fieldType(field.type, schema));
      return known.get(name);
    },
  };
  made.set(schema, type);
  return type;
}

/** A type inside itself is empty (upstream: cel/openapi/resolver, refs.go); undefined: it is not to be seen. */
function fieldType(type: FieldType, owner: ObjectSchema): CelType | undefined {
  switch (type.kind) {
    case 'list': {
      const element = fieldType(type.element, owner);
      return element && listType(element);
    }
    case 'map': {
      const element = fieldType(type.element, owner);
      return element && mapType(stringType, element);
    }
    case 'object':
      return type.schema === owner ? objectType(owner.name, {}) : structType(type.schema);
    case 'special':
      return specialTypes[type.special];
    case 'scalar':
      return scalarTypes[type.scalar];
  }
}

const scalarTypes: Record<Scalar, CelType | undefined> = { string: stringType, bool: boolType, int32: intType, int64: intType, float64: doubleType, bytes: bytesType, any: undefined };

/** What OpenAPI gives no one type is not to be seen, numbers or strings with a format of their own excepted. */
const specialTypes: Partial<Record<Special, CelType>> = { IntOrString: dynType, Time: timestampType, MicroTime: timestampType, RawExtension: objectType('RawExtension', {}), FieldsV1: objectType('FieldsV1', {}) };
