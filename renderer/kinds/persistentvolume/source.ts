import type { PersistentVolume } from '../../../main/api/index.ts';

/** Members of a volume's spec that say nothing of where its bytes are. */
const others = new Set(['accessModes', 'capacity', 'claimRef', 'mountOptions', 'nodeAffinity', 'persistentVolumeReclaimPolicy', 'storageClassName', 'volumeAttributesClassName', 'volumeMode']);

/** Where a volume's bytes are: the kind of source, and its values in short. */
export function sourceOf({ spec }: PersistentVolume): { type: string; text: string } | undefined {
  const found = Object.entries(spec ?? {}).find(([key, value]) => !others.has(key) && typeof value === 'object' && value !== null);
  if (!found) return undefined;
  const values = Object.values(found[1] as Record<string, unknown>).filter((value) => typeof value === 'string' && value !== '');
  return { type: found[0], text: values.join(' ') };
}
