import type { Authenticator, Credentials, UserInfo } from './types.ts';

/**
 * Client certificates that our authority signed: the common name is the user, the organizations are the groups.
 * The TLS layer has verified the chain. Mirrors k8s.io/apiserver/pkg/authentication/request/x509.
 */
export const x509Authenticator: Authenticator = {
  authenticate({ certificate }: Credentials): UserInfo | undefined {
    return certificate?.commonName ? { name: certificate.commonName, groups: [...certificate.organizations] } : undefined;
  },
};
