import type { Pod, PodResourceClaim, ResourceClaimTemplate, ResourceResourceClaim } from '../api/index.ts';
import { deviceClaimKeys } from '../api/deviceClaims.ts';
import { cloneJson } from '../api/json.ts';
import { controllerOf, keyOf } from '../api/meta.ts';
import { isNotFound } from '../api/status.ts';
import { resources, type Client, type Informer } from '../client/index.ts';
import { QueueController, type ControllerContext } from './controller.ts';
import { isPodFinished } from './pods.ts';

/** On claims that are allocated: nobody may delete them while they are in use. */
const finalizer = 'resource.kubernetes.io/delete-protection';
/** On claims that were made for a pod: which of its claims it is. */
const claimAnnotation = 'resource.kubernetes.io/pod-claim-name';
/** As many pods as may share a claim. */
const maxConsumers = 256;
/** 63 characters of a name without the hyphen and the five that the server appends. */
const maxBase = 57;
const podKey = 'pod:';
const claimKey = 'claim:';
const byOwner = 'ownerUID';
const byClaim = 'resourceClaim';

/**
 * Makes the claims for devices that pods ask for by template, reserves allocated ones for pods that others have placed,
 * and lets go of claims whose pods have ended. Mirrors pkg/controller/resourceclaim.
 */
export class ResourceClaimController extends QueueController {
  readonly #pods: Informer<Pod>;
  readonly #claims: Informer<ResourceResourceClaim>;
  readonly #templates: Informer<ResourceClaimTemplate>;

  constructor(context: ControllerContext) {
    super(context, 'resource-claim-controller');
    this.#pods = context.informers.informer(resources.pods);
    this.#claims = context.informers.informer(resources.resourceClaims);
    this.#templates = context.informers.informer(resources.resourceClaimTemplates);
    this.#claims.addIndex(byOwner, (claim) => [controllerOf(claim)?.uid ?? '']);
    this.#pods.addIndex(byClaim, deviceClaimKeys);
    this.#pods.on({
      add: (pod) => this.#podChanged(pod),
      update: (_, pod) => this.#podChanged(pod),
      delete: (pod) => this.#podChanged(pod),
    });
    const claimChanged = (claim: ResourceResourceClaim) => {
      this.enqueue(claimKey + keyOf(claim), claim);
      for (const pod of this.#pods.byIndex(byClaim, keyOf(claim))) this.enqueue(podKey + keyOf(pod), claim);
    };
    this.#claims.on({ add: claimChanged, update: (_, claim) => claimChanged(claim), delete: claimChanged });
    this.#templates.on({
      add: (template) => {
        for (const pod of this.#pods.list(template.metadata!.namespace))
          if (pod.spec?.resourceClaims?.some((claim) => claim.resourceClaimTemplateName === template.metadata!.name))
            this.enqueue(podKey + keyOf(pod), template);
      },
    });
  }

  #podChanged(pod: Pod): void {
    if (!pod.spec?.resourceClaims?.length && !pod.status?.extendedResourceClaimStatus) return;
    if (!pod.metadata!.deletionTimestamp && !isDone(pod)) this.enqueue(podKey + keyOf(pod), pod);
    for (const key of deviceClaimKeys(pod)) this.enqueue(claimKey + key, pod);
  }

  protected async sync(key: string, client: Client): Promise<void> {
    if (key.startsWith(podKey)) return this.#syncPod(client, key.slice(podKey.length));
    const claim = this.#claims.get(key.slice(claimKey.length));
    if (claim) await this.#syncClaim(client, claim);
  }

  async #syncPod(client: Client, key: string): Promise<void> {
    const pod = this.#pods.get(key);
    if (!pod || pod.metadata!.deletionTimestamp || isDone(pod)) return;
    const made: { name: string; resourceClaimName: string }[] = [];
    for (const wanted of pod.spec?.resourceClaims ?? []) {
      try {
        const claim = await this.#claimFor(client, pod, wanted);
        if (claim) made.push({ name: wanted.name, resourceClaimName: claim.metadata!.name! });
      } catch (error) {
        const message = `PodResourceClaim ${wanted.name}: ${(error as Error).message}`;
        this.recorder.event(pod, 'Warning', 'FailedResourceClaimCreation', message);
        throw error;
      }
    }
    const { namespace, name, uid } = pod.metadata!;
    if (made.length > 0) {
      const patch = { metadata: { uid }, status: { resourceClaimStatuses: made } };
      await client.of(resources.pods).patch(namespace!, name!, 'strategic', patch, { subresource: 'status' });
    }
    // The scheduler reserves for the pods that it places itself.
    if (pod.spec!.nodeName) for (const claimName of deviceClaimKeys(pod)) await this.#reserve(client, pod, claimName);
  }

  /** The claim that the pod's status does not name yet; undefined: nothing is to be told. */
  async #claimFor(client: Client, pod: Pod, wanted: PodResourceClaim): Promise<ResourceResourceClaim | undefined> {
    const { namespace, uid } = pod.metadata!;
    const template = wanted.resourceClaimTemplateName;
    if (!template) return undefined;
    const told = pod.status?.resourceClaimStatuses?.find((status) => status.name === wanted.name);
    // It was found not to be needed.
    if (told && !told.resourceClaimName) return undefined;
    const known = told && this.#claims.get(`${namespace}/${told.resourceClaimName}`);
    if (known && controllerOf(known)?.uid === uid) return undefined;
    const isIt = (claim: ResourceResourceClaim) => claim.metadata!.annotations?.[claimAnnotation] === wanted.name;
    return this.#claims.byIndex(byOwner, uid!).find(isIt) ?? this.#create(client, pod, wanted, template);
  }

  async #create(client: Client, pod: Pod, wanted: PodResourceClaim, name: string): Promise<ResourceResourceClaim> {
    const { namespace, name: podName, uid } = pod.metadata!;
    const template = this.#templates.get(`${namespace}/${name}`);
    if (!template)
      throw new Error(`resource claim template ${JSON.stringify(name)}: resourceclaimtemplate.resource.k8s.io ${JSON.stringify(name)} not found`);
    // The cache may not show yet what a try before this one has made.
    const { items } = await client.of(resources.resourceClaims).list(namespace);
    const made = items.find((claim) => controllerOf(claim)?.uid === uid && claim.metadata!.annotations?.[claimAnnotation] === wanted.name);
    if (made) return made;
    const { metadata, spec } = cloneJson(template.spec);
    return client.of(resources.resourceClaims).create({
      metadata: {
        namespace,
        generateName: baseName(podName!, wanted.name),
        labels: metadata?.labels,
        annotations: { ...metadata?.annotations, [claimAnnotation]: wanted.name },
        ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: podName!, uid: uid!, controller: true }],
      },
      spec,
    });
  }

  async #reserve(client: Client, pod: Pod, key: string): Promise<void> {
    const claim = this.#claims.get(key);
    const { name, uid } = pod.metadata!;
    const reserved = claim?.status?.reservedFor ?? [];
    if (!claim?.status?.allocation || reserved.length >= maxConsumers || reserved.some((ref) => ref.uid === uid)) return;
    const reservedFor = [...reserved, { resource: 'pods', name: name!, uid: uid! }];
    await client.of(resources.resourceClaims).updateStatus({ ...claim, status: { ...claim.status, reservedFor } });
  }

  async #syncClaim(client: Client, claim: ResourceResourceClaim): Promise<void> {
    const reserved = claim.status?.reservedFor ?? [];
    const keeps = await Promise.all(
      reserved.map((ref) => ref.apiGroup || ref.resource !== 'pods' || this.#mayNeed(client, claim, ref)),
    );
    const reservedFor = reserved.filter((_, i) => keeps[i]);
    const unused = reservedFor.length === 0;
    let current = claim;
    try {
      const deallocates = unused && protects(claim) && (reserved.length > 0 || claim.metadata!.deletionTimestamp);
      if (reservedFor.length < reserved.length || (deallocates && claim.status?.allocation))
        current = await this.#letGo(client, claim, reservedFor, Boolean(deallocates));
      if (deallocates && protects(current)) current = await this.#unprotect(client, current);
      if (unused) await this.#deleteUnneeded(client, current);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #letGo(
    client: Client,
    claim: ResourceResourceClaim,
    reservedFor: NonNullable<ResourceResourceClaim['status']>['reservedFor'],
    deallocates: boolean,
  ): Promise<ResourceResourceClaim> {
    const status = { ...claim.status, reservedFor: reservedFor?.length ? reservedFor : undefined };
    if (deallocates) delete status.allocation;
    return client.of(resources.resourceClaims).updateStatus({ ...claim, status });
  }

  #unprotect(client: Client, claim: ResourceResourceClaim): Promise<ResourceResourceClaim> {
    const finalizers = claim.metadata!.finalizers!.filter((name) => name !== finalizer);
    return client.of(resources.resourceClaims).update({ ...claim, metadata: { ...claim.metadata, finalizers } });
  }

  /** Made for a pod that does not run any more, though it may still be there. */
  async #deleteUnneeded(client: Client, claim: ResourceResourceClaim): Promise<void> {
    const owner = controllerOf(claim);
    if (owner?.kind !== 'Pod' || owner.apiVersion !== 'v1' || claim.metadata!.deletionTimestamp) return;
    const { namespace, name, uid } = claim.metadata!;
    const pod = this.#pods.get(`${namespace}/${owner.name}`);
    if (!pod || (pod.metadata!.uid === owner.uid && !isDone(pod))) return;
    await client.of(resources.resourceClaims).delete(namespace!, name!, { preconditions: { uid } });
  }

  /** A pod that the cache does not show may be so new that the scheduler is just placing it: the server knows. */
  async #mayNeed(client: Client, claim: ResourceResourceClaim, ref: { name: string; uid: string }): Promise<boolean> {
    const { namespace } = claim.metadata!;
    let pod = this.#pods.get(`${namespace}/${ref.name}`);
    if (!pod) {
      try {
        pod = await client.of(resources.pods).get(namespace!, ref.name);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    return pod?.metadata!.uid === ref.uid && !isDone(pod);
  }
}

const protects = (claim: ResourceResourceClaim) => claim.metadata!.finalizers?.includes(finalizer) ?? false;

/** It has ended, or goes without ever having had a node. */
const isDone = (pod: Pod) => isPodFinished(pod) || Boolean(pod.metadata!.deletionTimestamp && !pod.spec!.nodeName);

/** Where it is too long both names are cut in proportion. */
function baseName(pod: string, claim: string): string {
  const whole = `${pod}-${claim}-`;
  if (whole.length <= maxBase) return whole;
  const cut = (name: string) => name.slice(0, Math.floor((name.length * maxBase) / whole.length));
  return `${cut(pod)}-${cut(claim)}-`;
}
