import type { AdmissionAttributes, AdmissionOperation, AdmissionPlugin } from './admission/types.ts';
import type { ResourceDefinition } from './registry/strategy.ts';

/** All plugins in their order: first those that change, then those that judge (upstream: k8s.io/apiserver/pkg/admission/chain.go). */
export class AdmissionChain {
  readonly #handlers = new Map<string, AdmissionPlugin[]>();

  constructor(private readonly plugins: readonly AdmissionPlugin[]) {}

  async admit(attributes: AdmissionAttributes): Promise<void> {
    for (const plugin of this.#handling(attributes.operation, attributes.resource, attributes.subresource))
      if (plugin.admit) await plugin.admit(attributes);
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    for (const plugin of this.#handling(attributes.operation, attributes.resource, attributes.subresource))
      if (plugin.validate) await plugin.validate(attributes);
  }

  handles(operation: AdmissionOperation, resource: ResourceDefinition, subresource: string): boolean {
    return this.#handling(operation, resource, subresource).length > 0;
  }

  #handling(operation: AdmissionOperation, resource: ResourceDefinition, subresource: string): AdmissionPlugin[] {
    const key = `${operation} ${resource.group}/${resource.version}/${resource.resource}/${subresource}`;
    let handling = this.#handlers.get(key);
    if (!handling) {
      handling = this.plugins.filter((plugin) => plugin.handles(operation, resource, subresource));
      this.#handlers.set(key, handling);
    }
    return handling;
  }
}
