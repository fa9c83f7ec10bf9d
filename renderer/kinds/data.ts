/** Base64 as text, where the bytes are UTF-8; otherwise how many bytes there are. */
export function readBase64(value: string): { text: string } | { bytes: number } {
  try {
    const bytes = Uint8Array.from(atob(value), (character) => character.charCodeAt(0));
    try {
      return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
    } catch {
      return { bytes: bytes.length };
    }
  } catch {
    return { text: value };
  }
}
