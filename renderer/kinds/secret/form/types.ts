/** The keys that a Secret of each type is made of; `Opaque` has those that its maker wants. */
export const keysOfType: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
  'kubernetes.io/basic-auth': ['username', 'password'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
};

type Values = Readonly<Record<string, unknown>>;

/** Of all values that were entered so far, those that fit a type. */
export function fitting(type: string, pool: Values): Record<string, unknown> {
  const keys = keysOfType[type];
  return Object.fromEntries(Object.entries(pool).filter(([key]) => !keys || keys.includes(key)));
}
