import { failure, forbidden, type StatusError } from '../api/status.ts';
import type { Authorizer, RequestInfo, UserInfo } from './auth/types.ts';
import type { Call } from './call.ts';

/** Throws or rejects with 403; undefined where there is nothing to wait for. The privileged group needs no question (upstream: plugin/pkg/auth/authorizer, superuser). */
export function authorize(authorizer: Authorizer, user: UserInfo, info: RequestInfo): Promise<void> | undefined {
  return user.groups.includes('system:masters') ? undefined : ask(authorizer, user, info);
}

async function ask(authorizer: Authorizer, user: UserInfo, info: RequestInfo): Promise<void> {
  const decision = await authorizer.authorize(user, info);
  if (!decision.allowed) throw refused(user, info, decision.reason);
}

/** Whether the client of an update may create what it turns out to create. */
export function authorizeCreate(authorizer: Authorizer, { user, info }: Call): Promise<void> | undefined {
  return authorize(authorizer, user, { ...info, verb: 'create' });
}

/** Mirrors k8s.io/apiserver/pkg/endpoints/handlers/responsewriters/errors.go (forbiddenMessage). */
export function refused(user: UserInfo, info: RequestInfo, reason: string): StatusError {
  const quoted = JSON.stringify;
  if (!info.isResourceRequest) {
    const message = `forbidden: ${safe(`User ${quoted(user.name)} cannot ${info.verb} path ${quoted(info.path)}`)}${reason ? `: ${reason}` : ''}`;
    return failure(403, 'Forbidden', message, {});
  }
  const resource = info.subresource ? `${info.resource}/${info.subresource}` : info.resource;
  const where = info.namespace ? `in the namespace ${quoted(info.namespace)}` : 'at the cluster scope';
  const message = safe(`User ${quoted(user.name)} cannot ${info.verb} resource ${quoted(resource)} in API group ${quoted(info.group)} ${where}`);
  return forbidden({ group: info.group, kind: info.resource }, info.name, reason ? `${message}: ${reason}` : message);
}

const safe = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
