import { describe, expect, it } from 'vitest';
import type { CertificateRequest } from '../../../../main/api/certificateRequest.ts';
import { clientFault, kubeletClientFault, kubeletServingFault } from '../../../../main/controllers/certificates/requests.ts';

/* Mirrors pkg/apis/certificates/helpers_test.go. */

const request = (more: Partial<CertificateRequest> = {}): CertificateRequest => ({
  bytes: Buffer.alloc(0), commonName: 'system:node:foo', organizations: ['system:nodes'], dnsNames: [], addresses: [], emails: [], uris: [], ...more,
});
const client = ['digital signature', 'key encipherment', 'client auth'];
const serving = ['digital signature', 'key encipherment', 'server auth'];

describe('what is wrong with a request of a kubelet for itself as a client', () => {
  it.each<[Partial<CertificateRequest>, string[], string | undefined]>([
    [{}, client, undefined],
    [{}, ['digital signature', 'client auth'], undefined],
    [{}, ['key encipherment', 'client auth'], 'usages did not match [client auth digital signature key encipherment]'],
    [{}, [...client, 'server auth'], 'usages did not match [client auth digital signature key encipherment]'],
    [{ organizations: [] }, client, 'subject organization is not system:nodes'],
    [{ organizations: ['system:nodes', 'other'] }, client, 'subject organization is not system:nodes'],
    [{ commonName: 'foo' }, client, 'subject common name does not begin with system:node:'],
    [{ dnsNames: ['a'] }, client, 'DNS subjectAltNames are not allowed'],
    [{ emails: ['a'] }, client, 'Email subjectAltNames are not allowed'],
    [{ addresses: ['1.1.1.1'] }, client, 'IP subjectAltNames are not allowed'],
    [{ uris: ['http://a'] }, client, 'URI subjectAltNames are not allowed'],
  ])('%j with %j: %s', (more, usages, fault) => expect(kubeletClientFault(request(more), usages)).toBe(fault));
});

describe('what is wrong with a request of a kubelet for what it serves', () => {
  it.each<[Partial<CertificateRequest>, string[], string | undefined]>([
    [{ dnsNames: ['a'] }, serving, undefined],
    [{ addresses: ['1.1.1.1'] }, ['server auth', 'digital signature'], undefined],
    [{}, serving, 'DNS or IP subjectAltName is required'],
    [{ dnsNames: ['a'], emails: ['a'] }, serving, 'Email subjectAltNames are not allowed'],
    [{ dnsNames: ['a'], uris: ['a'] }, serving, 'URI subjectAltNames are not allowed'],
    [{ dnsNames: ['a'] }, client, 'usages did not match [digital signature key encipherment server auth]'],
    [{ dnsNames: ['a'], commonName: 'foo' }, serving, 'subject common name does not begin with system:node:'],
  ])('%j with %j: %s', (more, usages, fault) => expect(kubeletServingFault(request(more), usages)).toBe(fault));
});

it('a client asks for client auth, and for nothing that clients do not need', () => {
  expect(clientFault(request(), client)).toBeUndefined();
  expect(clientFault(request(), ['digital signature'])).toBe('missing required usage for client certificate: client auth');
  expect(clientFault(request(), ['client auth', 'any'])).toBe('invalid usage for client certificate: any');
});
