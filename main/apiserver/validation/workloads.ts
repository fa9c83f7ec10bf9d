import { sortedJson } from '../../api/json.ts';
import { isPercent } from '../../api/names.ts';
import { selectorFromLabelSelector, type Selector } from '../../api/labels.ts';
import { asGiven } from '../../api/normalize.ts';
import type { LabelSelector, PodTemplateSpec } from '../../api/index.ts';
import type { FieldErrors } from './field.ts';
import { annotations, labels, labelSelector, nonNegative } from './names.ts';
import { validatePodTemplateSpec } from './pod.ts';
import { validatePodAnnotations } from './podAnnotations.ts';

/* What deployments, replica sets and their like have in common. Mirrors pkg/apis/apps/validation/validation.go. */

export const labelsDiffer = '`selector` does not match template `labels`';

/** In what the kinds differ. */
interface SelectorWords {
  /** What is said of a selector that selects everything. */
  empty: string;
  required?: boolean;
  /** What is said of a selector that cannot be understood, after which the template is not looked at; absent: no word, and it is. */
  unreadable?: string;
  /** Whether the template's metadata is judged twice. */
  again?: boolean;
  restartPolicy?: boolean;
  /** False: nothing more is said of the template's pods. */
  pods?: boolean;
  /** The template as it was: what was bad of it may stay. */
  before?: PodTemplateSpec | undefined;
}

/** Undefined for a selector that says nothing valid. */
export function readableSelector(selector: LabelSelector | undefined): Selector | undefined {
  try {
    return selectorFromLabelSelector(selector);
  } catch {
    return undefined;
  }
}

/** The selector is there, not empty, and what the template makes would be found by it. */
export function selectorAndTemplate(
  errors: FieldErrors,
  field: string,
  spec: { selector?: LabelSelector; template?: PodTemplateSpec },
  { empty, required = true, unreadable, again = false, restartPolicy = true, pods = true, before }: SelectorWords,
): void {
  const selector = spec.selector;
  if (!selector && required) errors.required(`${field}.selector`);
  if (selector) {
    labelSelector(errors, `${field}.selector`, selector);
    if (!Object.keys(selector.matchLabels ?? {}).length && !selector.matchExpressions?.length) errors.invalid(`${field}.selector`, selector, empty);
  }
  const template = spec.template ?? {};
  const path = `${field}.template`;
  const matcher = readableSelector(selector);
  if (!matcher && unreadable !== undefined) return errors.invalid(`${field}.selector`, selector, unreadable);
  if (matcher && !matcher.empty && !matcher.matches(template.metadata?.labels)) errors.invalid(`${path}.metadata.labels`, sortedJson(asGiven(template.metadata, 'labels')), labelsDiffer);
  if (pods) validatePodTemplateSpec(errors, path, template, before);
  if (again) {
    labels(errors, `${path}.labels`, template.metadata?.labels);
    annotations(errors, `${path}.annotations`, template.metadata?.annotations);
    validatePodAnnotations(errors, `${path}.annotations`, template.metadata?.annotations, template.spec ?? { containers: [] });
  }
  if (!restartPolicy) return;
  if (template.spec?.restartPolicy !== 'Always') errors.notSupported(`${path}.spec.restartPolicy`, template.spec?.restartPolicy ?? '', ['Always']);
  if (template.spec?.activeDeadlineSeconds !== undefined)
    errors.forbidden(`${path}.spec.activeDeadlineSeconds`, 'activeDeadlineSeconds in ReplicaSet is not Supported');
}

/** A count, or a share such as `25%`. */
export function positiveIntOrPercent(errors: FieldErrors, field: string, value: number | string | undefined): void {
  if (typeof value === 'string') errors.invalidEach(field, value, isPercent(value));
  else if (value !== undefined && value < 0) errors.invalid(field, value, 'must be greater than or equal to 0');
}

export function notMoreThan100Percent(errors: FieldErrors, field: string, value: number | string | undefined): void {
  if (typeof value === 'string' && percentOf(value) > 100) errors.invalid(field, value, 'must not be greater than 100%');
}

export const percentOf = (value: string) => (/^\d+%$/.test(value) ? parseInt(value, 10) : 0);

/** The number itself, or the percentage as a number: whether it is nothing at all. */
export const isZero = (value: number | string | undefined) => (typeof value === 'string' ? percentOf(value) : (value ?? 0)) === 0;

type Counts<Name extends string> = { [name in Name]?: number } & { replicas?: number; readyReplicas?: number; availableReplicas?: number };

/** None below zero, no part above the whole, and nothing available that is not ready (which is called `ready`). */
export function replicaCounts<Name extends string>(errors: FieldErrors, status: Counts<Name> = {}, names: readonly Name[], parts: readonly Name[], ready = 'readyReplicas'): void {
  const count = (name: string) => (status as Record<string, number | undefined>)[name] ?? 0;
  for (const name of names) nonNegative(errors, `status.${name}`, status[name]);
  for (const name of parts) if (count(name) > count('replicas')) errors.invalid(`status.${name}`, count(name), 'cannot be greater than status.replicas');
  if (count('availableReplicas') > count('readyReplicas')) errors.invalid('status.availableReplicas', count('availableReplicas'), `cannot be greater than ${ready}`);
}
