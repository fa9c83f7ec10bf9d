/** A registry's login, as people know it. */
export interface Login {
  server: string;
  username: string;
  password: string;
}

interface Auth {
  username?: string;
  password?: string;
  auth?: string;
  [more: string]: unknown;
}

interface DockerConfig {
  auths?: Record<string, Auth>;
  [more: string]: unknown;
}

const encode = (text: string) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
function decode(text: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)));
  } catch {
    return '';
  }
}

function parse(text: string): DockerConfig | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as DockerConfig) : undefined;
  } catch {
    return undefined;
  }
}

/** The first login of a `.dockerconfigjson`; undefined where there is none to read. */
export function readLogin(text: string): Login | undefined {
  const [server, entry] = Object.entries(parse(text)?.auths ?? {})[0] ?? [];
  if (server === undefined || !entry) return undefined;
  const together = typeof entry.auth === 'string' ? decode(entry.auth) : '';
  const colon = together.indexOf(':');
  return {
    server,
    username: entry.username ?? together.slice(0, Math.max(0, colon)),
    password: entry.password ?? (colon < 0 ? '' : together.slice(colon + 1)),
  };
}

/** As Docker itself would write it; other logins and settings that `before` holds are kept. */
export function writeLogin({ server, username, password }: Login, before: string): string {
  const config = parse(before) ?? {};
  const [first, ...others] = Object.entries(config.auths ?? {});
  const { auth: _auth, ...entry } = first?.[1] ?? {};
  const login: Auth = { ...entry, username, password, auth: encode(`${username}:${password}`) };
  return JSON.stringify({ ...config, auths: Object.fromEntries([[server, login], ...others]) });
}
