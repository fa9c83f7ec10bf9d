import type { MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, Mutation, Namespace } from '../../../api/index.ts';
import type { KubeObject } from '../../../api/meta.ts';
import { schemaOf } from '../../../api/schema.ts';
import { StatusError } from '../../../api/status.ts';
import { celLimits, CelList, CelMap, CelObject, toJson, type Value } from '../../cel/index.ts';
import { applyConfiguration, carryOutAll, OperationError, patchSchemaOf, type PatchSchema } from '../../patch/index.ts';
import { reject } from '../attributes.ts';
import { matchConditionsHold, OutOfBudget, RequestEvaluation } from '../expressions/index.ts';
import { isExemptFromPolicies, type Match } from '../matching.ts';
import { seenAs, takeBack } from '../versions.ts';
import type { AdmissionAttributes, AdmissionPlugin, AdmissionServices } from '../types.ts';
import { replaceObject } from '../attributes.ts';
import { RegisteredPolicies } from './registered.ts';
import { namespaceOf, paramsOf, selects } from './selection.ts';

type Policy = MutatingAdmissionPolicy;
type Binding = MutatingAdmissionPolicyBinding;

interface Invocation {
  policy: Policy;
  binding: Binding;
  match: Match;
  params: KubeObject | null | undefined;
}

interface Refusal {
  policy: Policy;
  binding?: Binding;
  message: string;
  reason?: string;
}

const plugin = 'MutatingAdmissionPolicy';

/** Policies that change what is written, by expressions. Mirrors k8s.io/apiserver/pkg/admission/plugin/policy/mutating. */
export function mutatingPolicies(services: AdmissionServices): AdmissionPlugin {
  const registered = new RegisteredPolicies<Policy, Binding>(services, 'mutatingadmissionpolicies', 'mutatingadmissionpolicybindings');

  async function invocations(attributes: AdmissionAttributes, refusals: Refusal[]): Promise<Invocation[]> {
    const found: Invocation[] = [];
    for (const { policy, bindings } of await registered.all()) {
      const match = await selects(policy.spec?.matchConstraints, attributes, services, false);
      if (!match) continue;
      for (const binding of bindings) {
        if (!(await selects(binding.spec?.matchResources, attributes, services, true))) continue;
        try {
          for (const params of await paramsOf(policy.spec?.paramKind, binding.spec?.paramRef, attributes, services)) found.push({ policy, binding, match, params });
        } catch (error) {
          refusals.push({ policy, binding, message: `failed to configure binding: ${error instanceof Error ? error.message : String(error)}` });
        }
      }
    }
    return found;
  }

  return {
    name: plugin,
    handles: (operation, resource) => operation !== 'DELETE' && !isExemptFromPolicies(resource),
    async admit(attributes) {
      if (!(await registered.all()).length) return;
      const { reinvocation, object } = attributes;
      const refusals: Refusal[] = [];
      const own = reinvocation.of(plugin);
      const all = await invocations(attributes, refusals);
      if (all.length && reinvocation.again && own.changedSince(object)) own.requireInvoked();
      const namespace = all.length ? await namespaceOf(attributes) : undefined;
      for (const invocation of all) {
        const { policy, binding, match, params } = invocation;
        const seen = await seenAs(attributes, match, services);
        const holds = matchConditionsHold(policy.spec?.matchConditions, { attributes, match, object: seen.object, oldObject: seen.oldObject, params, authorizer: services.authorizer });
        if (typeof holds === 'string') refusals.push({ policy, binding, message: holds, reason: 'Invalid' });
        if (holds !== true || !object) continue;
        const id = JSON.stringify([policy.metadata!.name, binding.metadata!.name, params?.metadata?.namespace, params?.metadata?.name]);
        if (reinvocation.again && !own.isDue(id)) continue;
        let changed = false;
        for (const mutation of policy.spec?.mutations ?? []) {
          try {
            const one = replaceObject(seen.object!, mutated(mutation, seen.object!, invocation, seen, services, namespace));
            if (one && seen !== attributes) replaceObject(object, await takeBack(attributes, seen, match, services));
            changed ||= one;
          } catch (error) {
            if (error instanceof StatusError) throw error;
            refusals.push({ policy, binding, message: error instanceof Error ? error.message : String(error), reason: 'Invalid' });
          }
        }
        if (changed) {
          own.requireInvoked();
          reinvocation.want();
        }
        if (policy.spec?.reinvocationPolicy === 'IfNeeded') own.invoked(id);
      }
      if (all.length) own.leave(object);
      refuse(attributes, refusals.filter(({ policy }) => policy.spec?.failurePolicy !== 'Ignore'));
    },
    isIdle: () => registered.isEmpty,
    close: () => registered.close(),
  };
}

function refuse(attributes: AdmissionAttributes, refusals: readonly Refusal[]): void {
  const [first] = refusals;
  if (!first) return;
  const said = ({ policy, binding, message }: Refusal) =>
    binding ? `policy '${policy.metadata!.name}' with binding '${binding.metadata!.name}' denied request: ${message}` : `policy ${JSON.stringify(policy.metadata!.name)} denied request: ${message}`;
  const error = reject(attributes, 'admission request denied by policy');
  error.status.message = error.message = said(first);
  if (first.reason) error.status.reason = first.reason;
  error.status.details = { ...error.status.details, causes: refusals.map((refusal) => ({ message: said(refusal) })) };
  throw error;
}

/** The object after one mutation. Throws an Error that says why it cannot be made. */
function mutated(mutation: Mutation, object: KubeObject, invocation: Invocation, attributes: AdmissionAttributes, { authorizer, resources }: AdmissionServices, namespace: Namespace | undefined): KubeObject {
  const { policy, match, params } = invocation;
  const evaluation = new RequestEvaluation({
    attributes,
    match,
    object,
    oldObject: attributes.oldObject,
    params,
    namespace,
    authorizer,
    variables: policy.spec?.variables,
    budget: celLimits.runtimeBudget,
  });
  const isPatch = mutation.patchType === 'JSONPatch';
  const text = (isPatch ? mutation.jsonPatch?.expression : mutation.applyConfiguration?.expression)?.trim() ?? '';
  const outcome = evaluate(evaluation, text, isPatch ? 'JSON patch' : 'object');
  return attributes.settle(isPatch ? patched(object, outcome) : applied(object, outcome, resources.find(match.resource.group, match.resource.version, match.resource.resource)?.strategy.patchSchema));
}

function evaluate(evaluation: RequestEvaluation, text: string, result: 'JSON patch' | 'object'): Value {
  try {
    const outcome = evaluation.evaluate(text, result);
    if ('error' in outcome) throw new Error(outcome.error);
    return outcome.value;
  } catch (error) {
    throw error instanceof OutOfBudget ? new Error(error.message) : error;
  }
}

function patched(object: KubeObject, value: Value): KubeObject {
  const operations = [...(value as CelList)].map((operation) => {
    const { fields } = operation as CelObject;
    const text = (name: string) => fields.get(name) as string | undefined;
    const content = fields.get('value');
    if (content !== undefined) checkTypeNames(content);
    return { op: text('op') ?? '', path: text('path') ?? '', ...(text('from') ? { from: text('from') } : {}), ...(content === undefined ? {} : { value: toJson(content) }) };
  });
  try {
    return carryOutAll(object, operations);
  } catch (error) {
    if (!(error instanceof OperationError)) throw error;
    // A test that fails means that nothing is to be done.
    if (error.ofTest) return object;
    throw new Error(`JSON Patch: ${error.message}`);
  }
}

function applied(object: KubeObject, value: Value, own: PatchSchema | undefined): KubeObject {
  if (!(value instanceof CelObject)) throw new Error('unsupported return type from ApplyConfiguration expression');
  checkTypeNames(value);
  const configuration = { ...(toJson(value) as KubeObject), apiVersion: object.apiVersion, kind: object.kind };
  const [group = '', version = ''] = object.apiVersion!.includes('/') ? object.apiVersion!.split('/') : ['', object.apiVersion!];
  const schema = own ?? patchSchemaOf(schemaOf({ group, version, kind: object.kind! }));
  try {
    return applyConfiguration(object, configuration, schema);
  } catch (error) {
    throw new Error(`error applying patch: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** `Object.spec` must stand where `spec` is: `Object{spec: Object.spec{…}}`. */
function checkTypeNames(value: Value, expected?: string): void {
  if (value instanceof CelObject) {
    if (expected !== undefined && value.typeName !== expected)
      throw new Error(`type mismatch: unexpected type name ${JSON.stringify(value.typeName)}, expected ${JSON.stringify(expected)}, which matches field name path from root Object type`);
    for (const [name, field] of value.fields) checkTypeNames(field, `${value.typeName}.${name}`);
  } else if (value instanceof CelList) for (const item of value) checkTypeNames(item, expected);
  else if (value instanceof CelMap) for (const key of value.keys()) checkTypeNames(value.get(key)!, expected);
}

