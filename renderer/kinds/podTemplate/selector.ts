import type { FormContext } from '../../form/context.ts';

type Labels = Record<string, string>;
const selectorPath = 'spec.selector.matchLabels';
const podLabelsPath = 'spec.template.metadata.labels';

const labelsAt = (fields: FormContext, path: string): Labels => {
  const now = fields.get<Labels>(path);
  return typeof now === 'object' && now !== null ? now : {};
};

/** What selects pods must be on the pods: changed in the selector, it is changed in both; other labels of the pods stay. */
export function setSelector(fields: FormContext, next: Labels | undefined): void {
  const before = labelsAt(fields, selectorPath);
  const others = Object.entries(labelsAt(fields, podLabelsPath)).filter(([key]) => !(key in before));
  const labels = { ...next, ...Object.fromEntries(others) };
  fields.set(selectorPath, next);
  fields.set(podLabelsPath, Object.keys(labels).length ? labels : undefined);
}

/** The selector follows the name for as long as the user has not chosen another. */
export function followName(fields: FormContext, now: string, before: string): void {
  const selector = labelsAt(fields, selectorPath);
  if (!('app' in selector) || (selector.app !== '' && selector.app !== before) || selector.app === now) return;
  setSelector(fields, { ...selector, app: now });
}
