import type { GroupVersionResource } from '../../api/meta.ts';

/** Where objects lie in the store: `/registry/<group>/<resource>/[<namespace>/]<name>`; the core group is `core`. */
export function rootOf({ group, resource }: Pick<GroupVersionResource, 'group' | 'resource'>): string {
  return `/registry/${group || 'core'}/${resource}/`;
}
