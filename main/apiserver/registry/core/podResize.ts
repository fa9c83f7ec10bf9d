import type { Container, Pod, ResourceRequirements } from '../../../api/index.ts';
import type { GroupVersionKind } from '../../../api/meta.ts';
import { cloneJson, equalJson } from '../../../api/json.ts';
import { qosClass } from '../../../api/qos.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { validatePodWhole } from '../../validation/pod.ts';
import { mirrorAnnotation } from '../../validation/podAnnotations.ts';
import { check } from '../define.ts';
import type { Subresource } from '../strategy.ts';

/* `pods/resize`. Mirrors pkg/registry/core/pod/strategy.go (podResizeStrategy) and validation.go (ValidatePodResize). */

const lists = ['containers', 'initContainers'] as const;

export function podResize(kind: GroupVersionKind): Subresource<Pod> {
  return {
    type: 'object',
    kind,
    verbs: ['get', 'patch', 'update'],
    prepareForUpdate(_context, object, old) {
      const metadata = (object.metadata ??= {});
      for (const field of ['labels', 'annotations', 'finalizers', 'ownerReferences'] as const) Object.assign(metadata, { [field]: old.metadata?.[field] });
      object.status = old.status;
      // Containers that came, went or changed places are validation's to refuse.
      if (lists.some((list) => (object.spec?.[list]?.length ?? 0) !== (old.spec?.[list]?.length ?? 0))) return;
      const wanted = object.spec!;
      object.spec = { ...cloneJson(old.spec!), resources: wanted.resources, containers: merged(wanted.containers, old.spec!.containers) };
      if (old.spec!.initContainers) object.spec.initContainers = merged(wanted.initContainers!, old.spec!.initContainers);
    },
    validateUpdate: (_context, object, old) => check((errors) => validate(errors, object, old)),
  };
}

/** What may change of the old containers, from the new ones; the new ones as they are where names differ. */
function merged(wanted: Container[], old: Container[]): Container[] {
  if (wanted.some(({ name }, i) => name !== old[i]!.name)) return wanted;
  return old.map((container, i) => ({ ...cloneJson(container), resources: wanted[i]!.resources, resizePolicy: wanted[i]!.resizePolicy }));
}

function validate(errors: FieldErrors, object: Pod, old: Pod): void {
  // Of these nothing else is said.
  if (old.metadata?.annotations?.[mirrorAnnotation] !== undefined) return errors.forbidden('[]', 'static pods cannot be resized');
  if (old.spec?.os?.name === 'windows') return errors.forbidden('[]', 'windows pods cannot be resized');
  validatePodWhole(errors, object, old);
  if (qosClass(object.spec!) !== (old.status?.qosClass ?? qosClass(old.spec!))) errors.invalid('spec', old.status?.qosClass ?? '', 'Pod QOS Class may not change as a result of resizing');
  const running = old.status?.containerStatuses?.find(({ state }) => state?.running);
  if (running && !running.resources) errors.forbidden('spec', 'Pod running on node without support for resize');
  wholePod(errors, object, old);
  if (old.status?.nodeAllocatableResourceClaimStatuses?.length) errors.forbidden('spec', 'pods with node allocatable resource claims cannot be resized');
  if (!sameOrder(errors, object, old)) return;
  for (const list of [...lists].reverse())
    old.spec?.[list]?.forEach((before, i) => nothingRemoved(errors, `spec.${list}[${i}].resources`, 'resource', object.spec![list]![i]!.resources, before.resources));
  for (const list of lists)
    old.spec?.[list]?.forEach((before, i) => {
      if (equalJson(unsized(object.spec![list]![i]!), unsized(before))) return;
      if (list === 'containers') errors.forbidden('spec', 'only cpu and memory resources are mutable');
      else errors.forbidden(`spec.initContainers[${i}]`, 'only cpu and memory resources for init or sidecar containers are mutable');
    });
  object.spec!.initContainers?.forEach((container, i) => {
    if (container.restartPolicy === 'Always' || equalJson(container, old.spec!.initContainers![i])) return;
    if (container.resizePolicy?.some(({ restartPolicy }) => restartPolicy === 'RestartContainer'))
      errors.forbidden(`spec.initContainers[${i}]`, 'non-sidecar init containers with a resize policy of RestartContainer cannot be resized');
  });
}

function wholePod(errors: FieldErrors, object: Pod, old: Pod): void {
  const [now, before] = [object.spec!.resources, old.spec!.resources];
  if (before && !now) return errors.forbidden('spec.resources', 'pod-level resources cannot be removed');
  if (before) nothingRemoved(errors, 'spec.resources', 'pod-level resource', now, before);
  if (!equalJson(otherResources(now), otherResources(before))) errors.forbidden('spec', 'only cpu and memory resources are mutable at pod-level');
}

function sameOrder(errors: FieldErrors, object: Pod, old: Pod): boolean {
  let same = true;
  const refuse = (path: string, why: string) => {
    errors.forbidden(path, why);
    same = false;
  };
  for (const list of lists) {
    const [now, before] = [object.spec?.[list] ?? [], old.spec?.[list] ?? []];
    if (now.length !== before.length) refuse(`spec.${list}`, `${list} may not be added or removed on resize`);
    else before.forEach(({ name }, i) => now[i]!.name !== name && refuse(`spec.${list}[${i}].name`, `${list} may not be renamed or reordered on resize`));
  }
  return same;
}

function nothingRemoved(errors: FieldErrors, path: string, what: string, now: ResourceRequirements | undefined, before: ResourceRequirements | undefined): void {
  for (const list of ['requests', 'limits'] as const)
    if (Object.keys(before?.[list] ?? {}).some((name) => now?.[list]?.[name] === undefined)) errors.forbidden(`${path}.${list}`, `${what} ${list} cannot be removed`);
}

/** A container without what a resize may change. */
const unsized = ({ resources, ...rest }: Container) => ({ ...rest, resources: otherResources(resources) });

function otherResources(resources: ResourceRequirements | undefined): object {
  const others = (list: Record<string, string> | undefined) => Object.fromEntries(Object.entries(list ?? {}).filter(([name]) => name !== 'cpu' && name !== 'memory'));
  return { requests: others(resources?.requests), limits: others(resources?.limits), claims: resources?.claims ?? [] };
}
