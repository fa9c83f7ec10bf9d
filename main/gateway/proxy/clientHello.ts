/**
 * The name that a TLS client asks for (RFC 8446 4.1.2, RFC 6066 3): `undefined` while more bytes are needed, and the
 * empty name where there is none or it is no TLS.
 */
export function serverName(bytes: Buffer): string | undefined {
  if (bytes.length < 5) return undefined;
  if (bytes[0] !== 22) return '';
  const record = bytes.readUInt16BE(3);
  if (bytes.length < 5 + record) return undefined;
  try {
    return readName(bytes.subarray(5, 5 + record));
  } catch {
    return '';
  }
}

/** Throws a RangeError where the message ends early. */
function readName(hello: Buffer): string {
  // Type and length, version, random.
  let at = 4 + 2 + 32;
  at += 1 + hello.readUInt8(at);
  at += 2 + hello.readUInt16BE(at);
  at += 1 + hello.readUInt8(at);
  const end = at + 2 + hello.readUInt16BE(at);
  at += 2;
  while (at + 4 <= end) {
    const type = hello.readUInt16BE(at);
    const length = hello.readUInt16BE(at + 2);
    // A list of names, of which there is one: its type, its length, itself.
    if (type === 0) return hello.toString('latin1', at + 9, at + 9 + hello.readUInt16BE(at + 7)).toLowerCase();
    at += 4 + length;
  }
  return '';
}
