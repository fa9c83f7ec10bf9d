/* Tokens that lie in Secrets, and how their use is followed. Mirrors pkg/serviceaccount (legacy.go, util.go). */

export const legacyTokenType = 'kubernetes.io/service-account-token';
export const accountNameAnnotation = 'kubernetes.io/service-account.name';
export const accountUIDAnnotation = 'kubernetes.io/service-account.uid';
/** The day on which such a token was used last. */
export const lastUsedLabel = 'kubernetes.io/legacy-token-last-used';
/** Since which day one that nobody uses does not count any more. */
export const invalidSinceLabel = 'kubernetes.io/legacy-token-invalid-since';

/** The day, UTC, as these labels say it. */
export const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
