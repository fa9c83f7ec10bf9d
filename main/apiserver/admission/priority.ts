import type { Pod, PriorityClass } from '../../api/index.ts';
import { as, is, reject } from './attributes.ts';
import type { AdmissionPlugin } from './types.ts';

const priorityClasses = { group: 'scheduling.k8s.io', version: 'v1', resource: 'priorityclasses' };
/** Known before they are stored, so that the first system pods need not wait. */
const systemClasses: Record<string, number> = { 'system-cluster-critical': 2_000_000_000, 'system-node-critical': 2_000_001_000 };

/** Turns the name of a priority class into a number. Mirrors plugin/pkg/admission/priority. */
export const priority: AdmissionPlugin = {
  name: 'Priority',
  handles(operation, resource, subresource) {
    if (subresource || operation === 'CONNECT' || operation === 'DELETE') return false;
    return is(resource, '', 'pods') || is(resource, 'scheduling.k8s.io', 'priorityclasses');
  },
  async admit(attributes) {
    if (!is(attributes.resource, '', 'pods')) return;
    const spec = as<Pod>(attributes.object).spec!;
    if (attributes.operation === 'UPDATE') {
      const old = as<Pod>(attributes.oldObject).spec!;
      spec.priority ??= old.priority;
      spec.preemptionPolicy ??= old.preemptionPolicy;
      return;
    }
    let value = 0;
    let policy: string | undefined = 'PreemptLowerPriority';
    if (spec.priorityClassName) {
      const found = await attributes.objects.get<PriorityClass>(priorityClasses, '', spec.priorityClassName);
      const system = systemClasses[spec.priorityClassName];
      if (!found && system === undefined) throw reject(attributes, `no PriorityClass with name ${spec.priorityClassName} was found`);
      value = found?.value ?? system!;
      policy = found ? (found.preemptionPolicy ?? policy) : policy;
    } else {
      const all = await attributes.objects.list<PriorityClass>(priorityClasses);
      const standard = all.filter((c) => c.globalDefault).sort((a, b) => (a.value ?? 0) - (b.value ?? 0))[0];
      if (standard) {
        spec.priorityClassName = standard.metadata!.name;
        value = standard.value ?? 0;
        policy = standard.preemptionPolicy ?? policy;
      }
    }
    if (spec.priority !== undefined && spec.priority !== value)
      throw reject(
        attributes,
        `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
      );
    spec.priority = value;
    if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy)
      throw reject(
        attributes,
        `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`,
      );
    spec.preemptionPolicy = policy;
  },
  async validate(attributes) {
    if (is(attributes.resource, '', 'pods')) return;
    const object = as<PriorityClass>(attributes.object);
    if (!object.globalDefault) return;
    const all = await attributes.objects.list<PriorityClass>(priorityClasses);
    const standard = all.find((c) => c.globalDefault && (attributes.operation === 'CREATE' || c.metadata!.name !== object.metadata!.name));
    if (standard) throw reject(attributes, `PriorityClass ${standard.metadata!.name} is already marked as default. Only one default can exist`);
  },
};
