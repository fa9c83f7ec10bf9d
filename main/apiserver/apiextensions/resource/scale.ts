import type { CustomResourceSubresourceScale } from '../../../api/index.ts';
import type { KubeObject } from '../../../api/meta.ts';
import { badRequest, internalError, type FieldError } from '../../../api/status.ts';
import { check } from '../../registry/define.ts';
import type { Subresource } from '../../registry/strategy.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { isJsonObject } from '../schema/types.ts';

const maxInt32 = 2 ** 31 - 1;
/** What whoever changes a scale is given of an object that does not say how many it wants. */
const unset = -(2 ** 31);
const stepsOf = (path: string) => path.replace(/^\./, '').split('.');

interface ScaleView extends KubeObject {
  spec?: { replicas?: number };
  status?: { replicas?: number; selector?: string };
}

function read(object: unknown, path: string): unknown {
  return stepsOf(path).reduce((at, step) => (isJsonObject(at) ? at[step] : undefined), object);
}

/** `scale` of a custom resource. Mirrors apiextensions' pkg/registry/customresource/etcd.go (ScaleREST). */
export function scaleOf({ specReplicasPath, statusReplicasPath, labelSelectorPath }: CustomResourceSubresourceScale): Extract<Subresource<KubeObject>, { type: 'view' }> {
  return {
    type: 'view',
    kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
    verbs: ['get', 'patch', 'update'],
    check(object) {
      if (read(object, specReplicasPath) === undefined) throw internalError(`the spec replicas field ${JSON.stringify(specReplicasPath)} does not exist`);
    },
    get(object) {
      const replicas = read(object, specReplicasPath) ?? unset;
      const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata ?? {};
      const selector = labelSelectorPath ? read(object, labelSelectorPath) : undefined;
      const scale: ScaleView = {
        kind: 'Scale',
        apiVersion: 'autoscaling/v1',
        metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
        spec: { replicas: Number(replicas) },
        status: { replicas: Number(read(object, statusReplicasPath) ?? 0), ...(typeof selector === 'string' && selector ? { selector } : {}) },
      };
      return scale;
    },
    apply(object, view) {
      const steps = stepsOf(specReplicasPath);
      let at = object as unknown as Record<string, unknown>;
      for (const step of steps.slice(0, -1)) {
        if (!isJsonObject(at[step])) at[step] = {};
        at = at[step] as Record<string, unknown>;
      }
      at[steps.at(-1)!] = (view as ScaleView).spec?.replicas ?? 0;
    },
    validate: (view): FieldError[] =>
      check((errors) => {
        const replicas = (view as ScaleView).spec?.replicas ?? 0;
        if (replicas === unset) throw badRequest(`the spec replicas field ${JSON.stringify(specReplicasPath)} cannot be empty`);
        if (replicas < 0) errors.invalid('spec.replicas', replicas, 'must be greater than or equal to 0');
      }),
  };
}

/** Replicas that `scale` could not show. `part`: which of an object's two halves was written. */
export function validateScale(object: KubeObject, scale: CustomResourceSubresourceScale, part: 'all' | 'status', errors: FieldErrors): void {
  const count = (path: string) => {
    const value = read(object, path) ?? 0;
    if (typeof value !== 'number' || !Number.isInteger(value)) errors.invalid(path, 0, `${path} accessor error: ${JSON.stringify(value)} is of the type ${Array.isArray(value) ? '[]interface {}' : typeof value}, expected int64`);
    else if (value < 0) errors.invalid(path, value, 'should be a non-negative integer');
    else if (value > maxInt32) errors.invalid(path, value, `should be less than or equal to ${maxInt32}`);
  };
  if (part === 'all') count(scale.specReplicasPath);
  count(scale.statusReplicasPath);
  const { labelSelectorPath } = scale;
  const selector = labelSelectorPath ? read(object, labelSelectorPath) : undefined;
  if (selector !== undefined && typeof selector !== 'string')
    errors.invalid(labelSelectorPath!, '', `${labelSelectorPath} accessor error: ${JSON.stringify(selector)} is of the type ${typeof selector}, expected string`);
}
