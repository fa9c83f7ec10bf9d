/** Texts keep what marks their byte order: decoded and encoded again, they are the same bytes. */
const utf8 = () => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Characters that no field for text can show or keep. */
const isControl = (character: string) => character < ' ' && !'\t\n\r'.includes(character);

/** Bytes as text where they are text that can be typed; undefined otherwise. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = utf8().decode(bytes);
    return [...text].some(isControl) ? undefined : text;
  } catch {
    return undefined;
  }
}

export function encodeBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}

export function decodeBase64(value: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(value), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/** Base64 as text where it holds text; undefined for other bytes and for what is no base64. */
export function textOfBase64(value: unknown): string | undefined {
  const bytes = typeof value === 'string' ? decodeBase64(value) : undefined;
  return bytes && textOf(bytes);
}
