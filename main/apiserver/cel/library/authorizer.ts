import { member, type Declare } from '../functions.ts';
import { boolType, objectType, stringType } from '../types.ts';
import { CelError, Opaque } from '../values.ts';

export const authorizerType = objectType('kubernetes.authorization.Authorizer', {});
export const pathCheckType = objectType('kubernetes.authorization.PathCheck', {});
export const groupCheckType = objectType('kubernetes.authorization.GroupCheck', {});
export const resourceCheckType = objectType('kubernetes.authorization.ResourceCheck', {});
export const decisionType = objectType('kubernetes.authorization.Decision', {});

/** What an expression wants to know whether it is allowed: a resource or a path. */
export interface CelAccess {
  verb: string;
  path?: string;
  group?: string;
  resource?: string;
  subresource?: string;
  namespace?: string;
  name?: string;
  fieldSelector?: string;
  labelSelector?: string;
}

/** Answers for a user; `serviceAccount`, when given, is asked about instead of who made the request. */
export type CelAuthorizer = (access: CelAccess, serviceAccount?: { namespace: string; name: string }) => { allowed: boolean; reason: string; error?: string };

/** The variable `authorizer`, and the ones made from it. */
export class AuthorizerValue extends Opaque {
  readonly typeName = authorizerType.name;
  constructor(
    readonly ask: CelAuthorizer,
    readonly serviceAccount?: { namespace: string; name: string },
  ) {
    super();
  }
  equals(other: AuthorizerValue): boolean {
    return this === other;
  }
  check(access: CelAccess): DecisionValue {
    return new DecisionValue(this.ask(access, this.serviceAccount));
  }
}

class PathCheck extends Opaque {
  readonly typeName = pathCheckType.name;
  constructor(
    readonly authorizer: AuthorizerValue,
    readonly path: string,
  ) {
    super();
  }
  equals(other: PathCheck): boolean {
    return this === other;
  }
}

class GroupCheck extends Opaque {
  readonly typeName = groupCheckType.name;
  constructor(
    readonly authorizer: AuthorizerValue,
    readonly group: string,
  ) {
    super();
  }
  equals(other: GroupCheck): boolean {
    return this === other;
  }
}

/** The variable `authorizer.requestResource`, and what `authorizer.group(…).resource(…)` makes. */
export class ResourceCheck extends Opaque {
  readonly typeName = resourceCheckType.name;
  constructor(
    readonly authorizer: AuthorizerValue,
    readonly access: Omit<CelAccess, 'verb'>,
  ) {
    super();
  }
  equals(other: ResourceCheck): boolean {
    return this === other;
  }
  with(access: Partial<CelAccess>): ResourceCheck {
    return new ResourceCheck(this.authorizer, { ...this.access, ...access });
  }
}

class DecisionValue extends Opaque {
  readonly typeName = decisionType.name;
  constructor(readonly decision: ReturnType<CelAuthorizer>) {
    super();
  }
  equals(other: DecisionValue): boolean {
    return this === other;
  }
}

function notEmpty(text: string, what: string): string {
  if (!text.trim()) throw new CelError(`${what} must not be empty`);
  return text;
}

/** Questions to the authorizer; mirrors k8s.io/apiserver/pkg/cel/library (authz.go). */
export function authorizerLibrary(add: Declare): void {
  add('path', 'authorizer_path', [authorizerType, stringType], pathCheckType, (a: AuthorizerValue, path: string) => new PathCheck(a, notEmpty(path, 'path')), member);
  add('group', 'authorizer_group', [authorizerType, stringType], groupCheckType, (a: AuthorizerValue, group: string) => new GroupCheck(a, group), member);
  add('serviceAccount', 'authorizer_serviceaccount', [authorizerType, stringType, stringType], authorizerType, (a: AuthorizerValue, namespace: string, name: string) => new AuthorizerValue(a.ask, { namespace, name }), member);
  add('resource', 'groupcheck_resource', [groupCheckType, stringType], resourceCheckType, (g: GroupCheck, resource: string) => new ResourceCheck(g.authorizer, { group: g.group, resource: notEmpty(resource, 'resource') }), member);
  const narrow = (name: 'subresource' | 'namespace' | 'name' | 'fieldSelector' | 'labelSelector') =>
    add(name, `resourcecheck_${name.toLowerCase()}`, [resourceCheckType, stringType], resourceCheckType, (check: ResourceCheck, value: string) => check.with({ [name]: value }), member);
  for (const name of ['subresource', 'namespace', 'name', 'fieldSelector', 'labelSelector'] as const) narrow(name);
  add('check', 'pathcheck_check', [pathCheckType, stringType], decisionType, (check: PathCheck, verb: string) => check.authorizer.check({ verb, path: check.path }), member);
  add('check', 'resourcecheck_check', [resourceCheckType, stringType], decisionType, (check: ResourceCheck, verb: string) => check.authorizer.check({ ...check.access, verb }), member);
  add('errored', 'decision_errored', [decisionType], boolType, ({ decision }: DecisionValue) => decision.error !== undefined, member);
  add('error', 'decision_error', [decisionType], stringType, ({ decision }: DecisionValue) => decision.error ?? '', member);
  add('allowed', 'decision_allowed', [decisionType], boolType, ({ decision }: DecisionValue) => decision.allowed, member);
  add('reason', 'decision_reason', [decisionType], stringType, ({ decision }: DecisionValue) => decision.reason, member);
}
