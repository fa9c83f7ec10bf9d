import type { CustomResourceDefinition } from '../../../../main/api/index.ts';
import type { KubeObject } from '../../../../main/api/meta.ts';
import type { StatusError } from '../../../../main/api/status.ts';
import type { Strategy } from '../../../../main/apiserver/index.ts';
import { customResourceDefinition } from '../../../../main/apiserver/apiextensions/index.ts';
import type { JsonSchema } from '../../../../main/apiserver/apiextensions/schema/types.ts';
import { start, type Harness } from '../support/harness.ts';

export const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

export interface VersionOptions {
  name?: string;
  schema?: JsonSchema;
  storage?: boolean;
  served?: boolean;
  [more: string]: unknown;
}

/** `widgets.example.com`, or others of the group. */
export function definitionOf(versions: VersionOptions[], { plural = 'widgets', kind = 'Widget', ...spec }: { plural?: string; kind?: string; [more: string]: unknown } = {}): CustomResourceDefinition {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.example.com` },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural, kind },
      versions: versions.map(({ name = 'v1', schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }, ...more }, i) => ({
        name,
        served: true,
        storage: i === 0,
        ...more,
        schema: { openAPIV3Schema: schema as never },
      })),
      ...spec,
    },
  };
}

/** An API server that has custom resources and nothing else. */
export class CustomServer {
  private constructor(readonly harness: Harness) {}

  static async start(): Promise<CustomServer> {
    return new CustomServer(await start({ strategies: [customResourceDefinition as unknown as Strategy] }));
  }

  close(): Promise<void> {
    return this.harness.close();
  }

  async request<T = KubeObject>(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown, more: { query?: Record<string, string>; contentType?: string } = {}) {
    return this.harness.remote.request<T>({ method, path, body, ...more });
  }

  /** The Status of a request that is refused; undefined: it was not. */
  refusal(request: Promise<unknown>): Promise<StatusError['status'] | undefined> {
    return request.then(() => undefined, (error: StatusError) => error.status);
  }

  /** Creates or replaces a definition and waits until it is in effect. */
  async define(definition: CustomResourceDefinition): Promise<CustomResourceDefinition> {
    const { name } = definition.metadata!;
    const current = await this.find(name!);
    if (current) await this.request('PUT', `${definitions}/${name}`, { ...definition, metadata: { ...definition.metadata, resourceVersion: current.metadata!.resourceVersion } });
    else await this.request('POST', definitions, definition);
    await this.turns();
    return (await this.find(name!))!;
  }

  async find(name: string): Promise<CustomResourceDefinition | undefined> {
    return this.request<CustomResourceDefinition>('GET', `${definitions}/${name}`).then(({ body }) => body, () => undefined);
  }

  async remove(name: string): Promise<void> {
    await this.request('DELETE', `${definitions}/${name}`);
    await this.turns();
  }

  /** Lets everything run that a change has set going. */
  async turns(): Promise<void> {
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
  }
}
