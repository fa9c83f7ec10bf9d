import type { IncomingHttpHeaders } from 'node:http';
import type { CorsRules } from '../model.ts';

/* Mirrors what the API reference of Gateway API's HTTPCORSFilter says; the fields are those of https://fetch.spec.whatwg.org. */

interface Request {
  method?: string;
  headers: IncomingHttpHeaders;
}

type Fields = Record<string, string>;

/** A browser's question whether it may ask. */
export const isPreflight = ({ method, headers }: Request): boolean =>
  method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined;

/** `https://*.example.com` means all names below; `*` all origins. */
function isAllowed(origins: string[], origin: string): boolean {
  return origins.some((allowed) => {
    if (allowed === '*' || allowed.toLowerCase() === origin.toLowerCase()) return true;
    const [before, after] = allowed.toLowerCase().split('*') as [string, string?];
    const text = origin.toLowerCase();
    return after !== undefined && text.length > before.length + after.length && text.startsWith(before) && text.endsWith(after);
  });
}

/** Nothing for an origin that may not ask: the browser refuses then. */
function originFields({ origins, credentials }: CorsRules, origin: string | undefined): Fields | undefined {
  if (origin === undefined || !isAllowed(origins, origin)) return undefined;
  const all = origins.includes('*') && !credentials;
  return {
    'access-control-allow-origin': all ? '*' : origin,
    ...(all ? {} : { vary: 'Origin' }),
    ...(credentials ? { 'access-control-allow-credentials': 'true' } : {}),
  };
}

/** What is added to an answer. */
export function answerFields(rules: CorsRules, origin: string | undefined): Fields {
  const fields = originFields(rules, origin);
  if (!fields) return {};
  return { ...fields, ...(rules.expose.length > 0 ? { 'access-control-expose-headers': rules.expose.join(', ') } : {}) };
}

/** The answer to a browser's question. */
export function preflightAnswer(rules: CorsRules, { headers }: Request): Fields {
  const fields = answerFields(rules, headers.origin);
  if (Object.keys(fields).length === 0) return {};
  // With credentials a star means itself to browsers: what was asked for is named.
  const named = (list: string[], asked: string | undefined) => (list.includes('*') ? (asked ?? '*') : list.join(', '));
  const asked = headers['access-control-request-headers'];
  const methods = named(rules.methods, headers['access-control-request-method']);
  const allowed = named(rules.headers, asked);
  return {
    ...fields,
    ...(methods ? { 'access-control-allow-methods': methods } : {}),
    ...(allowed ? { 'access-control-allow-headers': allowed } : {}),
    'access-control-max-age': String(rules.maxAgeSeconds),
  };
}
