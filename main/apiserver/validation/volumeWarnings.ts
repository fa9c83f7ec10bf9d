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
  return volumes.flatMap((volume) => {
    const { name, configMap, secret, downwardAPI, projected } = volume;
    if (configMap) return overlaps(name, `ConfigMap "${configMap.name ?? ''}"`, placed(configMap.items));
    if (secret) return overlaps(name, `Secret "${secret.secretName ?? ''}"`, placed(secret.items));
    if (downwardAPI) return overlaps(name, 'DownwardAPI', placed(downwardAPI.items));
    return projected ? projectedWarnings(name, projected.sources ?? []) : [];
  });
}

const placed = (items: Pick<KeyToPath, 'path'>[] | undefined, source = ''): Placed[] => (items ?? []).map(({ path }) => ({ path, source }));

type Projection = NonNullable<NonNullable<Volume['projected']>['sources']>[number];

function projectedWarnings(volume: string, sources: Projection[]): string[] {
  const empty = sources.filter((source) => Object.keys(source).length === 0).map(() => `volume ${JSON.stringify(volume)} (Projected) has no sources provided`);
  return [...empty, ...overlaps(volume, 'Projected', sources.flatMap(placedBy))];
}

function placedBy({ configMap, secret, downwardAPI, serviceAccountToken }: Projection): Placed[] {
  if (configMap) return placed(configMap.items, `ConfigMap "${configMap.name ?? ''}"`);
  if (secret) return placed(secret.items, `Secret "${secret.name ?? ''}"`);
  if (downwardAPI) return placed(downwardAPI.items, 'DownwardAPI');
  return serviceAccountToken ? placed([serviceAccountToken], 'ServiceAccountToken') : [];
}

function overlaps(volume: string, kind: string, files: Placed[]): string[] {
  const before: Placed[] = [];
  return files.flatMap(({ path: given, source }) => {
    const file = { path: given.replace(/\/+$/, ''), source };
    const below = (inner: string, outer: string) => `${inner}/`.startsWith(`${outer}/`);
    const hit = before.filter(({ path }) => path && file.path && (below(path, file.path) || below(file.path, path)));
    before.push(file);
    return hit.map((other) => `volume ${JSON.stringify(volume)} (${kind}): overlapping paths: ${describe(file)} with ${describe(other)}`);
  });
}

const describe = ({ path, source }: Placed): string => (source ? `${JSON.stringify(path)} (${source})` : JSON.stringify(path));
