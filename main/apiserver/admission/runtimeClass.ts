import { asGiven } from '../../api/normalize.ts';
import type { Pod, RuntimeClass, Toleration } from '../../api/index.ts';
import { equalJson } from '../../api/json.ts';
import { as, podCreation, reject } from './attributes.ts';
import type { AdmissionPlugin } from './types.ts';

const runtimeClasses = { group: 'node.k8s.io', version: 'v1', resource: 'runtimeclasses' };

/** What a runtime class costs and where it is to be found, put into the pods that use it. Mirrors plugin/pkg/admission/runtimeclass. */
export const runtimeClassAdmission: AdmissionPlugin = {
  name: 'RuntimeClass',
  handles: podCreation,
  async admit(attributes) {
    const spec = as<Pod>(attributes.object).spec!;
    if (spec.runtimeClassName === undefined) return;
    const found = await attributes.objects.get<RuntimeClass>(runtimeClasses, '', spec.runtimeClassName);
    if (!found) throw reject(attributes, `pod rejected: RuntimeClass ${JSON.stringify(spec.runtimeClassName)} not found`);
    const fixed = found.overhead?.podFixed;
    if (fixed) {
      if (spec.overhead && !equalJson(spec.overhead, fixed))
        throw reject(attributes, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
      spec.overhead = { ...fixed };
    }
    for (const [name, value] of Object.entries(found.scheduling?.nodeSelector ?? {})) {
      const own = spec.nodeSelector?.[name];
      if (own !== undefined && own !== value)
        throw reject(attributes, `conflict: runtimeClass.scheduling.nodeSelector[${name}] = ${value}; pod.spec.nodeSelector[${name}] = ${own}`);
      (spec.nodeSelector ??= {})[name] = value;
    }
    for (const toleration of found.scheduling?.tolerations ?? []) {
      const same = (other: Toleration) => equalJson(other, toleration);
      if (!spec.tolerations?.some(same)) (spec.tolerations ??= []).push(toleration);
    }
  },
  async validate(attributes) {
    const spec = as<Pod>(attributes.object).spec!;
    if (spec.runtimeClassName !== undefined || !asGiven(spec, 'overhead')) return;
    throw reject(attributes, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead');
  },
};
