import type { ControllerRevision, PodTemplateSpec } from '../api/index.ts';
import { cloneJson, sortedJson } from '../api/json.ts';
import { newControllerRef, type GroupVersionKind, type KubeObject } from '../api/meta.ts';
import { isAlreadyExists, isNotFound } from '../api/status.ts';
import { resources, type Client } from '../client/index.ts';
import { byAge } from './age.ts';
import { equalTemplates, podTemplateHash } from './podTemplateHash.ts';

const maxPrefix = 223;

interface RevisionData {
  spec: { template: PodTemplateSpec & { $patch?: string } };
}

/** What has a template, and keeps the ones it had. */
export type Templated = KubeObject & { spec?: { template: PodTemplateSpec } };

/** The template that a revision keeps. Mirrors ApplyRevision of pkg/controller/statefulset/stateful_set_utils.go. */
export function templateOf(revision: ControllerRevision): PodTemplateSpec {
  const { $patch: _, ...template } = (revision.data as RevisionData).spec.template;
  return template;
}

export const byRevisionNumber = (a: ControllerRevision, b: ControllerRevision): number => a.revision - b.revision || byAge(a, b);

export const nextRevisionNumber = (revisions: ControllerRevision[]): number =>
  revisions.reduce((max, { revision }) => Math.max(max, revision), 0) + 1;

/** The latest revision that keeps the owner's template as it is now. */
export const equalRevision = (owner: Templated, revisions: ControllerRevision[]): ControllerRevision | undefined =>
  [...revisions]
    .sort(byRevisionNumber)
    .findLast((revision) => equalTemplates(templateOf(revision), owner.spec!.template));

/**
 * Keeps the owner's template under a name of its own; `collisions` counts how often that was taken. Mirrors
 * CreateControllerRevision of pkg/controller/history/controller_history.go.
 */
export async function createRevision(
  client: Client,
  owner: Templated,
  kind: GroupVersionKind,
  revision: number,
  options: { collisions: number; hashLabel: string },
): Promise<{ revision: ControllerRevision; collisions: number }> {
  const { namespace, name, annotations } = owner.metadata!;
  const template = cloneJson(owner.spec!.template);
  for (let { collisions } = options; ; collisions++) {
    const hash = podTemplateHash(template, collisions);
    const wanted: ControllerRevision = {
      apiVersion: 'apps/v1',
      kind: 'ControllerRevision',
      metadata: {
        namespace,
        name: `${name!.slice(0, maxPrefix)}-${hash}`,
        labels: { ...template.metadata?.labels, [options.hashLabel]: hash },
        annotations: { ...annotations },
        ownerReferences: [newControllerRef(owner, kind)],
      },
      // Clients compare it byte by byte with what Go would write.
      data: sortedJson({ spec: { template: { ...template, $patch: 'replace' } } }),
      revision,
    };
    try {
      return { revision: await client.of(resources.controllerRevisions).create(wanted), collisions };
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      const existing = await client.of(resources.controllerRevisions).get(namespace!, wanted.metadata!.name!);
      if (equalTemplates(templateOf(existing), template)) return { revision: existing, collisions };
    }
  }
}

/** The revision of the owner's template: an old one comes to the front again, a new one is made. */
export async function currentRevision(
  client: Client,
  owner: Templated,
  kind: GroupVersionKind,
  revisions: ControllerRevision[],
  options: { collisions: number; hashLabel: string },
): Promise<{ revision: ControllerRevision; collisions: number }> {
  const equal = equalRevision(owner, revisions);
  const next = nextRevisionNumber(revisions);
  if (!equal) return createRevision(client, owner, kind, next, options);
  const { collisions } = options;
  if (equal.revision === next - 1) return { revision: equal, collisions };
  const revision = await client.of(resources.controllerRevisions).update({ ...equal, revision: next });
  return { revision, collisions };
}

/** Deletes the oldest revisions beyond `limit` that nothing uses any more. */
export async function truncateHistory(
  client: Client,
  revisions: ControllerRevision[],
  isUsed: (revision: ControllerRevision) => boolean,
  limit: number,
): Promise<void> {
  const unused = revisions.filter((revision) => !isUsed(revision)).sort(byRevisionNumber);
  for (const { metadata } of unused.slice(0, Math.max(0, unused.length - limit))) {
    try {
      await client.of(resources.controllerRevisions).delete(metadata!.namespace!, metadata!.name!);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}
