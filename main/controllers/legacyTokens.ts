import type { Secret, ServiceAccount } from '../api/index.ts';
import { isNotFound } from '../api/status.ts';
import { resources, type Client, type Informer } from '../client/index.ts';
import { QueueController, type ControllerContext } from './controller.ts';

const tokenType = 'kubernetes.io/service-account-token';
const nameKey = 'kubernetes.io/service-account.name';
const uidKey = 'kubernetes.io/service-account.uid';

/**
 * Gives a Secret that asks for a service account's token that token, which lasts as long as the Secret, and takes the
 * Secret away with the account. Mirrors pkg/controller/serviceaccount/tokens_controller.go.
 */
export class LegacyTokensController extends QueueController {
  readonly #secrets: Informer<Secret>;
  readonly #accounts: Informer<ServiceAccount>;

  constructor(private readonly context: ControllerContext) {
    super(context, 'tokens-controller');
    this.#secrets = context.informers.informer(resources.secrets);
    this.#accounts = context.informers.informer(resources.serviceAccounts);
    const enqueue = (secret: Secret) => {
      if (secret.type === tokenType) this.enqueueObject(secret);
    };
    this.#secrets.on({ add: enqueue, update: (_, secret) => enqueue(secret) });
    const ofAccount = (account: ServiceAccount) => {
      const { namespace, name } = account.metadata!;
      for (const secret of this.#secrets.list())
        if (secret.type === tokenType && secret.metadata!.namespace === namespace && secret.metadata!.annotations?.[nameKey] === name) this.enqueue(`${namespace}/${secret.metadata!.name}`, account);
    };
    this.#accounts.on({ add: ofAccount, delete: ofAccount });
  }

  protected async sync(key: string, client: Client): Promise<void> {
    const { issueToken, rootCA = '' } = this.context;
    const secret = this.#secrets.get(key);
    if (secret?.type !== tokenType || !issueToken) return;
    const { namespace, name, uid, annotations = {} } = secret.metadata!;
    const account = this.#accounts.get(`${namespace}/${annotations[nameKey]}`);
    const secrets = client.of(resources.secrets);
    if (!account || (annotations[uidKey] && annotations[uidKey] !== account.metadata!.uid)) {
      // The account may be about to come, but one that is another never will.
      if (annotations[uidKey]) await secrets.delete(namespace!, name!, { preconditions: { uid } }).catch(unlessGone);
      return;
    }
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    const data = secret.data ?? {};
    if (data['token'] && data['ca.crt'] === base64(rootCA) && data['namespace'] && annotations[uidKey]) return;
    const token = data['token'] || base64(await issueToken({ namespace: namespace!, name: account.metadata!.name!, uid: account.metadata!.uid!, secret: { name: name!, uid: uid! } }));
    await secrets
      .update({
        ...secret,
        metadata: { ...secret.metadata, annotations: { ...annotations, [uidKey]: account.metadata!.uid! } },
        data: { ...data, token, 'ca.crt': base64(rootCA), namespace: data['namespace'] || base64(namespace!) },
      })
      .catch(unlessGone);
  }
}

function unlessGone(error: unknown): void {
  if (!isNotFound(error)) throw error;
}
