import type { EnvVar } from '../../../main/api/index.ts';

/** Where the value of a variable comes from. */
export type EnvSource = 'value' | 'configMapKeyRef' | 'secretKeyRef' | 'fieldRef' | 'resourceFieldRef';
export const envSources: readonly EnvSource[] = ['value', 'configMapKeyRef', 'secretKeyRef', 'fieldRef', 'resourceFieldRef'];

const blank: Readonly<Record<Exclude<EnvSource, 'value'>, unknown>> = {
  configMapKeyRef: { name: '', key: '' },
  secretKeyRef: { name: '', key: '' },
  fieldRef: { fieldPath: 'status.podIP' },
  resourceFieldRef: { resource: 'limits.memory' },
};

/** Undefined for a source that the form does not show. */
export function envSourceOf(entry: EnvVar): EnvSource | undefined {
  if (!entry.valueFrom) return 'value';
  return envSources.find((source) => source !== 'value' && entry.valueFrom?.[source] !== undefined);
}

export const withEnvSource = (name: string | undefined, source: EnvSource): unknown => ({
  ...(name === undefined ? {} : { name }),
  ...(source === 'value' ? { value: '' } : { valueFrom: { [source]: blank[source] } }),
});
