import type { Namespace } from '../../../api/index.ts';
import type { KubeObject } from '../../../api/meta.ts';
import type { Authorizer } from '../../auth/types.ts';
import {
  AuthorizerValue, celLimits, CelError, CelMap, CostLimitExceeded, dynamicValue, parseTimestamp, ResourceCheck, Timestamp, type CelAuthorizer, type Value,
} from '../../cel/index.ts';
import type { Match } from '../matching.ts';
import { requestOf } from '../request.ts';
import type { AdmissionAttributes } from '../types.ts';
import { compileExpression, type ExpressionScope } from './compile.ts';

/** What an expression came to, or why it came to nothing. */
export type Outcome = { value: Value } | { error: string };

/** Nothing is evaluated any more: too much was spent. */
export class OutOfBudget extends Error {
  constructor() {
    super('validation failed due to running out of cost budget, no further validation rules will be run');
  }
}

export interface EvaluationInput {
  attributes: AdmissionAttributes;
  match: Match;
  /** The object as it is now; mutations change it between expressions. */
  object: KubeObject | undefined;
  oldObject: KubeObject | undefined;
  /** null: there is none; undefined: expressions may not speak of them. */
  params?: KubeObject | null;
  namespace?: Namespace;
  authorizer: Authorizer;
  variables?: readonly { name: string; expression: string }[];
  /** What all evaluations together may cost. */
  budget: number;
}

/**
 * The expressions of one policy or webhook for one request, with a budget for all of them.
 * Mirrors k8s.io/apiserver/pkg/admission/plugin/cel/{activation,condition}.go.
 */
export class RequestEvaluation {
  #remaining: number;
  readonly #values = new Map<string, Value>();
  readonly #variables: LazyVariables;

  constructor(private readonly input: EvaluationInput) {
    this.#remaining = input.budget;
    this.#variables = new LazyVariables(this);
  }

  /** Rejects nothing: a fault is an outcome, but for OutOfBudget, which is thrown. */
  evaluate(expression: string, result: ExpressionScope['result'], { authorizer = true } = {}): Outcome {
    return this.#run(expression, { params: this.input.params !== undefined, authorizer, variables: this.input.variables, result });
  }

  /** A variable; throws a CelError. */
  variable(name: string): Value | undefined {
    const { variables = [], params } = this.input;
    const at = variables.findIndex((variable) => variable.name === name);
    if (at < 0) return undefined;
    const { expression } = variables[at]!;
    const outcome = this.#run(expression, { params: params !== undefined, authorizer: true, variables: variables.slice(0, at), result: 'any' });
    if ('error' in outcome) throw new CelError(`composited variable ${JSON.stringify(name)} fails to evaluate: ${outcome.error}`);
    return outcome.value;
  }

  get variableNames(): string[] {
    return (this.input.variables ?? []).map(({ name }) => name);
  }

  #run(expression: string, scope: ExpressionScope): Outcome {
    const compiled = compileExpression(expression, scope);
    if ('fault' in compiled) return { error: `compilation error: ${compiled.fault}` };
    const before = this.#remaining;
    const outcome = compiled.program.evaluate((name) => this.#valueOf(name), Math.min(celLimits.perCall, before));
    this.#remaining -= outcome.cost;
    if (this.#remaining < 0) throw new OutOfBudget();
    if (!('error' in outcome)) return { value: outcome.value };
    if (outcome.error instanceof CostLimitExceeded && before <= celLimits.perCall) throw new OutOfBudget();
    return { error: `expression '${expression}' resulted in error: ${outcome.error.message}` };
  }

  #valueOf(name: string): Value | undefined {
    if (name === 'variables') return this.#variables;
    let value = this.#values.get(name);
    if (value === undefined) {
      value = this.#make(name);
      if (value !== undefined) this.#values.set(name, value);
    }
    return value;
  }

  #make(name: string): Value | undefined {
    const { attributes, match, object, oldObject, params, namespace, authorizer } = this.input;
    switch (name) {
      case 'object':
        return dynamicValue(object ?? null);
      case 'oldObject':
        return dynamicValue(oldObject ?? null);
      case 'request':
        return dynamicValue(requestOf(match, attributes));
      case 'namespaceObject':
        return namespace ? namespaceValue(namespace) : null;
      case 'params':
        return dynamicValue(params ?? null);
      case 'authorizer':
        return new AuthorizerValue(askerOf(authorizer, attributes));
      case 'authorizer.requestResource': {
        const { resource, subresource, namespace: where, name: which } = attributes;
        const access = { group: resource.group, resource: resource.resource, subresource, namespace: where, name: which };
        return new ResourceCheck(new AuthorizerValue(askerOf(authorizer, attributes)), access);
      }
      default:
        return undefined;
    }
  }
}

/** Variables are evaluated when they are asked for, once. */
class LazyVariables extends CelMap {
  override readonly typeName = 'kubernetes.variables';
  readonly #known = new Map<string, Value | CelError>();

  constructor(private readonly evaluation: RequestEvaluation) {
    super();
  }
  get size() {
    return this.evaluation.variableNames.length;
  }
  get(key: Value): Value | undefined {
    if (typeof key !== 'string') return undefined;
    let value = this.#known.get(key);
    if (value === undefined) {
      try {
        value = this.evaluation.variable(key);
      } catch (error) {
        if (!(error instanceof CelError)) throw error;
        value = error;
      }
      if (value === undefined) return undefined;
      this.#known.set(key, value);
    }
    if (value instanceof CelError) throw value;
    return value;
  }
  override has(key: Value): boolean {
    return typeof key === 'string' && this.evaluation.variableNames.includes(key);
  }
  keys(): Iterable<Value> {
    return this.evaluation.variableNames;
  }
}

/** Expressions see of a namespace what they are declared to see; times are times. */
function namespaceValue({ metadata = {}, spec, status }: Namespace): Value {
  const { name, generateName, namespace, labels, annotations, uid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, generation, resourceVersion, finalizers } = metadata;
  const shown = { name, generateName, namespace, labels, annotations, UID: uid, uid, deletionGracePeriodSeconds, generation, resourceVersion, finalizers };
  const times = new Map(Object.entries({ creationTimestamp, deletionTimestamp }).flatMap(([key, time]) => {
    const nanos = time === undefined ? undefined : parseTimestamp(time);
    return nanos === undefined ? [] : [[key, new Timestamp(nanos)] as const];
  }));
  const present = JSON.parse(JSON.stringify({ metadata: shown, spec, status })) as Record<string, object>;
  return new Overlay(dynamicValue(present) as CelMap, new Map([['metadata', new Overlay(dynamicValue(present.metadata) as CelMap, times)]]));
}

/** A map some of whose values are others. */
class Overlay extends CelMap {
  constructor(
    private readonly base: CelMap,
    private readonly others: ReadonlyMap<string, Value>,
  ) {
    super();
  }
  get size() {
    return [...this.keys()].length;
  }
  get(key: Value): Value | undefined {
    return typeof key === 'string' && this.others.has(key) ? this.others.get(key) : this.base.get(key);
  }
  keys(): Iterable<Value> {
    return new Set([...this.base.keys(), ...this.others.keys()]);
  }
}

function askerOf(authorizer: Authorizer, { context }: AdmissionAttributes): CelAuthorizer {
  return (access, account) => {
    const user = account
      ? { name: `system:serviceaccount:${account.namespace}:${account.name}`, groups: ['system:serviceaccounts', `system:serviceaccounts:${account.namespace}`, 'system:authenticated'] }
      : context.user;
    if (user.groups.includes('system:masters')) return { allowed: true, reason: '' };
    const decision = authorizer.authorize(user, {
      isResourceRequest: access.path === undefined,
      path: access.path ?? '',
      verb: access.verb,
      apiPrefix: '',
      group: access.group ?? '',
      version: '*',
      namespace: access.namespace ?? '',
      resource: access.resource ?? '',
      subresource: access.subresource ?? '',
      name: access.name ?? '',
      parts: [],
      fieldSelector: access.fieldSelector,
      labelSelector: access.labelSelector,
    });
    // Roles are read before the first request is let in.
    if (decision instanceof Promise) return { allowed: false, reason: '', error: 'the authorizer is not ready' };
    return { allowed: decision.allowed, reason: decision.reason };
  };
}
