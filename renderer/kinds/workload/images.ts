import type { PodSpec } from '../../../main/api/index.ts';
import type { KubeObject } from '../../../main/api/meta.ts';
import type { Column } from '../../components/grid/types.ts';

export const imagesOf = (spec: PodSpec | undefined): string => (spec?.containers ?? []).map(({ image }) => image).join(', ');

export function imagesColumn<T extends KubeObject>(spec: (object: T) => PodSpec | undefined): Column<T> {
  return { id: 'images', title: 'column.images', width: 140, grow: 2, text: (object) => imagesOf(spec(object)) };
}
