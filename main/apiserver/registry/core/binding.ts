import type { Binding } from '../../../api/index.ts';
import { define } from '../define.ts';
import type { Strategy } from '../strategy.ts';

/** What older schedulers post instead of pods/binding. Mirrors pkg/registry/core/pod/storage (LegacyBindingREST). */
export const binding: Strategy<Binding> = {
  definition: define('', 'v1', 'Binding', 'bindings', { verbs: ['create'] }),
  actsOn: { resource: { group: '', version: 'v1', resource: 'pods' }, subresource: 'binding' },
  hasGeneration: false,
  nameRule: 'pathSegment',
  validate: () => [],
  validateUpdate: () => [],
  columns: [],
  row: () => [],
};
