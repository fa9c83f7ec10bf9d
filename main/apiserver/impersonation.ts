import { badRequest } from '../api/status.ts';
import type { Authorizer, RequestInfo, UserInfo } from './auth/types.ts';
import { authorize } from './authorize.ts';

/** Whom a client asks to be taken for. */
export interface Impersonation {
  user: string;
  groups: string[];
  uid: string;
  /** Key and value, one pair a value. */
  extra: [string, string][];
}

const extraPrefix = 'impersonate-extra-';

/** The `Impersonate-*` headers of a request, from Node's raw list, where repeated ones are apart; undefined where there is none. */
export function impersonationOf(rawHeaders: readonly string[]): Impersonation | undefined {
  let found: Impersonation | undefined;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const raw = rawHeaders[i]!;
    // Nearly every request has none: one comparison a header.
    if (raw.charCodeAt(0) !== 73 && raw.charCodeAt(0) !== 105) continue;
    const name = raw.toLowerCase();
    if (!name.startsWith('impersonate-')) continue;
    found ??= { user: '', groups: [], uid: '', extra: [] };
    const value = rawHeaders[i + 1]!;
    if (name === 'impersonate-user') found.user = value;
    else if (name === 'impersonate-group') found.groups.push(value);
    else if (name === 'impersonate-uid') found.uid = value;
    else if (name.startsWith(extraPrefix)) found.extra.push([unescape(name.slice(extraPrefix.length)), value]);
  }
  return found;
}

function unescape(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    // Malformed keys are recorded as they came.
    return key;
  }
}

/**
 * The user that the request acts as, once the requester has been found to be allowed each part of it. Throws 403.
 * Mirrors k8s.io/apiserver/pkg/endpoints/filters/impersonation/impersonation.go.
 */
export async function impersonate(authorizer: Authorizer, requester: UserInfo, wanted: Impersonation): Promise<UserInfo> {
  if (!wanted.user) throw badRequest('requested groups, uid or extra without impersonating a user');
  const allowed = (resource: string, name: string, part: Partial<RequestInfo> = {}) =>
    authorize(authorizer, requester, {
      isResourceRequest: true,
      path: '',
      verb: 'impersonate',
      apiPrefix: '',
      group: '',
      version: '',
      namespace: '',
      resource,
      subresource: '',
      name,
      parts: [],
      ...part,
    });
  const groups = [...wanted.groups];
  const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(wanted.user);
  if (account) {
    await allowed('serviceaccounts', account[2]!, { namespace: account[1]! });
    if (groups.length === 0) groups.push('system:serviceaccounts', `system:serviceaccounts:${account[1]}`);
  } else await allowed('users', wanted.user);
  for (const group of wanted.groups) await allowed('groups', group);
  const extra: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
  for (const [key, value] of wanted.extra) {
    await allowed('userextras', value, { group: 'authentication.k8s.io', version: 'v1', subresource: key });
    (extra[key] ??= []).push(value);
  }
  if (wanted.uid) await allowed('uids', wanted.uid, { group: 'authentication.k8s.io', version: 'v1' });
  const everybody = wanted.user === 'system:anonymous' ? 'system:unauthenticated' : 'system:authenticated';
  if (!groups.includes(everybody) && !groups.includes('system:unauthenticated')) groups.push(everybody);
  return { name: wanted.user, groups, ...(wanted.uid ? { uid: wanted.uid } : {}), ...(wanted.extra.length ? { extra: { ...extra } } : {}) };
}
