import type { ConfigMap, DownwardAPIVolumeFile, KeyToPath, Pod, Secret } from '../../api/index.ts';
import type { VolumeFile } from '../../node/index.ts';
import { fieldValue, resourceValue, type PodFacts } from '../config/downward.ts';

/** The mode of files whose volume says none. */
export const defaultMode = 0o644;

const base64 = (text: string) => Buffer.from(text, 'utf8').toString('base64');

/** Mirrors pkg/volume/configmap/configmap.go (MakePayload); `optional` items that are missing are left out. */
export function configMapFiles(configMap: ConfigMap, items: KeyToPath[] | undefined, mode: number, optional: boolean): VolumeFile[] {
  const data = new Map<string, string>();
  for (const [key, value] of Object.entries(configMap.data ?? {})) data.set(key, base64(value));
  for (const [key, value] of Object.entries(configMap.binaryData ?? {})) data.set(key, value);
  return chosen(data, items, mode, optional, 'configmap references non-existent config key: ');
}

export function secretFiles(secret: Secret, items: KeyToPath[] | undefined, mode: number, optional: boolean): VolumeFile[] {
  return chosen(new Map(Object.entries(secret.data ?? {})), items, mode, optional, 'references non-existent secret key: ');
}

function chosen(data: Map<string, string>, items: KeyToPath[] | undefined, mode: number, optional: boolean, complaint: string): VolumeFile[] {
  if (!items || items.length === 0) return [...data].map(([path, content]) => ({ path, data: content, mode }));
  const files: VolumeFile[] = [];
  for (const item of items) {
    const content = data.get(item.key);
    if (content !== undefined) files.push({ path: item.path, data: content, mode: item.mode ?? mode });
    else if (!optional) throw new Error(`${complaint}${item.key}`);
  }
  return files;
}

/** Mirrors pkg/volume/downwardapi/downwardapi.go (CollectData). */
export function downwardFiles(items: DownwardAPIVolumeFile[] | undefined, pod: Pod, facts: PodFacts, mode: number): VolumeFile[] {
  return (items ?? []).map((item) => {
    const value = item.fieldRef
      ? fieldValue(item.fieldRef, pod, facts)
      : item.resourceFieldRef
        ? resourceValue(item.resourceFieldRef, pod, undefined, facts)
        : '';
    return { path: item.path, data: base64(value), mode: item.mode ?? mode };
  });
}
