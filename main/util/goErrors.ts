import net from 'node:net';

/* Why a connection failed, as Go's net and crypto packages say it: clients and users look for these words. */

const causes: [RegExp, string][] = [
  [/ECONNREFUSED/, 'connect: connection refused'],
  [/EHOSTUNREACH/, 'connect: no route to host'],
  [/ENETUNREACH/, 'connect: network is unreachable'],
  [/ETIMEDOUT|i\/o timeout/, 'i/o timeout'],
];

export function dialError(host: string, port: number, error: unknown): Error {
  const text = messageOf(error);
  if (text.startsWith('dial tcp')) return error as Error;
  if (/ENOTFOUND|EAI_AGAIN/.test(text)) return new Error(`dial tcp: lookup ${host}: no such host`);
  const cause = causes.find(([pattern]) => pattern.test(text))?.[1] ?? text;
  return new Error(`dial tcp ${net.isIPv6(host) ? `[${host}]` : host}:${port}: ${cause}`);
}

/** What went wrong on a connection that stands: in TLS, or because the other side went away. */
export function goError(error: unknown): Error {
  const code = (error as { code?: string }).code ?? '';
  const text = messageOf(error);
  switch (code) {
    case 'ECONNRESET':
      return new Error(/socket hang up|disconnected/.test(text) ? 'EOF' : 'read: connection reset by peer');
    case 'EPIPE':
      return new Error('write: broken pipe');
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return unverified('certificate has expired or is not yet valid');
    case 'ERR_TLS_CERT_ALTNAME_INVALID': {
      const { host = '', cert } = error as { host?: string; cert?: { subjectaltname?: string } };
      const names = (cert?.subjectaltname ?? '').split(', ').map((name) => name.replace(/^(DNS|IP Address):/, ''));
      return unverified(names[0] ? `certificate is valid for ${names.join(', ')}, not ${host}` : `certificate is not valid for any names, but wanted to match ${host}`);
    }
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
      return new Error('tls: first record does not look like a TLS handshake');
    default:
      if (/SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)|CERT_UNTRUSTED|CERT_SIGNATURE_FAILURE/.test(code)) return unverified('certificate signed by unknown authority');
      return error instanceof Error ? error : new Error(text);
  }
}

const unverified = (why: string) => new Error(`tls: failed to verify certificate: x509: ${why}`);
const messageOf = (error: unknown) => (error instanceof Error ? `${(error as { code?: string }).code ?? ''} ${error.message}`.trimStart() : String(error));
