import type { KeyToPath, ObjectMeta, PersistentVolume, PersistentVolumeClaim, Volume } from '../../api/index.ts';
import { nodeSelectorTermWarnings } from './nodeLabelWarnings.ts';
import { fractionalBytes } from './resources.ts';

const storageClassAnnotation = 'volume.beta.kubernetes.io/storage-class';
const useTheField = 'deprecated since v1.8; use "storageClassName" attribute instead';

/** By field of a source: its name and what is said of it. */
export const deprecatedSources = {
  cephfs: ['cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  photonPersistentDisk: ['photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  scaleIO: ['scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  storageos: ['storageOS', 'deprecated in v1.22, non-functional in v1.25+'],
  glusterfs: ['glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  rbd: ['rbd', 'deprecated in v1.28, non-functional in v1.31+'],
} as const;

/** Mirrors pkg/api/persistentvolume/util.go. */
export function persistentVolumeWarnings({ metadata, spec }: PersistentVolume): string[] {
  const warnings = annotationWarnings(metadata, {
    [storageClassAnnotation]: useTheField,
    'volume.beta.kubernetes.io/mount-options': 'deprecated since v1.31; use "mountOptions" attribute instead',
  });
  if (spec?.persistentVolumeReclaimPolicy === 'Recycle')
    warnings.push('spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.');
  spec?.nodeAffinity?.required?.nodeSelectorTerms.forEach((term, i) =>
    warnings.push(...nodeSelectorTermWarnings(`spec.nodeAffinity.required.nodeSelectorTerms[${i}]`, term, false)),
  );
  for (const [key, [field, text]] of Object.entries(deprecatedSources))
    if (spec?.[key as keyof typeof deprecatedSources]) warnings.push(`spec.${field}: ${text}`);
  return warnings;
}

/** Mirrors pkg/api/persistentvolumeclaim/util.go. */
export function claimWarnings({ metadata, spec }: PersistentVolumeClaim): string[] {
  return [...annotationWarnings(metadata, { [storageClassAnnotation]: useTheField }), ...claimSpecWarnings('spec', spec ?? {})];
}

export function claimSpecWarnings(field: string, spec: NonNullable<PersistentVolumeClaim['spec']>): string[] {
  const warnings: string[] = [];
  for (const what of ['requests', 'limits'] as const)
    fractionalBytes(spec.resources?.[what], (name, text) => warnings.push(`${field}.resources.${what}[${name}]: ${text}`), ['storage']);
  return warnings;
}

function annotationWarnings(metadata: ObjectMeta | undefined, deprecated: Record<string, string>): string[] {
  return Object.entries(deprecated)
    .filter(([key]) => metadata?.annotations?.[key] !== undefined)
    .map(([key, text]) => `metadata.annotations[${key}]: ${text}`);
}

/** A file of a volume, and where it comes from. */
interface Placed {
  path: string;
  source: string;
}

/** Files of one volume that hide each other, or lie below one another. Mirrors pkg/api/pod/warnings.go (warningsForOverlappingVirtualPaths). */
export function overlappingPathWarnings(volumes: Volume[]): string[] {
  const warnings: string[] = [];
  for (const { name, configMap, secret, downwardAPI, projected } of volumes) {
    if (configMap) overlaps(warnings, name, `ConfigMap "${configMap.name ?? ''}"`, placed([], configMap.items));
    else if (secret) overlaps(warnings, name, `Secret "${secret.secretName ?? ''}"`, placed([], secret.items));
    else if (downwardAPI) overlaps(warnings, name, 'DownwardAPI', placed([], downwardAPI.items));
    else if (projected) projectedWarnings(warnings, name, projected.sources ?? []);
  }
  return warnings;
}

function placed(files: Placed[], items: readonly Pick<KeyToPath, 'path'>[] | undefined, source = ''): Placed[] {
  if (items) for (const { path } of items) files.push({ path: path.endsWith('/') ? path.replace(/\/+$/, '') : path, source });
  return files;
}

type Projection = NonNullable<NonNullable<Volume['projected']>['sources']>[number];

function projectedWarnings(warnings: string[], volume: string, sources: Projection[]): void {
  const files: Placed[] = [];
  for (const { configMap, secret, downwardAPI, serviceAccountToken, ...other } of sources) {
    if (configMap) placed(files, configMap.items, `ConfigMap "${configMap.name ?? ''}"`);
    else if (secret) placed(files, secret.items, `Secret "${secret.name ?? ''}"`);
    else if (downwardAPI) placed(files, downwardAPI.items, 'DownwardAPI');
    else if (serviceAccountToken) placed(files, [serviceAccountToken], 'ServiceAccountToken');
    else if (Object.keys(other).length === 0) warnings.push(`volume ${JSON.stringify(volume)} (Projected) has no sources provided`);
  }
  overlaps(warnings, volume, 'Projected', files);
}

function overlaps(warnings: string[], volume: string, kind: string, files: readonly Placed[]): void {
  for (let i = 1; i < files.length; i++) {
    const file = files[i]!;
    for (let before = 0; before < i; before++) {
      const other = files[before]!;
      if (isBelow(other.path, file.path) || isBelow(file.path, other.path))
        warnings.push(`volume ${JSON.stringify(volume)} (${kind}): overlapping paths: ${describe(file)} with ${describe(other)}`);
    }
  }
}

/** The same path, or one below it; nothing lies below an empty one. */
const isBelow = (inner: string, outer: string): boolean =>
  outer !== '' && inner.startsWith(outer) && (inner.length === outer.length || inner.charCodeAt(outer.length) === 0x2f);

const describe = ({ path, source }: Placed): string => (source ? `${JSON.stringify(path)} (${source})` : JSON.stringify(path));
