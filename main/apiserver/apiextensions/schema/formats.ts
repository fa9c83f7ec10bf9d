import { isIP } from 'node:net';
import { isDns1123Label, isDns1123Subdomain } from '../../../api/names.ts';
import { parseCIDR } from '../../../api/ip.ts';
import { parseDuration, parseLongDuration, parseTimestamp, urlFault } from '../../cel/index.ts';

const uuid = (version: string) => new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${version}[0-9a-f]{3}-?${version === '[0-9a-f]' || version === '3' ? '[0-9a-f]' : '[89ab]'}[0-9a-f]{3}-?[0-9a-f]{12}$`, 'i');
const by = (pattern: RegExp) => (text: string) => pattern.test(text);
const hostname = /^([a-zA-Z0-9\p{S}\p{L}]((-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?)|([a-zA-Z0-9\p{S}\p{L}](([a-zA-Z0-9\-\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?)(\.)){1,}([a-zA-Z\p{L}]){2,63})$/u;
const digits = (text: string) => text.replace(/[- ]/g, '');

/** Mirrors the formats of k8s.io/kube-openapi/pkg/validation/strfmt that CRDs may use (apiextensions validation/formats.go). */
const checks: Readonly<Record<string, (text: string) => boolean>> = {
  bsonobjectid: by(/^[0-9a-f]{24}$/i),
  uri: (text) => urlFault(text) === undefined,
  email: by(/^(?:[^<>]*<)?[^\s@<>",;:()[\]\\]+@[^\s@<>",;:()[\]\\]+>?$/),
  hostname: (text) => hostname.test(text) && Buffer.byteLength(text) <= 255 && text.split('.').every((label) => Buffer.byteLength(label) <= 63),
  ipv4: (text) => isIP(text) === 4,
  ipv6: (text) => isIP(text) === 6,
  cidr: (text) => parseCIDR(text) !== undefined,
  mac: by(/^(?:[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}|(?:[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\2){6}[0-9a-f]{2})|(?:[0-9a-f]{4}\.){2,3}[0-9a-f]{4})$/i),
  uuid: by(uuid('[0-9a-f]')),
  uuid3: by(uuid('3')),
  uuid4: by(uuid('4')),
  uuid5: by(uuid('5')),
  isbn: (text) => isIsbn10(digits(text)) || isIsbn13(digits(text)),
  isbn10: (text) => isIsbn10(digits(text)),
  isbn13: (text) => isIsbn13(digits(text)),
  creditcard: (text) => /^(?:4\d{12}(?:\d{3})?|5[1-5]\d{14}|6(?:011|5\d\d)\d{12}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|(?:2131|1800|35\d{3})\d{11})$/.test(text.replace(/\D/g, '')) && luhn(text.replace(/\D/g, '')),
  ssn: by(/^\d{3}[- ]?\d{2}[- ]?\d{4}$/),
  hexcolor: by(/^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/),
  rgbcolor: by(/^rgb\(\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*\)$/),
  byte: by(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$/),
  password: () => true,
  date: (text) => /^\d{4}-\d\d-\d\d$/.test(text) && parseTimestamp(`${text}T00:00:00Z`) !== undefined,
  duration: (text) => parseDuration(text) !== undefined || parseLongDuration(text) !== undefined,
  datetime: (text) => parseTimestamp(text.toUpperCase()) !== undefined,
  'k8s-short-name': (text) => isDns1123Label(text).length === 0,
  'k8s-long-name': (text) => isDns1123Subdomain(text).length === 0,
};

/** Names of formats ignore dashes, but for Kubernetes' own. */
const checkOf = (format: string) => (Object.hasOwn(checks, format) ? checks[format] : checks[format.replaceAll('-', '')]);

/** Whether CRDs know a format of values of a type; others are ignored. */
export function isKnownFormat(format: string, type: string | undefined): boolean {
  if (!type || type === 'string') return checkOf(format) !== undefined;
  return (type === 'integer' && ['int32', 'int64'].includes(format)) || (type === 'number' && ['float', 'double'].includes(format));
}

/** Whether a text has a format; of unknown ones it has any. */
export const hasFormat = (format: string, text: string): boolean => checkOf(format)?.(text) ?? true;

function isIsbn10(text: string): boolean {
  if (!/^\d{9}[\dX]$/.test(text)) return false;
  return [...text].reduce((sum, c, i) => sum + (10 - i) * (c === 'X' ? 10 : Number(c)), 0) % 11 === 0;
}

function isIsbn13(text: string): boolean {
  return /^\d{13}$/.test(text) && [...text].reduce((sum, c, i) => sum + (i % 2 ? 3 : 1) * Number(c), 0) % 10 === 0;
}

function luhn(text: string): boolean {
  const sum = [...text].reverse().reduce((total, c, i) => {
    const value = i % 2 ? Number(c) * 2 : Number(c);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}
