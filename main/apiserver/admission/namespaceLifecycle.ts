import type { Namespace } from '../../api/index.ts';
import { forbidden, notFound } from '../../api/status.ts';
import { is, reject } from './attributes.ts';
import type { AdmissionPlugin } from './types.ts';

const immortal = new Set(['default', 'kube-system', 'kube-public']);
const reviews = new Set(['authorization.k8s.io/localsubjectaccessreviews']);
const namespaces = { group: '', version: 'v1', resource: 'namespaces' };

/**
 * Nothing is created in a namespace that is not there or is going, and some namespaces stay.
 * Mirrors k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle.
 */
export const namespaceLifecycle: AdmissionPlugin = {
  name: 'NamespaceLifecycle',
  handles(operation, resource) {
    if (is(resource, '', 'namespaces')) return operation === 'DELETE';
    return operation !== 'DELETE' && resource.namespaced && !reviews.has(`${resource.group}/${resource.resource}`);
  },
  async admit(attributes) {
    const { operation, resource, namespace, name, objects } = attributes;
    if (is(resource, '', 'namespaces')) {
      if (immortal.has(name)) throw forbidden({ group: '', kind: 'namespaces' }, name, 'this namespace may not be deleted');
      return;
    }
    const found = await objects.get<Namespace>(namespaces, '', namespace);
    if (!found) throw notFound({ group: '', kind: 'namespaces' }, namespace);
    if (operation !== 'CREATE' || found.status?.phase !== 'Terminating') return;
    const error = reject(attributes, `unable to create new content in namespace ${namespace} because it is being terminated`);
    error.status.details = {
      ...error.status.details,
      causes: [{ reason: 'NamespaceTerminating', message: `namespace ${namespace} is being terminated`, field: 'metadata.namespace' }],
    };
    throw error;
  },
};
