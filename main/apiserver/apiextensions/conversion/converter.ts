import type { CustomResourceDefinition } from '../../../api/index.ts';
import type { KubeObject } from '../../../api/meta.ts';
import { internalError, StatusError } from '../../../api/status.ts';
import type { Random } from '../../../util/random.ts';
import type { WebhookClient, WebhookClientConfig } from '../../webhook/index.ts';
import { isJsonObject } from '../schema/types.ts';

/** Makes objects of one version into objects of another; they are the caller's own. All come back, in order. */
export type Converter = (objects: readonly KubeObject[], apiVersion: string) => readonly KubeObject[] | Promise<readonly KubeObject[]>;

/** Upstream's client for conversion has no timeout of its own but the request's. */
const timeoutMs = 30_000;
const group = 'apiextensions.k8s.io';

/** All versions have the same fields. */
export const sameFields: Converter = (objects, apiVersion) => objects.map((object) => ({ ...object, apiVersion }));

/**
 * Asks the definition's webhook. What it may change of metadata are labels and annotations. Throws a StatusError that says
 * what went wrong. Mirrors apiextensions' pkg/apiserver/conversion/webhook_converter.go.
 */
export function webhookConverter(definition: CustomResourceDefinition, webhooks: WebhookClient, random: Random): Converter {
  const { clientConfig, conversionReviewVersions } = definition.spec.conversion!.webhook!;
  const reviewVersion = conversionReviewVersions.find((version) => version === 'v1' || version === 'v1beta1');
  return async (objects, desired) => {
    if (!objects.length) return objects;
    const { apiVersion = '', kind = '' } = objects[0]!;
    const about = `conversion webhook for ${apiVersion}, Kind=${kind}`;
    if (!reviewVersion) throw internalError('no supported conversion review versions');
    const uid = random.uuid();
    const review = { kind: 'ConversionReview', apiVersion: `${group}/${reviewVersion}`, request: { uid, desiredAPIVersion: desired, objects } };
    let converted: unknown[];
    try {
      converted = convertedObjects(await webhooks.post(clientConfig as WebhookClientConfig, review, { timeoutMs }), uid, reviewVersion);
    } catch (error) {
      throw internalError(`${about} failed: ${error instanceof StatusError ? error.status.message : (error as Error).message}`);
    }
    if (converted.length !== objects.length) throw internalError(`${about} returned ${converted.length} objects, expected ${objects.length}`);
    return converted.map((object, i) => {
      const fault = misfit(objects[i]!, object, desired);
      if (fault) throw internalError(`${about} returned invalid converted object at index ${i}: ${fault}`);
      return withMetadataOf(objects[i]!, object as KubeObject);
    });
  };
}

function convertedObjects(answer: unknown, uid: string, version: string): unknown[] {
  const { apiVersion, kind, response } = answer as { apiVersion?: string; kind?: string; response?: { uid?: string; result?: { status?: string; message?: string }; convertedObjects?: unknown[] } };
  const expected = `${group}/${version}`;
  if (version === 'v1' && (apiVersion !== expected || kind !== 'ConversionReview'))
    throw new Error(`expected webhook response of ${expected}, Kind=ConversionReview, got ${apiVersion ?? ''}, Kind=${kind ?? ''}`);
  if (!response) throw new Error('no response provided');
  if (version === 'v1' && response.uid !== uid) throw new Error(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid ?? '')}`);
  if (response.result?.status !== 'Success') throw new Error(response.result?.message || `response.result.status was '${response.result?.status ?? ''}', not 'Success'`);
  return response.convertedObjects ?? [];
}

function misfit(original: KubeObject, converted: unknown, apiVersion: string): string | undefined {
  if (!isJsonObject(converted)) return 'it is no object';
  const object = converted as KubeObject;
  if (object.apiVersion !== apiVersion) return `invalid groupVersion (expected ${apiVersion}, received ${object.apiVersion})`;
  if (object.kind !== original.kind) return `invalid kind (expected ${original.kind}, received ${object.kind})`;
  for (const [name, label] of [['name', 'name'], ['namespace', 'namespace'], ['uid', 'UID']] as const)
    if ((original.metadata?.[name] ?? '') !== (object.metadata?.[name] ?? '')) return `must have the same ${label}: ${original.metadata?.[name] ?? ''} != ${object.metadata?.[name] ?? ''}`;
  if (!isJsonObject(object.metadata)) return 'missing metadata in converted object';
  for (const name of ['labels', 'annotations'] as const) {
    const texts: unknown = object.metadata[name];
    if (texts !== undefined && texts !== null && (!isJsonObject(texts) || !Object.values(texts).every((text) => typeof text === 'string'))) return `invalid metadata.${name} in converted object`;
  }
  return undefined;
}

function withMetadataOf(original: KubeObject, converted: KubeObject): KubeObject {
  const { labels, annotations } = converted.metadata ?? {};
  const { labels: _labels, annotations: _annotations, ...metadata } = original.metadata ?? {};
  return { ...converted, metadata: { ...metadata, ...(labels && { labels }), ...(annotations && { annotations }) } };
}
