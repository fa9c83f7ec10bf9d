import type { Namespace, ServiceAccount } from '../api/index.ts';
import { isAlreadyExists } from '../api/status.ts';
import { resources, type Client, type Informer } from '../client/index.ts';
import { QueueController, type ControllerContext } from './controller.ts';
import { isNamespaceTerminating } from './podControl.ts';

/** A `default` service account in every namespace. Mirrors pkg/controller/serviceaccount/serviceaccounts_controller.go. */
export class ServiceAccountController extends QueueController {
  readonly #namespaces: Informer<Namespace>;
  readonly #accounts: Informer<ServiceAccount>;

  constructor(context: ControllerContext) {
    super(context, 'service-account-controller');
    this.#namespaces = context.informers.informer(resources.namespaces);
    this.#accounts = context.informers.informer(resources.serviceAccounts);
    this.#namespaces.on({ add: (ns) => this.enqueueObject(ns), update: (_, ns) => this.enqueueObject(ns) });
    this.#accounts.on({ delete: (account) => this.enqueue(account.metadata!.namespace!, account) });
  }

  protected async sync(namespace: string, client: Client): Promise<void> {
    const ns = this.#namespaces.get(namespace);
    if (ns?.status?.phase !== 'Active' || this.#accounts.get(`${namespace}/default`)) return;
    try {
      await client.of(resources.serviceAccounts).create({ metadata: { namespace, name: 'default' } });
    } catch (error) {
      if (!isAlreadyExists(error) && !isNamespaceTerminating(error)) throw error;
    }
  }
}
