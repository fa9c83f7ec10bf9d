import type { AdmissionAttributes, AdmissionOperation } from '../admission/types.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { Registry } from '../registry/generic.ts';
import type { RequestContext } from '../registry/strategy.ts';
import type { Serving } from '../serving.ts';

/** Admission as the handlers of one request call it. */
export class Admit {
  constructor(
    private readonly serving: Serving,
    private readonly context: RequestContext,
    private readonly registry: Registry,
    private readonly subresource: string,
    private readonly name: string,
  ) {}

  mutate(operation: AdmissionOperation, object: KubeObject | undefined, oldObject: KubeObject | undefined): Promise<void> {
    return this.serving.admission.admit(this.#attributes(operation, object, oldObject));
  }

  validate(operation: AdmissionOperation, object: KubeObject | undefined, oldObject: KubeObject | undefined): Promise<void> {
    return this.serving.admission.validate(this.#attributes(operation, object, oldObject));
  }

  /** Both rounds at once, for DELETE and CONNECT. */
  async both(operation: AdmissionOperation, object: KubeObject | undefined, oldObject: KubeObject | undefined): Promise<void> {
    const attributes = this.#attributes(operation, object, oldObject);
    await this.serving.admission.admit(attributes);
    await this.serving.admission.validate(attributes);
  }

  #attributes(operation: AdmissionOperation, object: KubeObject | undefined, oldObject: KubeObject | undefined): AdmissionAttributes {
    const { definition } = this.registry;
    const isNamespace = definition.group === '' && definition.resource === 'namespaces';
    const name = this.name || object?.metadata?.name || '';
    return {
      context: this.context,
      operation,
      resource: definition,
      subresource: this.subresource,
      namespace: isNamespace ? name : this.context.namespace,
      name,
      object,
      oldObject,
      objects: this.serving.objects,
    };
  }
}
