import type { KubeObject } from '../api/meta.ts';
import { badRequest } from '../api/status.ts';
import { dedupOwnerReferences } from './registry/objectMeta.ts';

// Errors and warnings of k8s.io/apiserver/pkg/endpoints/handlers/rest.go and registry/rest/meta.go.

/** Puts an object that names no namespace into the request's. Throws 400 when it names another one. */
export function settleNamespace(object: KubeObject, namespace: string, namespaced: boolean): void {
  const metadata = object.metadata!;
  const expected = namespaced ? namespace : '';
  if ((metadata.namespace ?? '') === expected) return;
  if (!expected) delete metadata.namespace;
  else if (!metadata.namespace) metadata.namespace = expected;
  else throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
}

/** Throws 400 when object and URL disagree. */
export function checkName(object: KubeObject, name: string): void {
  const own = object.metadata?.name;
  if (!own) throw badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`);
  if (own !== name) throw badRequest(`the name of the object (${own}) does not match the name on the URL (${name})`);
}

export function dedupOwners(object: KubeObject, warnings: string[], afterAdmission: boolean): void {
  const duplicates = dedupOwnerReferences(object.metadata);
  if (!duplicates.length) return;
  const uids = duplicates.join(', ');
  warnings.push(
    afterAdmission
      ? `.metadata.ownerReferences contains duplicate entries after mutating admission happens; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${uids}`
      : `.metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${uids}`,
  );
}
