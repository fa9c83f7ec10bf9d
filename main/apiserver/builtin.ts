import type { Store } from '../store/index.ts';
import type { Clock } from '../util/clock.ts';
import type { Random } from '../util/random.ts';
import { builtinAdmission } from './admission/index.ts';
import type { AdmissionPlugin } from './admission/types.ts';
import { RbacAuthorizer } from './auth/rbac.ts';
import { ServiceAccountTokens } from './auth/serviceAccountTokens.ts';
import type { Authenticator, Authorizer } from './auth/types.ts';
import { x509Authenticator } from './auth/x509.ts';
import { builtinStrategies } from './registry/kinds.ts';
import { objectsOf } from './registry/objects.ts';
import type { Strategy } from './registry/strategy.ts';

export interface BuiltinsOptions {
  store: Store;
  clock: Clock;
  random: Random;
  /** PEM of the key that signs service account tokens (ECDSA P-256). */
  serviceAccountKey: string;
  /** Who issues tokens, and the audience this server answers to. */
  issuer?: string;
  serviceCIDR?: string;
  nodePorts?: readonly [number, number];
}

/** What a Kubernetes API server has by itself: its kinds, plugins and ways to know and judge a client. */
export interface Builtins {
  strategies: Strategy[];
  admission: AdmissionPlugin[];
  authenticators: Authenticator[];
  authorizer: Authorizer;
  /** Stops watching roles. */
  close(): void;
}

export function builtins(options: BuiltinsOptions): Builtins {
  const { store, clock, random, serviceAccountKey } = options;
  const { issuer = 'https://kubernetes.default.svc.cluster.local', serviceCIDR = '10.96.0.0/16', nodePorts = [30000, 32767] } = options;
  const objects = objectsOf(store);
  const rbac = new RbacAuthorizer(store);
  const tokens = new ServiceAccountTokens(serviceAccountKey, issuer, objects, clock, random);
  return {
    strategies: builtinStrategies({ objects, random, rbac, authorizer: rbac, tokens, serviceCIDR, nodePorts }),
    admission: builtinAdmission({ clock, random }),
    authenticators: [x509Authenticator, tokens],
    authorizer: rbac,
    close: () => rbac.close(),
  };
}
