/** Addresses of this very computer: nothing that is said to them leaves it. */
export const isHere = (host: string): boolean => /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(host) || host.endsWith('.localhost');

/** The URL that a text is, normalised: https, or http where it stays on this computer; undefined for every other scheme and for what is no URL. */
export function externalUrl(text: string): string | undefined {
  try {
    const url = new URL(text);
    const isOpened = url.protocol === 'https:' || (url.protocol === 'http:' && isHere(url.hostname));
    return isOpened && !url.username && !url.password ? url.href : undefined;
  } catch {
    return undefined;
  }
}
