import type { Authenticator, Credentials, UserInfo } from './types.ts';

/**
 * Client certificates that our authority signed: the common name is the user, the organizations are the groups.
 * The TLS layer has verified the chain. Mirrors k8s.io/apiserver/pkg/authentication/request/x509.
 */
export const x509Authenticator: Authenticator = {
  authenticate({ certificate }: Credentials): Promise<UserInfo | undefined> {
    if (!certificate?.commonName) return Promise.resolve(undefined);
    return Promise.resolve({ name: certificate.commonName, groups: [...certificate.organizations] });
  },
};
