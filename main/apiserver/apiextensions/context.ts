import type { RequestContext } from '../registry/strategy.ts';

/** The API server as the one who writes. */
export function ownContext(now: number): RequestContext {
  return {
    user: { name: 'system:apiserver', groups: ['system:masters'] },
    userAgent: 'kube-apiserver',
    now,
    namespace: '',
    dryRun: false,
    fieldManager: 'kube-apiserver',
    fieldValidation: 'Ignore',
    options: { kind: 'UpdateOptions', apiVersion: 'meta.k8s.io/v1', metadata: {} },
    warnings: [],
    auditAnnotations: {},
    cause: { who: 'kube-apiserver' },
  };
}
