import { failure, type StatusError } from '../../api/status.ts';
import { pathText } from './elements.ts';
import type { Owner } from './managers.ts';

/** A field that an applier would take from its owner. */
export interface Conflict {
  owner: Owner;
  path: readonly string[];
}

/** 409 with one cause a field. Mirrors k8s.io/apimachinery/pkg/util/managedfields/internal/conflict.go. */
export function conflictError(conflicts: readonly Conflict[]): StatusError {
  const causes = conflicts.map(({ owner, path }) => ({ reason: 'FieldManagerConflict', message: `conflict with ${ownerText(owner)}`, field: pathText(path) }));
  return failure(409, 'Conflict', messageOf(conflicts), { causes });
}

function messageOf(conflicts: readonly Conflict[]): string {
  const first = conflicts[0]!;
  if (conflicts.length === 1) return `Apply failed with 1 conflict: conflict with ${ownerText(first.owner)}: ${pathText(first.path)}`;
  const byOwner = new Map<Owner, string[]>();
  for (const { owner, path } of conflicts) byOwner.set(owner, [...(byOwner.get(owner) ?? []), `- ${pathText(path)}`]);
  const owners = [...byOwner].sort(([a], [b]) => (identifier(a) < identifier(b) ? -1 : 1));
  return `Apply failed with ${conflicts.length} conflicts: ${owners.flatMap(([owner, paths]) => [`conflicts with ${ownerText(owner)}:`, ...paths]).join('\n')}`;
}

/** Upstream sorts managers by their JSON. */
const identifier = (owner: Owner) => JSON.stringify([owner.manager, owner.operation, owner.operation === 'Apply' ? '' : owner.apiVersion, owner.subresource]);

function ownerText(owner: Owner): string {
  const name = JSON.stringify(owner.manager) + (owner.subresource ? ` with subresource ${JSON.stringify(owner.subresource)}` : '');
  return owner.operation === 'Update' ? `${name} using ${owner.apiVersion}` : name;
}
