import type { PodSpec } from '../../../main/api/index.ts';

export const imagesOf = (spec: PodSpec | undefined): string => (spec?.containers ?? []).map(({ image }) => image).join(', ');
