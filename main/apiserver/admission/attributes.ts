import type { Node, Pod } from '../../api/index.ts';
import { equalJson } from '../../api/json.ts';
import type { KubeObject } from '../../api/meta.ts';
import { forbidden, type StatusError } from '../../api/status.ts';
import type { ResourceDefinition } from '../registry/strategy.ts';
import type { AdmissionAttributes, AdmissionPlugin } from './types.ts';

/* What plugins share. Mirrors k8s.io/apiserver/pkg/admission/errors.go. */

/** 403 about the object at hand, which may not have a name yet. */
export function reject({ resource, name, object }: AdmissionAttributes, why: string): StatusError {
  const shown = name || object?.metadata?.name || object?.metadata?.generateName || 'Unknown';
  return forbidden({ group: resource.group, kind: resource.resource }, shown, why);
}

export const is = (definition: ResourceDefinition, group: string, resource: string) =>
  definition.group === group && definition.resource === resource;

/** `handles` of plugins about pods being created. */
export const podCreation: AdmissionPlugin['handles'] = (operation, resource, subresource) =>
  operation === 'CREATE' && is(resource, '', 'pods') && !subresource;

/** The object as the kind that `handles` made sure it is. */
export const as = <T extends KubeObject>(object: KubeObject | undefined) => object as T;

/** The node of the pod that changes; without it nobody can say what may change. */
export async function nodeOfChangedPod(attributes: AdmissionAttributes): Promise<Node> {
  const name = as<Pod>(attributes.object).spec!.nodeName!;
  const node = await attributes.objects.get<Node>({ group: '', version: 'v1', resource: 'nodes' }, '', name);
  if (!node) throw reject(attributes, `node "${name}" not found`);
  return node;
}

/** Makes an object that others hold what another is. Returns whether it was another. */
export function replaceObject(object: KubeObject, into: KubeObject): boolean {
  if (equalJson(object, into)) return false;
  for (const key of Object.keys(object)) delete object[key as keyof KubeObject];
  Object.assign(object, into);
  return true;
}
