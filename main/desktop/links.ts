/** The https URL that a text is, normalised; undefined for every other scheme and for what is no URL. */
export function externalUrl(text: string): string | undefined {
  try {
    const url = new URL(text);
    return url.protocol === 'https:' && !url.username && !url.password ? url.href : undefined;
  } catch {
    return undefined;
  }
}
