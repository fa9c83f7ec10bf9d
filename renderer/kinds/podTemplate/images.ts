import type { Node } from '../../../main/api/index.ts';

/** The images that nodes hold, by the names that people write: those start with no pull. */
export function localImages(nodes: readonly Node[]): string[] {
  const names = nodes.flatMap(({ status }) => (status?.images ?? []).flatMap((image) => image.names ?? []));
  const short = names.filter((name) => !name.includes('@')).map((name) => name.replace(/^docker\.io\/(library\/)?/, ''));
  // The machines of this cluster are no images to run.
  return [...new Set(short)].filter((name) => !name.startsWith('skiff-node:')).sort();
}
