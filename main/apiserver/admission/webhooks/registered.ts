import type { MutatingWebhook, ValidatingWebhook } from '../../../api/index.ts';
import type { KubeObject } from '../../../api/meta.ts';
import { LiveObjects } from '../../auth/liveObjects.ts';
import type { AdmissionServices } from '../types.ts';

/** One webhook of a configuration. */
export interface RegisteredWebhook {
  /** Of its own among all webhooks. */
  id: string;
  configuration: string;
  hook: ValidatingWebhook & Pick<MutatingWebhook, 'reinvocationPolicy'>;
}

/** The webhooks of all configurations of a kind, in the order of the configurations' names, as they are now. */
export class RegisteredWebhooks {
  readonly #configurations: LiveObjects<KubeObject & { webhooks?: RegisteredWebhook['hook'][] }>;
  #webhooks: RegisteredWebhook[] = [];
  #version = -1;

  constructor({ store }: AdmissionServices, resource: string) {
    this.#configurations = new LiveObjects(store, { group: 'admissionregistration.k8s.io', resource });
  }

  /** False as long as it is not known. */
  get isEmpty(): boolean {
    return this.#configurations.isEmpty;
  }

  async all(): Promise<readonly RegisteredWebhook[]> {
    if (!this.#configurations.ready) await this.#configurations.load();
    if (this.#version === this.#configurations.version) return this.#webhooks;
    this.#version = this.#configurations.version;
    this.#webhooks = [...this.#configurations.all()]
      .sort((a, b) => (a.metadata!.name! < b.metadata!.name! ? -1 : 1))
      .flatMap(({ metadata, webhooks = [] }) => {
        // Names may occur twice in what was stored long ago.
        const seen = new Map<string, number>();
        return webhooks.map((hook) => {
          const count = seen.get(hook.name) ?? 0;
          seen.set(hook.name, count + 1);
          return { id: `${metadata!.name}/${hook.name}/${count}`, configuration: metadata!.name!, hook };
        });
      });
    return this.#webhooks;
  }

  close(): void {
    this.#configurations.close();
  }
}
