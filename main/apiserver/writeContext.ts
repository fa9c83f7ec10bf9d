import type { KubeObject } from '../api/meta.ts';
import { invalid, type FieldError } from '../api/status.ts';
import type { Call } from './call.ts';
import { forbiddenField, invalidField, requiredField, tooLongField, unsupportedField } from './fieldErrors.ts';
import type { RequestContext } from './registry/strategy.ts';

const metaGroup = 'meta.k8s.io';
const fieldManagerMaxLength = 128;

/**
 * The options of a write. Throws 422 for options that are none.
 * Mirrors k8s.io/apimachinery/pkg/apis/meta/v1/validation/validation.go.
 */
export function writeContext(
  call: Call,
  namespace: string,
  kind: 'CreateOptions' | 'UpdateOptions' | 'PatchOptions' | 'DeleteOptions',
  patchType?: 'apply' | 'other',
): RequestContext {
  const { query } = call;
  const dryRun = query.all('dryRun');
  // Deletions have no such options, and nothing that is said of them is looked at.
  const written = kind !== 'DeleteOptions';
  const manager = (written && query.get('fieldManager')) || '';
  const fieldValidation = (written && query.get('fieldValidation')) || 'Warn';
  const errors: FieldError[] = [];
  if (patchType === 'apply' && !manager) errors.push(requiredField('fieldManager', 'is required for apply patch'));
  if (patchType === 'other' && query.get('force') !== undefined) errors.push(forbiddenField('force', 'may not be specified for non-apply patch'));
  if (manager) checkManager(manager, errors);
  if (dryRun.some((value) => value !== 'All')) errors.push(unsupportedField('dryRun', dryRun, ['All']));
  if (fieldValidation !== 'Strict' && fieldValidation !== 'Warn' && fieldValidation !== 'Ignore')
    errors.push(unsupportedField('fieldValidation', fieldValidation, ['', 'Ignore', 'Strict', 'Warn']));
  if (errors.length) throw invalid({ group: metaGroup, kind }, '', errors);
  return {
    user: call.user,
    userAgent: call.userAgent,
    now: call.now,
    namespace,
    dryRun: dryRun.length > 0,
    fieldManager: manager || managerOf(call.userAgent),
    fieldValidation: fieldValidation as RequestContext['fieldValidation'],
    options: {
      kind,
      apiVersion: `${metaGroup}/v1`,
      ...(dryRun.length ? { dryRun } : {}),
      ...(manager ? { fieldManager: manager } : {}),
      ...(written && query.get('fieldValidation') ? { fieldValidation } : {}),
      ...(patchType && query.get('force') !== undefined ? { force: query.flag('force') } : {}),
    } as KubeObject,
    warnings: call.warnings,
    auditAnnotations: (call.auditAnnotations ??= {}),
    waited: (milliseconds) => void (call.waited = (call.waited ?? 0) + milliseconds),
    cause: { who: firstWord(call.userAgent), ...(call.causeRevision ? { revision: call.causeRevision } : {}) },
  };
}

function checkManager(manager: string, errors: FieldError[]): void {
  if (Buffer.byteLength(manager) > fieldManagerMaxLength) errors.push(tooLongField('fieldManager', fieldManagerMaxLength));
  const at = manager.search(unprintable);
  if (at < 0) return;
  const code = manager.codePointAt(at)!;
  const hex = code.toString(16).toUpperCase().padStart(4, '0');
  errors.push(invalidField('fieldManager', manager, `invalid character U+${hex} (at position ${at})`));
}

const unprintable = /[\p{C}\p{Zl}\p{Zp}\u00a0]/u;

/** The user agent up to its first slash (upstream: endpoints/handlers/create.go, prefixFromUserAgent). */
function managerOf(userAgent: string): string {
  const slash = userAgent.indexOf('/');
  const prefix = slash < 0 ? userAgent : userAgent.slice(0, slash);
  return prefix.length <= fieldManagerMaxLength && !unprintable.test(prefix)
    ? prefix
    : prefix.replaceAll(new RegExp(unprintable, 'gu'), '').slice(0, fieldManagerMaxLength);
}

function firstWord(text: string): string {
  const space = text.indexOf(' ');
  return space < 0 ? text : text.slice(0, space);
}
