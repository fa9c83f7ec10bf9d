import { decodeObject } from '../../api/decode.ts';
import { parseApiVersion, type GroupVersionKind, type KubeObject } from '../../api/meta.ts';
import { Reinvocation } from '../admission/reinvocation.ts';
import type { AdmissionAttributes, AdmissionOperation, Settle } from '../admission/types.ts';
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

  /** What it resolves with is to be called when the write is over. */
  validate(operation: AdmissionOperation, object: KubeObject | undefined, oldObject: KubeObject | undefined): Promise<Settle | undefined> {
    return this.serving.admission.validate(this.#attributes(operation, object, oldObject));
  }

  /** Both rounds at once, for DELETE and CONNECT. */
  async both(operation: AdmissionOperation, object: KubeObject | undefined, oldObject: KubeObject | undefined): Promise<void> {
    const attributes = this.#attributes(operation, object, oldObject);
    await this.serving.admission.admit(attributes);
    (await this.serving.admission.validate(attributes))?.();
  }

  #attributes(operation: AdmissionOperation, object: KubeObject | undefined, oldObject: KubeObject | undefined): AdmissionAttributes {
    const { definition } = this.registry;
    const isNamespace = definition.group === '' && definition.resource === 'namespaces';
    const name = this.name || object?.metadata?.name || '';
    const about = object ?? oldObject;
    const isOwn = about?.kind === definition.kind && about.apiVersion === this.registry.apiVersion;
    const kind = (isOwn ? undefined : kindOf(about)) ?? definition;
    return {
      context: this.context,
      operation,
      resource: definition,
      kind: { group: kind.group, version: kind.version, kind: kind.kind },
      subresource: this.subresource,
      namespace: isNamespace ? name : this.context.namespace,
      name,
      object,
      oldObject,
      objects: this.serving.objects,
      reinvocation: new Reinvocation(),
      settle: (made) => this.#settle(kind, made),
    };
  }

  #settle(kind: GroupVersionKind, made: KubeObject): KubeObject {
    const { object } = decodeObject(kind, made);
    const { strategy, definition } = this.registry;
    if (kind.kind !== definition.kind) return object;
    // What a kind's own schema does not know goes.
    strategy.complaints?.(object);
    strategy.defaults?.(object);
    return object;
  }
}

function kindOf(object: KubeObject | undefined): GroupVersionKind | undefined {
  return object?.apiVersion && object.kind ? { ...parseApiVersion(object.apiVersion), kind: object.kind } : undefined;
}
