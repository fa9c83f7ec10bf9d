import {
  authorizerType, boolType, dynType, Environment, formatType, intType, listType, mapType, nullType, objectType, resourceCheckType, sameType, stringType, timestampType,
  type CelType, type Compiled,
} from '../../cel/index.ts';

/** What an expression must come to. */
export type ExpressionResult = 'bool' | 'string' | 'string or null' | 'any' | 'object' | 'JSON patch';

/** What an expression of a policy or webhook may speak of, besides object, oldObject, request and namespaceObject. */
export interface ExpressionScope {
  params: boolean;
  authorizer: boolean;
  /** `variables` that may be used, in their order. */
  variables?: readonly { name: string; expression: string }[];
  /** Types of its own instead of dyn: for telling whether it fits the kinds that a policy is about. */
  types?: { object?: CelType; params?: CelType };
  result: ExpressionResult;
}

export type CompiledExpression = Compiled | { fault: string };

/* Mirrors k8s.io/apiserver/pkg/admission/plugin/cel/{compile,composition}.go. */

const named = (name: string, fields: Record<string, CelType>) => objectType(`kubernetes.${name}`, fields);
const kindType = named('GroupVersionKind', { group: stringType, version: stringType, kind: stringType });
const resourceType = named('GroupVersionResource', { group: stringType, version: stringType, resource: stringType });
const userType = named('UserInfo', { username: stringType, uid: stringType, groups: listType(stringType), extra: mapType(stringType, listType(stringType)) });
const requestType = named('AdmissionRequest', {
  kind: kindType,
  resource: resourceType,
  subResource: stringType,
  requestKind: kindType,
  requestResource: resourceType,
  requestSubResource: stringType,
  name: stringType,
  namespace: stringType,
  operation: stringType,
  userInfo: userType,
  dryRun: boolType,
  options: dynType,
});
const labels = mapType(stringType, stringType);
const namespaceType = named('Namespace', {
  metadata: named('NamespaceMetadata', {
    name: stringType,
    generateName: stringType,
    namespace: stringType,
    labels,
    annotations: labels,
    UID: stringType,
    creationTimestamp: timestampType,
    deletionGracePeriodSeconds: intType,
    deletionTimestamp: timestampType,
    generation: intType,
    resourceVersion: stringType,
    finalizers: listType(stringType),
  }),
  spec: named('NamespaceSpec', { finalizers: listType(stringType) }),
  status: named('NamespaceStatus', { phase: stringType }),
});
/** Any type of that name, with any field: `Object`, `Object.spec.template`. */
const patchObject = (name: string): CelType | undefined =>
  name === 'Object' || name.startsWith('Object.') ? { kind: 'object', name, parameters: [], field: () => dynType } : undefined;
const jsonPatchType = objectType('JSONPatch', { op: stringType, path: stringType, from: stringType, value: dynType });

const results: Record<ExpressionResult, CelType[]> = {
  bool: [boolType],
  string: [stringType],
  'string or null': [stringType, nullType],
  any: [],
  object: [objectType('Object', {})],
  'JSON patch': [listType(jsonPatchType)],
};

const kept = 500;
const known = new Map<string, CompiledExpression>();

/** An expression ready to run, or what is wrong with it in upstream's words. The same one is compiled once. */
export function compileExpression(expression: string, scope: ExpressionScope): CompiledExpression {
  if (scope.types) return compile(expression, scope);
  const { params, authorizer, variables = [], result } = scope;
  const key = JSON.stringify([expression, params, authorizer, result, variables.map((variable) => [variable.name, variable.expression])]);
  let compiled = known.get(key);
  if (!compiled) {
    // A map keeps the order of insertion: the oldest goes first.
    if (known.size >= kept) known.delete(known.keys().next().value!);
    known.set(key, (compiled = compile(expression, scope)));
  }
  return compiled;
}

function compile(expression: string, scope: ExpressionScope): CompiledExpression {
  const compiled = environmentOf(scope).compile(expression);
  if (typeof compiled === 'string') return { fault: `compilation failed: ${compiled}` };
  const wanted = results[scope.result];
  const { outputType } = compiled;
  if (!wanted.length || wanted.some((type) => sameType(type, outputType))) return compiled;
  if (wanted.length === 1) return { fault: `must evaluate to ${shown(wanted[0]!)} but got ${shown(outputType)}` };
  return { fault: `must evaluate to one of [${wanted.map(shown).join(' ')}] but got ${shown(outputType)}` };
}

/** As Go's types call themselves. */
const shown = (type: CelType): string => (sameType(type, nullType) ? 'null_type' : formatType(type));

function environmentOf(scope: ExpressionScope): Environment {
  const { params, authorizer, variables, types = {}, result } = scope;
  const mutation = result === 'object' || result === 'JSON patch';
  const object = types.object ?? dynType;
  return new Environment({
    variables: {
      object,
      oldObject: object,
      request: requestType,
      namespaceObject: namespaceType,
      ...(params ? { params: types.params ?? dynType } : {}),
      ...(authorizer ? { authorizer: authorizerType, 'authorizer.requestResource': resourceCheckType } : {}),
      ...(variables?.length ? { variables: objectType('kubernetes.variables', variableTypes(scope)) } : {}),
    },
    ...(mutation ? { mutation, types: [jsonPatchType], typeOf: patchObject } : {}),
  });
}

/** Each variable may use those before it. One that does not compile is of any type: it is told of where it stands. */
function variableTypes({ variables = [], ...scope }: ExpressionScope): Record<string, CelType> {
  const types: Record<string, CelType> = {};
  variables.forEach(({ name, expression }, i) => {
    const compiled = compileExpression(expression, { ...scope, authorizer: true, variables: variables.slice(0, i), result: 'any' });
    types[name] = 'fault' in compiled ? dynType : compiled.outputType;
  });
  return types;
}
