import { timingSafeEqual } from 'node:crypto';
import type { Secret } from '../../api/index.ts';
import type { Clock } from '../../util/clock.ts';
import type { Objects } from '../registry/strategy.ts';
import type { Authenticator, Credentials, UserInfo } from './types.ts';

const pattern = /^bearer +([a-z0-9]{6})\.([a-z0-9]{16}) *$/i;
const groupPattern = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

/**
 * Tokens with which new nodes join: Secrets of kube-system. Mirrors plugin/pkg/auth/authenticator/token/bootstrap.
 */
export function bootstrapTokens(objects: Objects, clock: Clock): Authenticator {
  return {
    async authenticate({ authorization }: Credentials): Promise<UserInfo | undefined> {
      const parts = pattern.exec(authorization ?? '');
      if (!parts) return undefined;
      const [, id, secret] = parts as unknown as [string, string, string];
      const found = await objects.get<Secret>({ group: '', version: 'v1', resource: 'secrets' }, 'kube-system', `bootstrap-token-${id}`);
      if (!found || found.metadata?.deletionTimestamp || found.type !== 'bootstrap.kubernetes.io/token') return undefined;
      const value = (key: string) => Buffer.from(found.data?.[key] ?? '', 'base64').toString('utf8');
      if (value('token-id') !== id || !same(value('token-secret'), secret)) return undefined;
      const expiration = value('expiration');
      if (expiration && !(Date.parse(expiration) > clock.now())) return undefined;
      if (value('usage-bootstrap-authentication') !== 'true') return undefined;
      const extra = value('auth-extra-groups').split(',').map((name) => name.trim()).filter(Boolean);
      if (!extra.every((name) => groupPattern.test(name))) return undefined;
      return { name: `system:bootstrap:${id}`, groups: ['system:bootstrappers', ...extra] };
    },
  };
}

function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
