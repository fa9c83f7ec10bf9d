import type { CustomResourceDefinition, CustomResourceDefinitionCondition, CustomResourceDefinitionNames } from '../../../api/index.ts';
import { equalJson } from '../../../api/json.ts';
import { timestamp } from '../../../api/meta.ts';
import { approvalNeeded, approvalOf, approvalText, isProtectedGroup, seeApproval } from './approval.ts';
import { nonStructural } from './validation.ts';

export type Condition = Pick<CustomResourceDefinitionCondition, 'type' | 'status' | 'reason' | 'message'>;

/** Sets a condition; its time is that of the last change of its status. Mirrors apihelpers.SetCRDCondition. */
export function setCondition(definition: CustomResourceDefinition, condition: Condition, now: number): void {
  const conditions = ((definition.status ??= {}).conditions ??= []);
  const existing = conditions.find(({ type }) => type === condition.type);
  if (!existing) conditions.push({ ...condition, lastTransitionTime: timestamp(now) });
  else {
    if (existing.status !== condition.status) existing.lastTransitionTime = timestamp(now);
    Object.assign(existing, condition);
  }
}

/** Names that other definitions of the group hold. */
interface Taken {
  resources: ReadonlySet<string>;
  kinds: ReadonlySet<string>;
}

function takenBy(others: readonly CustomResourceDefinition[]): Taken {
  const accepted = others.flatMap(({ status }) => status?.acceptedNames ?? []);
  return {
    resources: new Set(accepted.flatMap(({ plural, singular = '', shortNames = [] }) => [plural, singular, ...shortNames])),
    kinds: new Set(accepted.flatMap(({ kind, listKind = '' }) => [kind, listKind])),
  };
}

/**
 * What a definition's status should say, as a private copy that may equal the definition: which names it has, whether it is
 * established, what of its schema is not structural. `others` are the definitions of the same group. Mirrors apiextensions'
 * pkg/controller/{status,establish,nonstructuralschema,apiapproval}.
 */
export function settledStatus(definition: CustomResourceDefinition, others: readonly CustomResourceDefinition[], now: number): CustomResourceDefinition {
  const settled: CustomResourceDefinition = {
    ...definition,
    status: { ...definition.status, conditions: (definition.status?.conditions ?? []).map((condition) => ({ ...condition })) },
  };
  acceptNames(settled, takenBy(others), now);
  establish(settled, now);
  const faults = nonStructural(definition);
  if (faults) setCondition(settled, { type: 'NonStructuralSchema', status: 'True', reason: 'Violations', message: faults }, now);
  else settled.status!.conditions = settled.status!.conditions!.filter(({ type }) => type !== 'NonStructuralSchema');
  approve(settled, now);
  return settled;
}

function acceptNames(definition: CustomResourceDefinition, taken: Taken, now: number): void {
  const wanted = definition.spec.names;
  const before: Partial<CustomResourceDefinitionNames> = definition.status?.acceptedNames ?? {};
  if (equalJson(bare(wanted), bare(before)) && find(definition, 'NamesAccepted')) return;
  const names: CustomResourceDefinitionNames = { plural: '', kind: '', ...before };
  let refused: Condition | undefined;
  const inUse = (name: string) => `${JSON.stringify(name)} is already in use`;
  const claim = (name: 'plural' | 'singular' | 'kind' | 'listKind', reason: string, held: ReadonlySet<string>) => {
    const value = wanted[name] ?? '';
    if (value !== (before[name] ?? '') && held.has(value)) refused = { type: 'NamesAccepted', status: 'False', reason, message: inUse(value) };
    else names[name] = value;
  };
  claim('plural', 'PluralConflict', taken.resources);
  claim('singular', 'SingularConflict', taken.resources);
  const clashing = (wanted.shortNames ?? []).filter((name) => !before.shortNames?.includes(name) && taken.resources.has(name)).map(inUse);
  if (clashing.length) refused = { type: 'NamesAccepted', status: 'False', reason: 'ShortNamesConflict', message: clashing.length > 1 ? `[${clashing.join(', ')}]` : clashing[0]! };
  else if (wanted.shortNames) names.shortNames = wanted.shortNames;
  else delete names.shortNames;
  claim('kind', 'KindConflict', taken.kinds);
  claim('listKind', 'ListKindConflict', taken.kinds);
  if (wanted.categories) names.categories = wanted.categories;
  else delete names.categories;
  definition.status!.acceptedNames = names;
  setCondition(definition, refused ?? { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' }, now);
}

/** Names without members that are not there. */
const bare = (names: Partial<CustomResourceDefinitionNames>) => Object.fromEntries(Object.entries(names).filter(([, value]) => value !== undefined && value.length));

const find = (definition: CustomResourceDefinition, type: string) => definition.status?.conditions?.find((condition) => condition.type === type);

/** Once established, always established: objects may be there. */
function establish(definition: CustomResourceDefinition, now: number): void {
  if (find(definition, 'Established')?.status === 'True') return;
  const accepted = find(definition, 'NamesAccepted')?.status === 'True';
  setCondition(
    definition,
    accepted
      ? { type: 'Established', status: 'True', reason: 'InitialNamesAccepted', message: 'the initial names have been accepted' }
      : { type: 'Established', status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' },
    now,
  );
}

function approve(definition: CustomResourceDefinition, now: number): void {
  if (!isProtectedGroup(definition.spec.group)) return;
  const type = 'KubernetesAPIApprovalPolicyConformant';
  const text = approvalText(definition);
  const state = approvalOf(definition);
  if (state === 'missing') setCondition(definition, { type, status: 'False', reason: 'MissingAnnotation', message: `${approvalNeeded}, ${seeApproval}` }, now);
  else if (state === 'bypassed') setCondition(definition, { type, status: 'False', reason: 'UnapprovedAnnotation', message: `not approved: ${JSON.stringify(text)}` }, now);
  else setCondition(definition, { type, status: 'True', reason: 'ApprovedAnnotation', message: `approved in ${text}` }, now);
}
