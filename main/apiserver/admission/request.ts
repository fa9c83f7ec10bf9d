import type { KubeObject } from '../../api/meta.ts';
import type { Match } from './matching.ts';
import type { AdmissionAttributes } from './types.ts';

/** The request as webhooks and expressions are told of it, without the objects. Mirrors k8s.io/api/admission/v1 (AdmissionRequest). */
export function requestOf(match: Match, attributes: AdmissionAttributes): Record<string, unknown> {
  const { context, kind, resource, subresource, namespace, name, operation } = attributes;
  const { name: username, uid, groups, extra } = context.user;
  const options: KubeObject | undefined = operation === 'CONNECT' ? undefined : context.options;
  return {
    kind: match.kind,
    resource: { group: match.resource.group, version: match.resource.version, resource: match.resource.resource },
    ...(subresource ? { subResource: subresource } : {}),
    requestKind: kind,
    requestResource: { group: resource.group, version: resource.version, resource: resource.resource },
    ...(subresource ? { requestSubResource: subresource } : {}),
    ...(name ? { name } : {}),
    ...(namespace ? { namespace } : {}),
    operation,
    userInfo: { username, ...(uid ? { uid } : {}), groups, ...(extra ? { extra } : {}) },
    dryRun: context.dryRun,
    options: options ?? null,
  };
}
