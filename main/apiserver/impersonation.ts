import { badRequest } from '../api/status.ts';
import type { Authorizer, RequestInfo, UserInfo } from './auth/types.ts';
import { authorize, refused } from './authorize.ts';
import { FieldErrors } from './validation/field.ts';
import { domainPrefixedPath } from './validation/names.ts';

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

const serviceAccount = /^system:serviceaccount:([^:]+):([^:]+)$/;
const node = /^system:node:(.+)$/;
const nodeName = 'authentication.kubernetes.io/node-name';
const authentication = { group: 'authentication.k8s.io', version: 'v1' };

/** One of the ways in which somebody may be taken for another; each has verbs of its own. */
interface Mode {
  name: 'associated-node' | 'arbitrary-node' | 'serviceaccount' | 'user-info';
  isAbout(wanted: Impersonation, requester: UserInfo): boolean;
}

const nameOnly = ({ groups, uid, extra }: Impersonation) => !groups.length && !uid && !extra.length;

/** The constrained modes, in the order in which they are tried. */
const modes: readonly Mode[] = [
  { name: 'associated-node', isAbout: (wanted, requester) => nameOnly(wanted) && runsOn(requester, wanted.user) },
  { name: 'arbitrary-node', isAbout: (wanted) => nameOnly(wanted) && node.test(wanted.user) },
  { name: 'serviceaccount', isAbout: (wanted) => nameOnly(wanted) && serviceAccount.test(wanted.user) },
  { name: 'user-info', isAbout: ({ user }) => !node.test(user) && !serviceAccount.test(user) },
];

/** A user without a name, as Go prints one with %#v. */
function goUser({ groups, uid, extra }: Impersonation): string {
  const list = (values: readonly string[]) => (values.length ? `[]string{${values.map((value) => JSON.stringify(value)).join(', ')}}` : '[]string(nil)');
  const keys = [...new Set(extra.map(([key]) => key))].sort();
  const valuesOf = (key: string) => list(extra.filter(([other]) => other === key).map(([, value]) => value));
  const extras = keys.length ? `map[string][]string{${keys.map((key) => `${JSON.stringify(key)}:${valuesOf(key)}`).join(', ')}}` : 'map[string][]string(nil)';
  return `&user.DefaultInfo{Name:"", UID:${JSON.stringify(uid)}, Groups:${list(groups)}, Extra:${extras}}`;
}

/** Whether a service account's token is bound to the node. */
function runsOn({ name, extra }: UserInfo, user: string): boolean {
  const of = extra?.[nodeName];
  return serviceAccount.test(name) && of?.length === 1 && user === `system:node:${of[0]}`;
}

/**
 * The user that the request acts as, once the requester has been found to be allowed each part of it: in one of the
 * constrained modes, which also ask whether this very request may be made in another's name, or else as ever by the verb
 * `impersonate`. Throws 403, of the first mode that was tried.
 * Mirrors k8s.io/apiserver/pkg/endpoints/filters/impersonation/{constrained_impersonation,mode}.go.
 */
export async function impersonate(authorizer: Authorizer, requester: UserInfo, wanted: Impersonation, info: RequestInfo): Promise<UserInfo> {
  if (!wanted.user) throw badRequest(`requested ${goUser(wanted)} without impersonating a user name`);
  let refusal: unknown;
  for (const mode of modes) {
    if (!mode.isAbout(wanted, requester)) continue;
    try {
      const asking = mode.name === 'associated-node' ? withoutExtra(requester) : requester;
      await authorize(authorizer, asking, { ...info, verb: `impersonate-on:${mode.name}:${info.verb}` });
      return await takenFor(authorizer, asking, wanted, mode);
    } catch (error) {
      refusal ??= error;
    }
  }
  try {
    return await takenFor(authorizer, requester, wanted);
  } catch (error) {
    throw refusal ?? error;
  }
}

/** Which values the extra has does not matter, only that it is bound to the node. */
function withoutExtra(requester: UserInfo): UserInfo {
  return { ...requester, extra: { 'authentication.kubernetes.io/associated-node-keys': Object.keys(requester.extra ?? {}).sort() } };
}

/** From so many on, who may be taken for all of a sort is not asked for each. */
const many = 4;

async function takenFor(authorizer: Authorizer, requester: UserInfo, wanted: Impersonation, mode?: Mode): Promise<UserInfo> {
  const question = (resource: string, name: string, part: Partial<RequestInfo> = {}): RequestInfo => ({
    isResourceRequest: true,
    path: '',
    verb: mode ? `impersonate:${mode.name}` : 'impersonate',
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
  const allowed = async (...asked: Parameters<typeof question>) => authorize(authorizer, requester, question(...asked));
  /** Each, or all at once. What follows from being asked so is no business of the old verb. */
  const allAllowed = async (questions: Parameters<typeof question>[], all: Parameters<typeof question>) => {
    if (mode && questions.length >= many && (await allowed(...all).then(() => true, () => false))) return;
    for (const each of questions) await allowed(...each);
  };
  const plain = mode ? authentication : {};
  const groups = [...wanted.groups];
  const account = serviceAccount.exec(wanted.user);
  const ofNode = mode && node.exec(wanted.user);
  if (ofNode) {
    await allowed('nodes', mode.name === 'associated-node' ? '*' : ofNode[1]!, plain);
    groups.push('system:nodes');
  } else if (account) {
    await allowed('serviceaccounts', account[2]!, { ...plain, namespace: account[1]! });
    if (groups.length === 0) groups.push('system:serviceaccounts', `system:serviceaccounts:${account[1]}`);
  } else await allowed('users', wanted.user, plain);
  if (wanted.uid) await allowed('uids', wanted.uid, authentication);
  if (mode && wanted.groups.includes('')) throw refused(requester, question('groups', '', plain), 'impersonating the empty string group is not allowed');
  if (mode && wanted.groups.includes(privileged)) throw refused(requester, question('groups', privileged, plain), `impersonating the ${privileged} group is not allowed`);
  await allAllowed(wanted.groups.map((group) => ['groups', group, plain]), ['groups', '*', plain]);
  const wrong = mode && wrongExtra(wanted.extra);
  if (wrong) throw refused(requester, question('userextras', '', authentication), wrong);
  await allAllowed(wanted.extra.map(([key, value]) => ['userextras', value, { ...authentication, subresource: key }]), ['userextras', '*', { ...authentication, subresource: '*' }]);
  const extra: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
  for (const [key, value] of wanted.extra) (extra[key] ??= []).push(value);
  const everybody = wanted.user === 'system:anonymous' ? 'system:unauthenticated' : 'system:authenticated';
  if (!groups.includes(everybody) && !groups.includes('system:unauthenticated')) groups.push(everybody);
  return { name: wanted.user, groups, ...(wanted.uid ? { uid: wanted.uid } : {}), ...(wanted.extra.length ? { extra: { ...extra } } : {}) };
}

/** Nobody becomes one of those by a constrained way (the old verb still lets them). */
const privileged = 'system:masters';

/** What is wrong with what else is said of the user. */
function wrongExtra(extra: Impersonation['extra']): string | undefined {
  for (const [key, value] of extra) {
    if (!key) return 'impersonating the empty string key in extra is not allowed';
    const errors = new FieldErrors();
    domainPrefixedPath(errors, 'extra.key', key);
    const [first] = errors.all;
    if (first) return `impersonating an invalid key in extra is not allowed: ${first.field}: ${first.message}`;
    if (key !== key.toLowerCase()) return `impersonating a non-lowercase key in extra is not allowed: ${JSON.stringify(key)}`;
    if (!value) return 'impersonating the empty string value in extra is not allowed';
  }
  return undefined;
}
