import type { Status } from '../../../api/index.ts';
import { checkedBase64 } from '../../../api/decode.ts';
import type { KubeObject } from '../../../api/meta.ts';
import { badRequest, StatusError } from '../../../api/status.ts';
import { AuthoritiesError } from '../../webhook/index.ts';
import type { RejectionCause, WebhookType } from '../metrics.ts';
import { reject } from '../attributes.ts';
import { matchConditionsHold } from '../expressions/index.ts';
import { matchNamespace, matchObject, matchRules, type Match } from '../matching.ts';
import { requestOf } from '../request.ts';
import { seenAs } from '../versions.ts';
import type { AdmissionAttributes, AdmissionServices } from '../types.ts';
import type { Credentials, WebhookCredentials } from './credentials.ts';
import type { RegisteredWebhook } from './registered.ts';

/* Asking one webhook. Mirrors k8s.io/apiserver/pkg/admission/plugin/webhook/{generic/webhook.go,request,errors}. */

/** The webhook could not be asked, or did not answer as it must; what follows is for its failurePolicy to say. */
export class CallError extends Error {
  constructor(
    webhook: string,
    reason: string,
    /** The HTTP status under which it is counted. */
    readonly code = 400,
  ) {
    super(`failed calling webhook ${JSON.stringify(webhook)}: ${reason}`);
  }
}

/** Runs what asks a webhook, and tells the metrics what came of it. */
export async function observed<T>({ hook }: RegisteredWebhook, type: WebhookType, { operation, context }: AdmissionAttributes, { clock, metrics }: AdmissionServices, ask: () => Promise<T>): Promise<T> {
  const started = clock.monotonic();
  const tell = (code: number, cause?: RejectionCause) => {
    const milliseconds = clock.monotonic() - started;
    context.waited?.(milliseconds);
    metrics.webhook(hook.name, type, operation, milliseconds, code, cause);
  };
  try {
    const result = await ask();
    tell(200);
    return result;
  } catch (error) {
    if (error instanceof CallError) {
      const open = hook.failurePolicy === 'Ignore';
      tell(error.code, open ? undefined : 'calling_webhook_error');
      if (open) metrics.leftOut(hook.name, type);
    } else if (error instanceof Refusal) tell(error.code, 'no_error');
    else tell(0, 'apiserver_internal_error');
    throw error;
  }
}

/** The webhook does not want it. */
class Refusal extends StatusError {}

/** What `admission.k8s.io`'s AdmissionReview says back. */
export interface AdmissionResponse {
  uid: string;
  allowed?: boolean;
  status?: Status;
  /** Base64 of a JSON patch. */
  patch?: string;
  patchType?: string;
  auditAnnotations?: Record<string, string>;
  warnings?: string[];
}

/** Under which name the request is the webhook's business; undefined: it is not. Throws 403 where that cannot be told and must be. */
export async function shouldCall({ hook }: RegisteredWebhook, attributes: AdmissionAttributes, services: AdmissionServices): Promise<Match | undefined> {
  if (!matchObject(hook.objectSelector, attributes)) return undefined;
  const match = matchRules(hook.rules ?? [], hook.matchPolicy, attributes, services.resources);
  // A namespace that is not there concerns only those whose rules are met.
  if (!match || !(await matchNamespace(hook.namespaceSelector, attributes))) return undefined;
  if (!hook.matchConditions?.length) return match;
  const { object, oldObject } = await seenAs(attributes, match, services);
  const holds = matchConditionsHold(hook.matchConditions, { attributes, match, object, oldObject, authorizer: services.authorizer });
  if (holds === true) return match;
  if (holds === false || hook.failurePolicy === 'Ignore') return undefined;
  throw reject(attributes, holds);
}

/** On whose behalf a webhook is asked. */
interface Asking {
  mutating: boolean;
  credentials: WebhookCredentials;
}

/** Rejects with a CallError, with the StatusError of a refusal, or with 400 where the webhook must not be asked on a dry run. */
export async function callWebhook({ hook }: RegisteredWebhook, match: Match, attributes: AdmissionAttributes, services: AdmissionServices, { mutating, credentials }: Asking): Promise<AdmissionResponse> {
  const { context } = attributes;
  if (context.dryRun && hook.sideEffects !== 'None' && hook.sideEffects !== 'NoneOnDryRun')
    throw badRequest(`admission webhook ${JSON.stringify(hook.name)} does not support dry run`);
  const version = hook.admissionReviewVersions.find((candidate) => candidate === 'v1' || candidate === 'v1beta1');
  if (!version) throw new CallError(hook.name, `could not create admission objects: webhook does not accept known AdmissionReview versions (v1, v1beta1)`);
  const uid = services.random.uuid();
  const review = reviewOf(uid, version, match, attributes);
  let shown: Credentials | undefined;
  try {
    shown = await credentials(hook.clientConfig);
  } catch (error) {
    throw new CallError(hook.name, `could not get REST client: ${(error as Error).message}`);
  }
  let answer: unknown;
  try {
    answer = await services.webhooks.post(hook.clientConfig, review, { timeoutMs: (hook.timeoutSeconds ?? 10) * 1000, tellTimeout: true, credentials: shown });
    checkReadable(answer, version);
  } catch (error) {
    if (error instanceof AuthoritiesError) throw new CallError(hook.name, `could not get REST client: ${error.message}`);
    throw new CallError(hook.name, `failed to call webhook: ${error instanceof Error ? error.message : String(error)}`);
  }
  const response = responseOf(answer, uid, version, mutating);
  if (typeof response === 'string') throw new CallError(hook.name, `received invalid webhook response: ${response}`, 503);
  for (const key in response.auditAnnotations) context.auditAnnotations[`${hook.name}/${key}`] = response.auditAnnotations[key]!;
  context.warnings.push(...(response.warnings ?? []));
  if (!response.allowed) throw refusal(hook.name, response.status);
  return response;
}

function reviewOf(uid: string, version: string, match: Match, attributes: AdmissionAttributes): KubeObject {
  const { object = null, oldObject = null } = attributes;
  const { dryRun, options, ...request } = requestOf(match, attributes);
  return { kind: 'AdmissionReview', apiVersion: `admission.k8s.io/${version}`, request: { uid, ...request, object, oldObject, dryRun, options } } as KubeObject;
}

const known = new Set(['admission.k8s.io/v1', 'admission.k8s.io/v1beta1']);

/** Whether it is an answer to a review at all. Throws what upstream's client says. */
function checkReadable(answer: unknown, version: string): void {
  const { kind = '', apiVersion = '', response } = answer as { kind?: string; apiVersion?: string; response?: AdmissionResponse };
  // Both may be left out; another answer says so itself.
  if (kind && apiVersion) {
    if (kind !== 'AdmissionReview' || !known.has(apiVersion))
      throw new Error(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme "pkg/util/webhook/client.go:71"`);
    const given = apiVersion.slice('admission.k8s.io/'.length);
    if (given !== version) throw new Error(`converting (${given}.AdmissionReview) to (${version}.AdmissionReview): unknown conversion`);
  }
  if (typeof response?.patch === 'string') checkedBase64(response.patch);
}

/** What the webhook says, or why it is not to be understood. */
function responseOf(answer: unknown, uid: string, version: string, mutating: boolean): AdmissionResponse | string {
  const { kind, apiVersion, response } = answer as { kind?: string; apiVersion?: string; response?: AdmissionResponse };
  if (typeof response !== 'object' || response === null) return 'webhook response was absent';
  if (version === 'v1beta1') return response.patch ? { ...response, patchType: 'JSONPatch' } : response;
  if (response.uid !== uid) return `expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid ?? '')}`;
  if (kind !== 'AdmissionReview' || apiVersion !== 'admission.k8s.io/v1')
    return `expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got ${apiVersion || '/'}, Kind=${kind ?? ''}`;
  const { patch, patchType } = response;
  if (!mutating && patch) return 'validating webhook may not return response.patch';
  if (!mutating && patchType !== undefined) return 'validating webhook may not return response.patchType';
  if (patch && patchType === undefined) return 'webhook returned response.patch but not response.patchType';
  if (!patch && patchType !== undefined) return 'webhook returned response.patchType but not response.patch';
  if (patchType === '') return 'webhook returned invalid response.patchType of ""';
  return response;
}

function refusal(webhook: string, given: Status | undefined): StatusError {
  const status: Status = { ...given };
  if (!status.code || status.code < 400) status.code = 400;
  if (!status.status || status.status === 'Success') status.status = 'Failure';
  const denied = `admission webhook ${JSON.stringify(webhook)} denied the request`;
  status.message = status.message ? `${denied}: ${status.message}` : status.reason ? `${denied}: ${status.reason}` : `${denied} without explanation`;
  return new Refusal({ kind: 'Status', apiVersion: 'v1', metadata: {}, ...status });
}
