import type { Container, ContainerExtendedResourceRequest, DeviceClass, DeviceRequest, Pod } from '../../api/index.ts';
import { classesOfResources } from '../../api/deviceClaims.ts';
import { isSidecar } from '../../api/podAmounts.ts';
import { parseQuantity } from '../../api/quantity.ts';
import type { Informer } from '../../client/index.ts';

/* Extended resources that are devices: what a pod asks for by `resources` becomes a claim. Mirrors plugins/dynamicresources/extendeddynamicresources.go. */

/** The class of devices that a node without such a resource of its own gives for it; undefined: none. */
export type ClassOfResource = (resource: string) => DeviceClass | undefined;

/** Kept up to date with the classes that there are. */
export function classesByResource(classes: Informer<DeviceClass>): ClassOfResource {
  let known: Map<string, DeviceClass> | undefined;
  const forget = () => (known = undefined);
  classes.on({ add: forget, update: forget, delete: forget });
  return (resource) => (known ??= classesOfResources(classes.list())).get(resource);
}

/** A request of a claim and the containers that are given its devices, for those of `resources` that a class stands for. */
export function requestsFor({ spec }: Pod, resources: readonly string[], classOf: ClassOfResource): { requests: DeviceRequest[]; mappings: ContainerExtendedResourceRequest[] } {
  const first = spec!.initContainers ?? [];
  const containers = [...first, ...spec!.containers];
  const endsFirst = (index: number) => index < first.length && !isSidecar(containers[index]!);
  const requests: DeviceRequest[] = [];
  const mappings: ContainerExtendedResourceRequest[] = [];
  for (const resource of resources.toSorted()) {
    const deviceClass = classOf(resource);
    if (!deviceClass) continue;
    const wanted = containers.map((container) => amountOf(container, resource));
    const request = (index: number, count: number): DeviceRequest => ({
      name: requestName(containers[index]!, index, resource),
      exactly: { deviceClassName: deviceClass.metadata!.name!, allocationMode: 'ExactCount', count },
    });
    const map = (index: number, requestName: string) => mappings.push({ containerName: containers[index]!.name, resourceName: resource, requestName });
    const lasting = containers.map((_, i) => (!endsFirst(i) && wanted[i]! > 0 ? request(i, wanted[i]!) : undefined));
    lasting.forEach((each, i) => each && map(i, each.name));
    // Containers that end before others begin have devices of those, and beside them some that they share among themselves.
    const passing = containers.map((_, i) => {
      if (!endsFirst(i) || wanted[i] === 0) return { lent: [], lacks: 0 };
      const lent: DeviceRequest[] = [];
      let lacks = wanted[i]!;
      for (const each of lasting.slice(i)) {
        if (!each || lacks <= 0) continue;
        lent.push(each);
        lacks -= each.exactly!.count!;
      }
      return { lent, lacks: Math.max(lacks, 0) };
    });
    const most = passing.reduce((best, { lacks }, i) => (lacks > (passing[best]?.lacks ?? 0) ? i : best), -1);
    const shared = most < 0 ? undefined : request(most, passing[most]!.lacks);
    passing.forEach(({ lent, lacks }, i) => {
      for (const each of lent) map(i, each.name);
      if (lacks > 0) map(i, shared!.name);
    });
    requests.push(...(shared ? [shared] : []), ...lasting.filter((each) => each !== undefined));
  }
  return { requests: requests.sort((a, b) => (a.name < b.name ? -1 : 1)), mappings };
}

function amountOf({ resources }: Container, resource: string): number {
  const amount = resources?.requests?.[resource];
  return amount === undefined ? 0 : parseQuantity(amount).value();
}

/** By the place of the container, and that of the resource among all that it asks for. */
function requestName({ resources }: Container, index: number, resource: string): string {
  return `container-${index}-request-${Object.keys(resources!.requests!).sort().indexOf(resource)}`;
}
