import type { ConfigMap, Pod, Secret, ServiceAccount } from '../api/index.ts';
import { accountNameAnnotation, accountUIDAnnotation, dayOf, invalidSinceLabel, lastUsedLabel, legacyTokenType } from '../api/legacyTokens.ts';
import { podReferences } from '../api/podReferences.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../api/status.ts';
import { resources, type Client, type Informer } from '../client/index.ts';
import { QueueController, type ControllerContext } from './controller.ts';

const tracking = { namespace: 'kube-system', name: 'kube-apiserver-legacy-service-account-token-tracking' };
const day = 24 * 3600_000;
const period = day;
/** Upstream's --legacy-service-account-token-clean-up-period. */
const unusedFor = 365 * day;
const key = 'tokens';

const isDay = (text: string | undefined): text is string => /^\d{4}-\d{2}-\d{2}$/.test(text ?? '') && !Number.isNaN(Date.parse(text!));

/**
 * Says since when the use of tokens in Secrets is followed, and takes away those that were made for an account by
 * themselves and that nobody has used for a year: first they do not count any more, then, after another year, they go.
 * Mirrors pkg/controller/serviceaccount/legacy_serviceaccount_token_cleaner.go and pkg/controlplane/controller/legacytokentracking.
 */
export class LegacyTokenCleaner extends QueueController {
  readonly #configMaps: Informer<ConfigMap>;
  readonly #secrets: Informer<Secret>;
  readonly #accounts: Informer<ServiceAccount>;
  readonly #pods: Informer<Pod>;

  constructor(context: ControllerContext) {
    super(context, 'legacy-service-account-token-cleaner');
    this.#configMaps = context.informers.informer(resources.configMaps);
    this.#secrets = context.informers.informer(resources.secrets);
    this.#accounts = context.informers.informer(resources.serviceAccounts);
    this.#pods = context.informers.informer(resources.pods);
    const changed = ({ metadata }: ConfigMap) => {
      if (metadata!.namespace === tracking.namespace && metadata!.name === tracking.name) this.enqueue(key);
    };
    this.#configMaps.on({ update: (_, configMap) => changed(configMap), delete: changed });
  }

  override start(): void {
    super.start();
    this.enqueue(key);
  }

  protected async sync(_: string, client: Client): Promise<void> {
    const since = await this.#followedSince(client);
    const now = this.clock.now();
    // The day on which it began counts in part only.
    if (now >= Date.parse(since) + day + unusedFor) {
      for (const secret of this.#secrets.list()) if (this.#isUnused(secret, now)) await this.#retire(client, secret, now);
    }
    this.queue.addAfter(key, period);
  }

  async #followedSince(client: Client): Promise<string> {
    const configMaps = client.of(resources.configMaps);
    const current = this.#configMaps.get(`${tracking.namespace}/${tracking.name}`);
    if (isDay(current?.data?.since)) return current.data.since;
    const since = dayOf(this.clock.now());
    try {
      if (current) await configMaps.update({ ...current, data: { ...current.data, since } });
      else await configMaps.create({ metadata: tracking, data: { since } });
    } catch (error) {
      if (!isAlreadyExists(error) && !isConflict(error) && !isNotFound(error)) throw error;
    }
    return since;
  }

  /** Made for an account by itself, old, of no pod, and not used for long. */
  #isUnused({ metadata, type }: Secret, now: number): boolean {
    const { namespace, name, labels, annotations, creationTimestamp, deletionTimestamp } = metadata!;
    if (type !== legacyTokenType || deletionTimestamp || Date.parse(creationTimestamp!) >= now - unusedFor) return false;
    const lastUsed = labels?.[lastUsedLabel];
    if (lastUsed !== undefined && (!isDay(lastUsed) || lastUsed >= dayOf(now - unusedFor))) return false;
    const account = this.#accounts.get(`${namespace}/${annotations?.[accountNameAnnotation]}`);
    const uid = annotations?.[accountUIDAnnotation];
    if (!account?.secrets?.some((reference) => reference.name === name) || (uid && uid !== account.metadata!.uid)) return false;
    return !this.#pods.list(namespace).some((pod) => podReferences(pod).secrets.has(name!));
  }

  async #retire(client: Client, { metadata }: Secret, now: number): Promise<void> {
    const { namespace, name, uid, resourceVersion, labels } = metadata!;
    const secrets = client.of(resources.secrets);
    const since = labels?.[invalidSinceLabel];
    try {
      if (!isDay(since)) await secrets.patch(namespace!, name!, 'merge', { metadata: { uid, labels: { [invalidSinceLabel]: dayOf(now) } } });
      else if (since < dayOf(now - unusedFor)) await secrets.delete(namespace!, name!, { preconditions: { resourceVersion } });
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
  }
}
