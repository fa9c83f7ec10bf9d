import type { Pod, PodTemplateSpec } from '../api/index.ts';
import { cloneJson } from '../api/json.ts';
import { newControllerRef, type GroupVersionKind, type KubeObject } from '../api/meta.ts';
import { isConflict, isNotFound, StatusError } from '../api/status.ts';
import { resources, type Client, type EventRecorder } from '../client/index.ts';

/** Whether the server refused a creation because the namespace is going: nothing to tell, nothing to try again. */
export const isNamespaceTerminating = (error: unknown): boolean =>
  error instanceof StatusError &&
  Boolean(error.status.details?.causes?.some((cause) => cause.reason === 'NamespaceTerminating'));

/** Makes and deletes pods on behalf of an owner, with its events. Mirrors RealPodControl of pkg/controller. */
export class PodControl {
  constructor(private readonly recorder: EventRecorder) {}

  async create(
    client: Client,
    owner: KubeObject,
    ownerKind: GroupVersionKind,
    template: PodTemplateSpec,
    generateName?: string,
  ): Promise<Pod> {
    const pod = podFromTemplate(owner, ownerKind, template, generateName);
    try {
      const created = await client.of(resources.pods).create(pod);
      this.recorder.event(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${created.metadata!.name}`);
      return created;
    } catch (error) {
      if (!isNamespaceTerminating(error)) {
        this.recorder.event(owner, 'Warning', 'FailedCreate', `Error creating: ${(error as Error).message}`);
      }
      throw error;
    }
  }

  /** `asSeen`: only if the pod is still as it is here; else it rejects with a conflict, and nobody is told. */
  async delete(client: Client, owner: KubeObject, pod: Pod, { asSeen = false } = {}): Promise<void> {
    const { namespace, name, uid, resourceVersion } = pod.metadata!;
    try {
      await client
        .of(resources.pods)
        .delete(namespace!, name!, asSeen ? { preconditions: { uid, resourceVersion } } : undefined);
    } catch (error) {
      if (!isNotFound(error) && !(asSeen && isConflict(error))) {
        this.recorder.event(owner, 'Warning', 'FailedDelete', `Error deleting: ${(error as Error).message}`);
      }
      throw error;
    }
    this.recorder.event(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
  }
}

/** The pod that a template describes, owned by `owner` and named after it. */
export function podFromTemplate(
  owner: KubeObject,
  ownerKind: GroupVersionKind,
  template: PodTemplateSpec,
  generateName = `${owner.metadata!.name}-`,
): Pod {
  const { labels, annotations, finalizers } = template.metadata ?? {};
  const metadata = cloneJson({ labels, annotations, finalizers });
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata,
      namespace: owner.metadata!.namespace,
      generateName,
      ownerReferences: [newControllerRef(owner, ownerKind)],
    },
    spec: cloneJson(template.spec!),
  };
}
