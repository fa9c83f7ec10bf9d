import type { ComponentStatus } from '../../../api/index.ts';
import type { HealthCheck } from '../../../util/healthChecks.ts';
import { columns, define } from '../define.ts';
import { nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';

/**
 * Whether the components of the control plane are well, asked on every read.
 * Mirrors pkg/registry/core/componentstatus/rest.go.
 */
export function componentStatus(components: readonly HealthCheck[]): Strategy<ComponentStatus> {
  return {
    definition: define('', 'v1', 'ComponentStatus', 'componentstatuses', { namespaced: false, shortNames: ['cs'], verbs: ['get', 'list'] }),
    computed: {
      async get(_namespace, name) {
        const component = components.find((one) => one.name === name);
        return component && statusOf(component);
      },
      list: () => Promise.all(components.map(statusOf)),
    },
    deprecation: 'v1 ComponentStatus is deprecated in v1.19+',
    hasGeneration: false,
    nameRule: 'pathSegment',
    validate: () => [],
    validateUpdate: () => [],
    columns: columns('Name', 'Status', 'Message', 'Error'),
    row(object) {
      const healthy = object.conditions?.find(({ type }) => type === 'Healthy');
      return [nameOf(object), !healthy ? 'Unknown' : healthy.status === 'True' ? 'Healthy' : 'Unhealthy', healthy?.message ?? '', healthy?.error ?? ''];
    },
  };
}

async function statusOf({ name, check }: HealthCheck): Promise<ComponentStatus> {
  const condition = { type: 'Healthy', status: 'True', message: 'ok' };
  try {
    await check();
  } catch (error) {
    Object.assign(condition, { status: 'False', message: error instanceof Error ? error.message : String(error) });
  }
  return { metadata: { name }, conditions: [condition] };
}
