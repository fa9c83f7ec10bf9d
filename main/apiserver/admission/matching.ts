import type { LabelSelector, Namespace, RuleWithOperations } from '../../api/index.ts';
import { selectorFromLabelSelector, type Selector } from '../../api/labels.ts';
import type { GroupVersionKind, KubeObject } from '../../api/meta.ts';
import { notFound } from '../../api/status.ts';
import type { ResourceTable } from '../registry/resources.ts';
import type { ResourceDefinition } from '../registry/strategy.ts';
import { is } from './attributes.ts';
import type { AdmissionAttributes } from './types.ts';

/* Which requests a webhook or policy is asked about. Mirrors k8s.io/apiserver/pkg/admission/plugin/webhook/predicates. */

const exempt = new Set([
  'ValidatingWebhookConfiguration',
  'MutatingWebhookConfiguration',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
  'MutatingAdmissionPolicy',
  'MutatingAdmissionPolicyBinding',
]);

/** What could lock everybody out is never judged by what it registers. */
export const isExempt = ({ group, kind }: GroupVersionKind) => group === 'admissionregistration.k8s.io' && exempt.has(kind);

const reviewGroups = new Set(['authentication.k8s.io', 'authorization.k8s.io']);

/** Nor do policies judge questions about who somebody is and what he may (pkg/kubeapiserver/admission/exclusion). */
export const isExemptFromPolicies = (resource: GroupVersionKind) => isExempt(resource) || reviewGroups.has(resource.group);

/** Under which of its names a resource is covered by a rule. */
export interface Match {
  resource: ResourceDefinition;
  kind: GroupVersionKind;
}

type Rule = RuleWithOperations & { resourceNames?: string[] };

/** The first rule that covers the request, also under an equivalent name of the resource where that is wanted. */
export function matchRules(rules: readonly Rule[], matchPolicy: string | undefined, attributes: AdmissionAttributes, resources: ResourceTable): Match | undefined {
  if (rules.some((rule) => ruleMatches(rule, attributes.resource, attributes))) return { resource: attributes.resource, kind: attributes.kind };
  if (matchPolicy !== 'Equivalent') return undefined;
  const others = equivalents(attributes.resource, resources);
  for (const rule of rules)
    for (const resource of others)
      if (ruleMatches(rule, resource, attributes))
        return { resource, kind: attributes.kind.kind === attributes.resource.kind ? { group: resource.group, version: resource.version, kind: resource.kind } : attributes.kind };
  return undefined;
}

/** The same stored objects in other versions, or in other groups. */
function equivalents(resource: ResourceDefinition, resources: ResourceTable): ResourceDefinition[] {
  const own = resources.find(resource.group, resource.version, resource.resource);
  return resources
    .all()
    .filter((other) => other !== own && other.root === own?.root)
    .map(({ definition }) => definition);
}

function ruleMatches(rule: Rule, resource: ResourceDefinition, { operation, subresource, namespace, name }: AdmissionAttributes): boolean {
  const covers = (items: readonly string[] | undefined, wanted: string) => !!items && (items.includes('*') || items.includes(wanted));
  if (!covers(rule.operations, operation) || !covers(rule.apiGroups, resource.group) || !covers(rule.apiVersions, resource.version)) return false;
  const inNamespace = namespace !== '' && !is(resource, '', 'namespaces');
  if (rule.scope === 'Namespaced' && !inNamespace) return false;
  if (rule.scope === 'Cluster' && inNamespace) return false;
  if (rule.resourceNames?.length && !rule.resourceNames.includes(name)) return false;
  return !!rule.resources?.some((text) => {
    const slash = text.indexOf('/');
    const [wanted, part] = slash < 0 ? [text, ''] : [text.slice(0, slash), text.slice(slash + 1)];
    return (wanted === '*' || wanted === resource.resource) && (part === '*' || part === subresource);
  });
}

const selectors = new WeakMap<LabelSelector, Selector>();

/** Registrations are shared and do not change, so that their selectors are read once. */
function selectorOf(selector: LabelSelector): Selector {
  let known = selectors.get(selector);
  if (!known) selectors.set(selector, (known = selectorFromLabelSelector(selector)));
  return known;
}

const isEmpty = (selector: LabelSelector | undefined) => !selector || (!selector.matchExpressions?.length && !Object.keys(selector.matchLabels ?? {}).length);

/** Whether the namespace of the request, or the namespace that it is about, is chosen. Throws 404 where there is no such namespace. */
export async function matchNamespace(selector: LabelSelector | undefined, attributes: AdmissionAttributes): Promise<boolean> {
  if (isEmpty(selector) || !attributes.namespace) return true;
  return selectorOf(selector!).matches(await namespaceLabels(attributes));
}

async function namespaceLabels({ resource, subresource, operation, object, namespace, objects }: AdmissionAttributes): Promise<Record<string, string> | undefined> {
  if (is(resource, '', 'namespaces') && !subresource && (operation === 'CREATE' || operation === 'UPDATE')) return object?.metadata?.labels;
  const found = await objects.get<Namespace>({ group: '', version: 'v1', resource: 'namespaces' }, '', namespace);
  if (!found) throw notFound({ group: '', kind: 'namespaces' }, namespace);
  return found.metadata?.labels;
}

/** Whether the object is chosen as it is to be or as it was. */
export function matchObject(selector: LabelSelector | undefined, { object, oldObject }: AdmissionAttributes): boolean {
  if (isEmpty(selector)) return true;
  const chosen = (candidate: KubeObject | undefined) => !!candidate && selectorOf(selector!).matches(candidate.metadata?.labels);
  return chosen(object) || chosen(oldObject);
}
