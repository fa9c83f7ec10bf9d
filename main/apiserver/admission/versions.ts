import { decodeObject } from '../../api/decode.ts';
import { apiVersionOf, type KubeObject } from '../../api/meta.ts';
import type { ResourceTable } from '../registry/resources.ts';
import type { ResourceDefinition } from '../registry/strategy.ts';
import type { Match } from './matching.ts';
import type { AdmissionAttributes, AdmissionServices } from './types.ts';

/* Requests as webhooks and policies see them that speak of another version of the resource. Mirrors k8s.io/apiserver/pkg/admission/conversion.go. */

/** The request with its objects in the version that was matched; the request itself where that is its own. */
export async function seenAs(attributes: AdmissionAttributes, match: Match, { resources }: AdmissionServices): Promise<AdmissionAttributes> {
  const { resource, object, oldObject } = attributes;
  // Subresources of a kind of their own look the same under all versions.
  if (match.resource === resource || attributes.kind.kind !== resource.kind) return attributes;
  const seen = (one: KubeObject | undefined) => one && inVersion(one, resource, match.resource, resources);
  return {
    ...attributes,
    object: await seen(object),
    oldObject: await seen(oldObject),
    settle(made) {
      const settled = decodeObject(match.kind, made).object;
      const strategy = resources.find(match.resource.group, match.resource.version, match.resource.resource)?.strategy;
      strategy?.complaints?.(settled);
      strategy?.defaults?.(settled);
      return settled;
    },
  };
}

/** What became of the objects of `seen`, in the request's own version. */
export async function takeBack(attributes: AdmissionAttributes, seen: AdmissionAttributes, match: Match, { resources }: AdmissionServices): Promise<KubeObject> {
  return attributes.settle(await inVersion(seen.object!, match.resource, attributes.resource, resources));
}

async function inVersion(object: KubeObject, from: ResourceDefinition, to: ResourceDefinition, resources: ResourceTable): Promise<KubeObject> {
  const strategyOf = ({ group, version, resource }: ResourceDefinition) => resources.find(group, version, resource)?.strategy;
  const own = strategyOf(from);
  const apiVersion = apiVersionOf(to);
  if (own?.convert) return own.convert(object, apiVersion);
  const stored = own?.storedAs ? own.storedAs.toStored(object) : object;
  const other = strategyOf(to)?.storedAs;
  return { ...(other ? other.fromStored(stored) : stored), apiVersion, kind: to.kind };
}
