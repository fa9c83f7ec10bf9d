import type { MatchResources, Namespace, ParamKind, ParamRef } from '../../../api/index.ts';
import { selectorFromLabelSelector } from '../../../api/labels.ts';
import { parseApiVersion, type KubeObject } from '../../../api/meta.ts';
import { notFound } from '../../../api/status.ts';
import { is } from '../attributes.ts';
import { matchNamespace, matchObject, matchRules, type Match } from '../matching.ts';
import type { AdmissionAttributes, AdmissionServices } from '../types.ts';

/* Which requests a policy and its binding are about, and with which parameters. Mirrors k8s.io/apiserver/pkg/admission/plugin/policy/{matching,generic}. */

/** `everything`: bindings may leave out rules and then concern all that their policy does. */
export async function selects(match: MatchResources | undefined, attributes: AdmissionAttributes, { resources }: AdmissionServices, everything: boolean): Promise<Match | undefined> {
  const whole: Match = { resource: attributes.resource, kind: attributes.kind };
  if (!match) return everything ? whole : undefined;
  if (!matchObject(match.objectSelector, attributes)) return undefined;
  if (match.excludeResourceRules?.length && matchRules(match.excludeResourceRules, match.matchPolicy, attributes, resources)) return undefined;
  const found = match.resourceRules?.length ? matchRules(match.resourceRules, match.matchPolicy, attributes, resources) : everything ? whole : undefined;
  if (!found || !(await matchNamespace(match.namespaceSelector, attributes))) return undefined;
  return found;
}

/** The namespace that expressions see; undefined for what lies in none. Throws 404. */
export async function namespaceOf({ resource, namespace, objects }: AdmissionAttributes): Promise<Namespace | undefined> {
  if (!namespace || is(resource, '', 'namespaces')) return undefined;
  const found = await objects.get<Namespace>({ group: '', version: 'v1', resource: 'namespaces' }, '', namespace);
  if (!found) throw notFound({ group: '', kind: 'namespaces' }, namespace);
  return found;
}

/**
 * The objects that parameterize a policy for this request; undefined: expressions may not speak of any, null: there is none.
 * No element at all: the binding does not apply. Throws an Error about a configuration that makes no sense.
 */
export async function paramsOf(kind: ParamKind | undefined, ref: ParamRef | undefined, attributes: AdmissionAttributes, { resources }: AdmissionServices): Promise<(KubeObject | null | undefined)[]> {
  if (!kind) return [undefined];
  if (!ref) return [null];
  const { group, version } = parseApiVersion(kind.apiVersion ?? '');
  const registry = resources.all().find(({ definition }) => definition.group === group && definition.version === version && definition.kind === kind.kind);
  if (!registry) throw new Error(`paramKind kind \`${kind.apiVersion}, Kind=${kind.kind}\` not known`);
  let namespace = '';
  if (registry.definition.namespaced) {
    namespace = ref.namespace || attributes.namespace;
    if (!namespace) throw new Error('cannot use namespaced paramRef in policy binding that matches cluster-scoped resources');
  } else if (ref.namespace) throw new Error('paramRef.namespace must not be provided for a cluster-scoped `paramKind`');
  const found = await find(ref, namespace, attributes, registry.definition);
  const typed = found.map((object) => ({ apiVersion: kind.apiVersion, kind: kind.kind, ...object }));
  if (!typed.length && ref.parameterNotFoundAction === 'Deny') throw new Error('no params found for policy binding with `Deny` parameterNotFoundAction');
  return typed;
}

async function find({ name, selector }: ParamRef, namespace: string, { objects }: AdmissionAttributes, resource: { group: string; version: string; resource: string }): Promise<KubeObject[]> {
  if (name) {
    const object = await objects.get(resource, namespace, name);
    return object ? [object] : [];
  }
  const chosen = selectorFromLabelSelector(selector!);
  return (await objects.list(resource, namespace || undefined)).filter(({ metadata }) => chosen.matches(metadata?.labels));
}
