import type { Secret, ServiceAccount } from '../api/index.ts';
import { accountNameAnnotation as nameKey, accountUIDAnnotation as uidKey, legacyTokenType as tokenType } from '../api/legacyTokens.ts';
import { isConflict, isNotFound } from '../api/status.ts';
import { resources, type Client, type Informer } from '../client/index.ts';
import { QueueController, type ControllerContext } from './controller.ts';

/**
 * Gives a Secret that asks for a service account's token that token, which lasts as long as the Secret, and takes the
 * Secret away where there is no such account. Mirrors pkg/controller/serviceaccount/tokens_controller.go.
 */
export class LegacyTokensController extends QueueController {
  readonly #secrets: Informer<Secret>;
  readonly #accounts: Informer<ServiceAccount>;
  /** The last state of Secrets that are gone, whose accounts may name them still. */
  readonly #gone = new Map<string, Secret>();

  constructor(private readonly context: ControllerContext) {
    super(context, 'tokens-controller');
    this.#secrets = context.informers.informer(resources.secrets);
    this.#accounts = context.informers.informer(resources.serviceAccounts);
    const enqueue = (secret: Secret) => {
      if (secret.type === tokenType) this.enqueueObject(secret);
    };
    this.#secrets.on({
      add: enqueue,
      update: (_, secret) => enqueue(secret),
      delete: (secret) => {
        if (secret.type === tokenType) this.#gone.set(`${secret.metadata!.namespace}/${secret.metadata!.name}`, secret);
        enqueue(secret);
      },
    });
    const ofAccount = (account: ServiceAccount) => {
      const { namespace, name } = account.metadata!;
      for (const secret of this.#secrets.list())
        if (secret.type === tokenType && secret.metadata!.namespace === namespace && secret.metadata!.annotations?.[nameKey] === name) this.enqueue(`${namespace}/${secret.metadata!.name}`, account);
    };
    this.#accounts.on({ add: ofAccount, delete: ofAccount });
  }

  protected async sync(key: string, client: Client): Promise<void> {
    const gone = this.#gone.get(key);
    if (gone) {
      if (!this.#secrets.get(key)) await this.#removeReference(client, gone);
      this.#gone.delete(key);
    }
    const { issueToken, rootCA = '' } = this.context;
    const secret = this.#secrets.get(key);
    if (secret?.type !== tokenType || !issueToken) return;
    const { namespace, name, uid, annotations = {} } = secret.metadata!;
    const secrets = client.of(resources.secrets);
    const account = await this.#accountOf(client, secret);
    if (!account) {
      await secrets.delete(namespace!, name!, { preconditions: { uid } }).catch(unlessOver);
      return;
    }
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    const data = secret.data ?? {};
    if (data['token'] && data['ca.crt'] === base64(rootCA) && data['namespace']) return;
    const token = data['token'] || base64(await issueToken({ namespace: namespace!, name: account.metadata!.name!, uid: account.metadata!.uid!, secret: { name: name!, uid: uid! } }));
    await secrets
      .update({
        ...secret,
        metadata: { ...secret.metadata, annotations: { ...annotations, [uidKey]: account.metadata!.uid! } },
        data: { ...data, token, 'ca.crt': base64(rootCA), namespace: data['namespace'] || base64(namespace!) },
      })
      .catch(unlessOver);
  }

  /** The account may have come just now: what this cache does not know the server does. */
  async #accountOf(client: Client, { metadata }: Secret): Promise<ServiceAccount | undefined> {
    const { namespace, annotations = {} } = metadata!;
    const isIt = (account: ServiceAccount | undefined) => account && (!annotations[uidKey] || annotations[uidKey] === account.metadata!.uid);
    const cached = this.#accounts.get(`${namespace}/${annotations[nameKey]}`);
    if (isIt(cached) || !annotations[nameKey]) return cached;
    try {
      const account = await client.of(resources.serviceAccounts).get(namespace!, annotations[nameKey]);
      return isIt(account) ? account : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #removeReference(client: Client, { metadata }: Secret): Promise<void> {
    const { namespace, name, annotations = {} } = metadata!;
    const account = this.#accounts.get(`${namespace}/${annotations[nameKey]}`);
    if (!account?.secrets?.some((reference) => reference.name === name)) return;
    if (annotations[uidKey] && annotations[uidKey] !== account.metadata!.uid) return;
    const secrets = account.secrets.filter((reference) => reference.name !== name);
    try {
      await client.of(resources.serviceAccounts).update({ ...account, secrets });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

/** Somebody else has changed or deleted it meanwhile: that comes by itself. */
function unlessOver(error: unknown): void {
  if (!isNotFound(error) && !isConflict(error)) throw error;
}
