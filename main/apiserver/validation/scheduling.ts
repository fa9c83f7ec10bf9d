import { isDns1123Label, isDns1123Subdomain, isLabelValue, isQualifiedName } from '../../api/names.ts';
import { equalJson } from '../../api/json.ts';
import type {
  Affinity, LabelSelector, NodeSelector, NodeSelectorTerm, PodAffinityTerm, Toleration, TopologySpreadConstraint,
} from '../../api/index.ts';
import type { FieldErrors } from './field.ts';
import { labelSelector, positive, qualifiedName, selectorValues } from './names.ts';

/* Where a pod may run. Mirrors pkg/apis/core/validation/validation.go (validateAffinity, ValidateTolerations, …). */

const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

/** `before`: what had nodes' labels that no node can have keeps them. */
export function validateAffinity(errors: FieldErrors, field: string, affinity: Affinity | undefined, before?: Affinity): void {
  if (!affinity) return;
  const node = affinity.nodeAffinity;
  const required = 'requiredDuringSchedulingIgnoredDuringExecution';
  const preferred = 'preferredDuringSchedulingIgnoredDuringExecution';
  if (node?.[required]) validateNodeSelector(errors, `${field}.nodeAffinity.${required}`, node[required], before?.nodeAffinity?.[required]);
  node?.[preferred]?.forEach((term, i) => {
    const path = `${field}.nodeAffinity.${preferred}[${i}]`;
    weight(errors, `${path}.weight`, term.weight);
    nodeSelectorTerm(errors, `${path}.preference`, term.preference ?? {}, true);
  });
  for (const kind of ['podAffinity', 'podAntiAffinity'] as const) {
    affinity[kind]?.[required]?.forEach((term, i) => podAffinityTerm(errors, `${field}.${kind}.${required}[${i}]`, term));
    affinity[kind]?.[preferred]?.forEach((term, i) => {
      const path = `${field}.${kind}.${preferred}[${i}]`;
      weight(errors, `${path}.weight`, term.weight);
      podAffinityTerm(errors, `${path}.podAffinityTerm`, term.podAffinityTerm ?? {});
    });
  }
}

function weight(errors: FieldErrors, field: string, value: number | undefined): void {
  if (!value || value <= 0 || value > 100) errors.invalid(field, value ?? 0, 'must be in the range 1-100');
}

export function validateNodeSelector(errors: FieldErrors, field: string, selector: NodeSelector, before?: NodeSelector): void {
  const path = `${field}.nodeSelectorTerms`;
  if (!selector.nodeSelectorTerms?.length) return errors.required(path, 'must have at least one node selector term');
  const anyValue = !!before?.nodeSelectorTerms?.some(({ matchExpressions }) => matchExpressions?.some(({ values }) => values?.some((value) => isLabelValue(value).length)));
  selector.nodeSelectorTerms.forEach((term, i) => nodeSelectorTerm(errors, `${path}[${i}]`, term, anyValue));
}

function nodeSelectorTerm(errors: FieldErrors, field: string, term: NodeSelectorTerm, anyValue: boolean): void {
  term.matchExpressions?.forEach((requirement, i) => {
    const path = `${field}.matchExpressions[${i}]`;
    const values = requirement.values ?? [];
    if (requirement.operator === 'Gt' || requirement.operator === 'Lt') {
      if (values.length !== 1) errors.required(`${path}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'");
    } else if (!selectorValues(errors, path, requirement.operator, values)) errors.invalid(`${path}.operator`, requirement.operator ?? '', 'not a valid selector operator');
    qualifiedName(errors, `${path}.key`, requirement.key ?? '');
    if (!anyValue) values.forEach((value, j) => errors.invalidEach(`${path}.values[${j}]`, value, isLabelValue(value)));
  });
  term.matchFields?.forEach((requirement, i) => {
    const path = `${field}.matchFields[${i}]`;
    const values = requirement.values ?? [];
    if (requirement.operator === 'In' || requirement.operator === 'NotIn') {
      if (values.length !== 1)
        errors.required(`${path}.values`, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector");
    } else errors.invalid(`${path}.operator`, requirement.operator ?? '', 'not a valid selector operator');
    if (requirement.key !== 'metadata.name') errors.invalid(`${path}.key`, requirement.key ?? '', 'not a valid field selector key');
    else values.forEach((value, j) => errors.invalidEach(`${path}.values[${j}]`, value, isDns1123Subdomain(value)));
  });
}

function podAffinityTerm(errors: FieldErrors, field: string, term: Partial<PodAffinityTerm>): void {
  labelSelector(errors, `${field}.labelSelector`, term.labelSelector);
  labelSelector(errors, `${field}.namespaceSelector`, term.namespaceSelector);
  for (const name of term.namespaces ?? []) errors.invalidEach(`${field}.namespace`, name, isDns1123Label(name));
  matchLabelKeys(errors, field, term.matchLabelKeys ?? [], term.mismatchLabelKeys ?? [], term.labelSelector);
  if (!term.topologyKey) errors.required(`${field}.topologyKey`, 'can not be empty');
  qualifiedName(errors, `${field}.topologyKey`, term.topologyKey ?? '');
}

function matchLabelKeys(errors: FieldErrors, field: string, match: string[], mismatch: string[], selector: LabelSelector | undefined): void {
  for (const [name, keys] of [['matchLabelKeys', match], ['mismatchLabelKeys', mismatch]] as const) {
    if (!keys.length) continue;
    if (!selector) errors.forbidden(`${field}.${name}`, 'must not be specified when labelSelector is not set');
    else keys.forEach((key, i) => errors.invalidEach(`${field}.${name}[${i}]`, key, isQualifiedName(key)));
  }
  const taken = new Set(Object.keys(selector?.matchLabels ?? {}));
  for (const { key } of selector?.matchExpressions ?? []) {
    const i = match.indexOf(key);
    if (i >= 0 && taken.has(key)) errors.invalid(`${field}[${i}]`, key, 'exists in both matchLabelKeys and labelSelector');
    taken.add(key);
  }
  match.forEach((key, i) => {
    if (mismatch.includes(key)) errors.invalid(`${field}.matchLabelKeys[${i}]`, key, 'exists in both matchLabelKeys and mismatchLabelKeys');
  });
}

export function taintEffect(errors: FieldErrors, field: string, effect: string | undefined, allowEmpty: boolean): void {
  if (!effect && !allowEmpty) errors.required(field);
  else if (effect && !effects.includes(effect)) errors.notSupported(field, effect, effects);
}

export function validateTolerations(errors: FieldErrors, field: string, tolerations: Toleration[] | undefined): void {
  tolerations?.forEach((toleration, i) => {
    const path = `${field}[${i}]`;
    const { key = '', operator = '', value = '', effect = '' } = toleration;
    if (key) qualifiedName(errors, `${path}.key`, key);
    if (!key && operator !== 'Exists')
      errors.invalid(`${path}.operator`, operator, 'operator must be Exists when `key` is empty, which means "match all values and all keys"');
    if (toleration.tolerationSeconds !== undefined && effect !== 'NoExecute')
      errors.invalid(`${path}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set");
    if (operator === '' || operator === 'Equal') {
      const messages = isLabelValue(value);
      if (messages.length) errors.invalid(`${path}.operator`, value, messages.join(';'));
    } else if (operator === 'Exists') {
      if (value) errors.invalid(`${path}.operator`, value, "value must be empty when `operator` is 'Exists'");
    } else if (operator === 'Lt' || operator === 'Gt') {
      errors.notSupported(`${path}.operator`, operator, ['Equal', 'Exists', 'Lt', 'Gt']);
    } else errors.notSupported(`${path}.operator`, operator, ['Equal', 'Exists']);
    taintEffect(errors, `${path}.effect`, effect, true);
  });
}

/** An update may add tolerations and change their seconds, no more. */
export function onlyAddedTolerations(errors: FieldErrors, field: string, after: Toleration[] = [], before: Toleration[] = []): void {
  for (const old of before) {
    if (!after.some((toleration) => equalJson({ ...old, tolerationSeconds: toleration.tolerationSeconds }, toleration)))
      return errors.forbidden(field, 'existing toleration can not be modified except its tolerationSeconds');
  }
  validateTolerations(errors, field, after);
}

export function validateTopologySpread(errors: FieldErrors, field: string, constraints: TopologySpreadConstraint[] | undefined): void {
  constraints?.forEach((constraint, i) => {
    const path = `${field}[${i}]`;
    positive(errors, `${path}.maxSkew`, constraint.maxSkew);
    if (!constraint.topologyKey) errors.required(`${path}.topologyKey`, 'can not be empty');
    const action = constraint.whenUnsatisfiable;
    if (action !== 'DoNotSchedule' && action !== 'ScheduleAnyway')
      errors.notSupported(`${path}.whenUnsatisfiable`, action ?? '', ['DoNotSchedule', 'ScheduleAnyway']);
    if (constraints.slice(i + 1).some((other) => other.topologyKey === constraint.topologyKey && other.whenUnsatisfiable === action))
      errors.duplicate(`${path}.{topologyKey, whenUnsatisfiable}`, `{${constraint.topologyKey}, ${action}}`);
    if (constraint.minDomains !== undefined) {
      positive(errors, `${path}.minDomains`, constraint.minDomains);
      if (action !== 'DoNotSchedule')
        errors.invalid(`${path}.minDomains`, constraint.minDomains, `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${action}`);
    }
    for (const name of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const) {
      const policy = constraint[name];
      if (policy !== undefined && policy !== 'Honor' && policy !== 'Ignore') errors.notSupported(`${path}.${name}`, policy, ['Honor', 'Ignore']);
    }
    matchLabelKeys(errors, path, constraint.matchLabelKeys ?? [], [], constraint.labelSelector);
    labelSelector(errors, `${path}.labelSelector`, constraint.labelSelector);
  });
}
