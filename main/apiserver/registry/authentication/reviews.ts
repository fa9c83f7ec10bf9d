import type { SelfSubjectReview, TokenReview } from '../../../api/index.ts';
import { timestamp } from '../../../api/meta.ts';
import { badRequest, StatusError, unauthorized } from '../../../api/status.ts';
import type { ServiceAccountTokens } from '../../auth/serviceAccountTokens.ts';
import type { Authenticator, UserInfo } from '../../auth/types.ts';
import { define } from '../define.ts';
import type { Strategy } from '../strategy.ts';

/* `kubectl auth whoami`, and who a token stands for. Mirrors pkg/registry/authentication. */

const group = 'authentication.k8s.io';

function base(kind: string, resource: string) {
  return {
    definition: define(group, 'v1', kind, resource, { namespaced: false, verbs: ['create'] }),
    hasGeneration: false,
    nameRule: 'pathSegment' as const,
    validateUpdate: () => [],
    columns: [],
    row: () => [],
  };
}

export const selfSubjectReview: Strategy<SelfSubjectReview> = {
  ...base('SelfSubjectReview', 'selfsubjectreviews'),
  validate: () => [],
  review: (context, object) =>
    Promise.resolve({
      ...object,
      metadata: { ...object.metadata, creationTimestamp: timestamp(context.now) },
      status: { userInfo: shown(context.user) },
    }),
};

/** `others` recognize tokens that are not of service accounts. */
export function tokenReview(tokens: ServiceAccountTokens, others: readonly Authenticator[]): Strategy<TokenReview> {
  /** Their tokens are for whoever the API server answers to. */
  async function ofOthers(token: string, asked: readonly string[]): Promise<{ user: UserInfo; audiences: string[] } | undefined> {
    if (!asked.includes(tokens.audience)) return undefined;
    for (const other of others) {
      const user = await other.authenticate({ authorization: `Bearer ${token}` });
      if (user) return { user, audiences: [tokens.audience] };
    }
    return undefined;
  }
  return {
    ...base('TokenReview', 'tokenreviews'),
    validate: () => [],
    async review(_context, object) {
      const token = object.spec?.token;
      if (!token) throw badRequest('token is required for TokenReview in authentication');
      const asked = object.spec?.audiences?.length ? object.spec.audiences : [tokens.audience];
      try {
        const known = (await tokens.review(token, asked)) ?? (await ofOthers(token, asked));
        if (!known) throw unauthorized();
        const user = shown({ ...known.user, groups: [...known.user.groups, 'system:authenticated'] });
        return { ...object, status: { authenticated: true, user, audiences: known.audiences } };
      } catch (error) {
        if (!(error instanceof StatusError)) throw error;
        return { ...object, status: { user: {}, error: 'invalid bearer token' } };
      }
    },
  };
}

const shown = ({ name, uid, groups, extra }: UserInfo) => ({ username: name, ...(uid ? { uid } : {}), groups, ...(extra ? { extra } : {}) });
