import type { CertificateSigningRequest, CertificateSigningRequestCondition } from '../../../api/index.ts';
import { parseCertificateRequest } from '../../../api/certificateRequest.ts';
import { equalJson } from '../../../api/json.ts';
import { timestamp } from '../../../api/meta.ts';
import { isDns1123Label, isDns1123Subdomain } from '../../../api/names.ts';
import { diff } from '../../validation/diff.ts';
import { type FieldErrors } from '../../validation/field.ts';
import { internal } from '../../validation/internal.ts';
import { holdsCertificate } from '../../validation/keyPair.ts';
import { check, columns, define } from '../define.ts';
import { age, humanDuration, nameOf } from '../printers.ts';
import type { RequestContext, Strategy, Subresource } from '../strategy.ts';

/* Mirrors pkg/registry/certificates/certificates/strategy.go and pkg/apis/certificates/validation. */

type Csr = CertificateSigningRequest;

const definition = define('certificates.k8s.io', 'v1', 'CertificateSigningRequest', 'certificatesigningrequests', { namespaced: false, shortNames: ['csr'] });
const usages = [
  'any', 'cert sign', 'client auth', 'code signing', 'content commitment', 'crl sign', 'data encipherment', 'decipher only', 'digital signature', 'email protection', 'encipher only',
  'ipsec end system', 'ipsec tunnel', 'ipsec user', 'key agreement', 'key encipherment', 'microsoft sgc', 'netscape sgc', 'ocsp signing', 's/mime', 'server auth', 'signing', 'timestamping',
];
const legacySigner = 'kubernetes.io/legacy-unknown';
const final = ['Approved', 'Denied', 'Failed'];

export const certificateSigningRequest: Strategy<Csr> = {
  definition,
  hasGeneration: false,
  nameRule: 'pathSegment',
  resetFields: (subresource) => (subresource === 'status' ? [['spec'], ['status', 'conditions']] : subresource === 'approval' ? [['spec'], ['status', 'certificate']] : [['spec'], ['status']]),
  allowUnconditionalUpdate: true,
  prepareForCreate(context, object) {
    const { name, uid, groups, extra } = context.user;
    object.spec = { ...object.spec, username: name, groups: [...groups], ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) };
    if (!uid) delete object.spec.uid;
    if (!extra) delete object.spec.extra;
    object.status = {};
  },
  prepareForUpdate(_context, object, old) {
    object.spec = old.spec;
    object.status = old.status;
  },
  async validate(_context, object) {
    const fault = await parseCertificateRequest(object.spec.request ?? '').then(
      () => undefined,
      (error: Error) => error.message,
    );
    return check((errors) => {
      if (fault) errors.invalid('spec.request', object.spec.request, fault);
      validate(errors, object);
    });
  },
  validateUpdate: (_context, object, old) => check((errors) => validateUpdate(errors, object, old, '')),
  fields: ({ spec }) => ({ 'spec.signerName': spec.signerName ?? '' }),
  columns: columns('Name', 'Age', 'SignerName', 'Requestor', 'RequestedDuration', 'Condition'),
  row(object, now) {
    const { signerName, username, expirationSeconds } = object.spec;
    return [nameOf(object), age(object, now), signerName || '<none>', username ?? '', expirationSeconds === undefined ? '<none>' : humanDuration(expirationSeconds * 1000), shownStatus(object)];
  },
  subresources: {
    status: part('status', (object, old) => {
      object.spec = old.spec;
      for (const type of ['Approved', 'Denied']) preserve(object, old, type);
    }),
    approval: part('approval', (object, old) => {
      const conditions = object.status?.conditions;
      object.spec = old.spec;
      object.status = { ...old.status, ...(conditions ? { conditions } : {}) };
      if (!conditions) delete object.status.conditions;
    }),
  },
};

function part(name: 'status' | 'approval', prepare: (object: Csr, old: Csr) => void): Subresource<Csr> {
  return {
    type: 'object',
    kind: { group: definition.group, version: definition.version, kind: definition.kind },
    verbs: ['get', 'patch', 'update'],
    prepareForUpdate(context, object, old) {
      prepare(object, old);
      stamp(context, object, old);
    },
    validateUpdate: (_context, object, old) => check((errors) => validateUpdate(errors, object, old, name)),
  };
}

const conditionType = 'certificates/v1.CertificateSigningRequestCondition';

const conditionsOf = (object: Csr, type?: string) => (object.status?.conditions ?? []).filter((condition) => type === undefined || condition.type === type);

/** Conditions of approval stay as they were, unless some were added or taken away, which is refused later. */
function preserve(object: Csr, old: Csr, type: string): void {
  const before = conditionsOf(old, type);
  if (conditionsOf(object, type).length !== before.length || !before.length) return;
  let next = 0;
  object.status!.conditions = object.status!.conditions!.map((condition) => (condition.type === type ? before[next++]! : condition));
}

function stamp({ now }: RequestContext, object: Csr, old: Csr): void {
  for (const condition of conditionsOf(object)) {
    condition.lastUpdateTime ||= timestamp(now);
    condition.lastTransitionTime ||= conditionsOf(old, condition.type).find(({ status }) => status === condition.status)?.lastTransitionTime ?? timestamp(now);
  }
}

const isKnown = (usage: string) => usages.includes(usage);

/** `old`: what it had of unknown or double usages, and a certificate that is none, may stay. */
function validate(errors: FieldErrors, { spec, status }: Csr, old?: Csr): void {
  const wanted = spec.usages ?? [];
  if (!wanted.length) errors.required('spec.usages');
  const before = old?.spec.usages ?? [];
  if (before.every(isKnown)) wanted.forEach((usage, i) => {
    if (!isKnown(usage)) errors.notSupported(`spec.usages[${i}]`, usage, usages);
  });
  if (new Set(before).size === before.length) wanted.forEach((usage, i) => {
    if (wanted.indexOf(usage) < i) errors.duplicate(`spec.usages[${i}]`, usage);
  });
  if (spec.signerName === legacySigner) errors.invalid('spec.signerName', spec.signerName, 'the legacy signerName is not allowed via this API version');
  else signerName(errors, 'spec.signerName', spec.signerName ?? '');
  if (spec.expirationSeconds !== undefined && spec.expirationSeconds < 600)
    errors.invalid('spec.expirationSeconds', spec.expirationSeconds, 'may not specify a duration less than 600 seconds (10 minutes)');
  validateConditions(errors, status?.conditions ?? [], old?.status?.conditions ?? []);
  const had = old?.status?.certificate;
  if (status?.certificate && status.certificate !== had && !(had && !holdsCertificate(had)) && !holdsCertificate(status.certificate))
    errors.invalid('status.certificate', '<certificate data>', 'must contain at least one CERTIFICATE PEM block');
}

function validateConditions(errors: FieldErrors, conditions: readonly CertificateSigningRequestCondition[], before: readonly CertificateSigningRequestCondition[]): void {
  const types = before.map(({ type }) => type);
  const wasBoth = types.includes('Approved') && types.includes('Denied');
  const wasDouble = new Set(types).size < types.length;
  const seen = new Set<string>();
  conditions.forEach(({ type, status }, i) => {
    const field = `status.conditions[${i}]`;
    if (!type && !types.includes('')) errors.required(`${field}.type`);
    const allowed = final.includes(type) ? ['True'] : ['False', 'True', 'Unknown'];
    if (!status) errors.required(`${field}.status`);
    else if (!allowed.includes(status)) errors.notSupported(`${field}.status`, status, allowed);
    if (!wasBoth && ((type === 'Approved' && seen.has('Denied')) || (type === 'Denied' && seen.has('Approved'))))
      errors.invalid('status.conditions', type, 'Approved and Denied conditions are mutually exclusive');
    if (seen.has(type) && !wasDouble) errors.duplicate(`${field}.type`, type);
    seen.add(type);
  });
}

/** `via`: the subresource. Only `approval` decides, only `status` issues. */
function validateUpdate(errors: FieldErrors, object: Csr, old: Csr, via: 'status' | 'approval' | ''): void {
  validate(errors, object, old);
  const forbid = (why: string) => errors.forbidden('status.conditions', why);
  for (const type of final) if (conditionsOf(object, type).length < conditionsOf(old, type).length) forbid(`updates may not remove a condition of type ${JSON.stringify(type)}`);
  if (via !== 'approval')
    for (const type of ['Approved', 'Denied']) {
      const [now, before] = [conditionsOf(object, type), conditionsOf(old, type)];
      if (now.length > before.length) forbid(`updates may not add a condition of type ${JSON.stringify(type)}`);
      else if (now.length === before.length && !equalJson(now, before)) forbid(`updates may not modify a condition of type ${JSON.stringify(type)}\n${diff(internal(conditionType, before), internal(conditionType, now))}`);
    }
  if ((object.status?.certificate ?? '') === (old.status?.certificate ?? '')) return;
  if (via !== 'status') errors.forbidden('status.certificate', 'updates may not set certificate content');
  else if (old.status?.certificate) errors.forbidden('status.certificate', 'updates may not modify existing certificate content');
}

/** A domain, and a namespace and a name behind it. */
const maxSignerName = 253 + 1 + 63 + 1 + 253;

/** Mirrors pkg/apis/core/validation (ValidateSignerName). */
function signerName(errors: FieldErrors, field: string, name: string): void {
  if (!name) return errors.required(field);
  const parts = name.split('/');
  if (parts.length !== 2) return errors.invalid(field, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'");
  const [domain, path] = parts as [string, string];
  if (domain.length > 253) errors.tooLong(field, 253);
  // Of the labels that are none the first is told of.
  const judge = (text: string, problems: (label: string) => string[]) => {
    const bad = text.split('.').find((label) => problems(label).length);
    if (bad !== undefined) for (const why of problems(bad)) errors.invalid(field, text, `validating label ${JSON.stringify(bad)}: ${why}`);
  };
  judge(domain, isDns1123Label);
  if (!domain.includes('.')) errors.invalid(field, domain, 'should be a domain with at least two segments separated by dots');
  judge(path, isDns1123Subdomain);
  if (name.length > maxSignerName) errors.tooLong(field, maxSignerName);
}

function shownStatus(object: Csr): string {
  const has = (type: string) => conditionsOf(object, type).length > 0;
  return (has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending') + (has('Failed') ? ',Failed' : '') + (object.status?.certificate ? ',Issued' : '');
}
