/** What was asked of the API server, by whom and how it ended, as audit.k8s.io/v1 events, as far as a policy wants it told. */
export { Auditor, type AuditedRequest, type AuditSink } from './auditor.ts';
export { auditPolicy, type AuditPolicy } from './policy.ts';
