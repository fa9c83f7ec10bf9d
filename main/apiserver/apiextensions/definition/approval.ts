import type { CustomResourceDefinition } from '../../../api/index.ts';

/** What a group of the Kubernetes project says of its approval: nothing, that it did without, where it was given, or neither. */
export type Approval = 'missing' | 'bypassed' | 'approved' | 'invalid';

export const approvedAnnotation = 'api-approved.kubernetes.io';
/** What refusals and conditions of a definition without approval say alike. */
export const approvalNeeded = `protected groups must have approval annotation "${approvedAnnotation}"`;
export const seeApproval = 'see https://github.com/kubernetes/enhancements/pull/1111';

/** Groups of the Kubernetes project say where their API was approved. Mirrors apihelpers.IsProtectedCommunityGroup. */
export const isProtectedGroup = (group: string) => /(^|\.)(k8s|kubernetes)\.io$/.test(group);

export const approvalText = ({ metadata }: CustomResourceDefinition) => metadata?.annotations?.[approvedAnnotation];

export function approvalOf(definition: CustomResourceDefinition): Approval {
  const text = approvalText(definition);
  if (!text) return 'missing';
  if (text.startsWith('unapproved')) return 'bypassed';
  return /^[a-z][a-z0-9+.-]*:\/\/[^/]+/i.test(text) ? 'approved' : 'invalid';
}
