import { jsonError, jsonKind } from '../../../api/jsonError.ts';
import { parseApiVersion, type KubeObject } from '../../../api/meta.ts';
import { internalError } from '../../../api/status.ts';
import { carryOutAll } from '../../patch/index.ts';
import { replaceObject } from '../attributes.ts';
import { isExempt, type Match } from '../matching.ts';
import { seenAs, takeBack } from '../versions.ts';
import type { AdmissionAttributes, AdmissionPlugin, AdmissionServices } from '../types.ts';
import { callWebhook, CallError, observed, shouldCall } from './call.ts';
import type { WebhookCredentials } from './credentials.ts';
import { RegisteredWebhooks, type RegisteredWebhook } from './registered.ts';

const name = 'MutatingAdmissionWebhook';

/** Webhooks that may change what is written, one after another. Mirrors k8s.io/apiserver/pkg/admission/plugin/webhook/mutating. */
export function mutatingWebhooks(services: AdmissionServices, credentials: WebhookCredentials): AdmissionPlugin {
  const registered = new RegisteredWebhooks(services, 'mutatingwebhookconfigurations');

  /** Returns whether the object is another afterwards. */
  async function ask(webhook: RegisteredWebhook, match: Match, attributes: AdmissionAttributes): Promise<boolean> {
    const { hook } = webhook;
    const seen = await seenAs(attributes, match, services);
    const { patch, patchType } = await callWebhook(webhook, match, seen, services, { mutating: true, credentials });
    if (!patch) return false;
    const operations = operationsOf(hook.name, patch);
    if (!operations.length) return false;
    if (!attributes.object) throw internalError(`admission webhook ${JSON.stringify(hook.name)} attempted to modify the object, which is not supported for this operation`);
    if (patchType !== 'JSONPatch') throw new CallError(hook.name, `unsupported patch type ${JSON.stringify(patchType)}`);
    if (seen === attributes) return replaceObject(attributes.object, patched(attributes.object, operations, attributes));
    replaceObject(seen.object!, patched(seen.object!, operations, seen));
    return replaceObject(attributes.object, await takeBack(attributes, seen, match, services));
  }

  return {
    name,
    handles: (_operation, resource) => !isExempt(resource),
    async admit(attributes) {
      const all = await registered.all();
      if (!all.length) return;
      const { reinvocation, context } = attributes;
      const own = reinvocation.of(name);
      if (reinvocation.again && own.changedSince(attributes.object)) own.requireInvoked();
      const round = reinvocation.again ? 1 : 0;
      for (const [index, webhook] of all.entries()) {
        const { hook, configuration, id } = webhook;
        const match = await shouldCall(webhook, attributes, services);
        // The second time nobody is asked who was not asked the first time.
        if (!match || (reinvocation.again && !own.isDue(id))) continue;
        const place = `round_${round}_index_${index}`;
        let mutated = false;
        try {
          mutated = await observed(webhook, 'admit', attributes, services, () => ask(webhook, match, attributes));
          if (mutated) {
            own.requireInvoked();
            reinvocation.want();
          }
        } catch (error) {
          if (!(error instanceof CallError)) throw error;
          if (hook.failurePolicy !== 'Ignore') throw internalError(error.message);
          services.log.warn('a webhook cannot be called, the request goes on without it', { webhook: hook.name, error: error.message });
          context.auditAnnotations[`failed-open.mutation.webhook.admission.k8s.io/${place}`] = hook.name;
        }
        context.auditAnnotations[`mutation.webhook.admission.k8s.io/${place}`] = JSON.stringify({ configuration, webhook: hook.name, mutated });
        if (hook.reinvocationPolicy === 'IfNeeded') own.invoked(id);
      }
      own.leave(attributes.object);
    },
    isIdle: () => registered.isEmpty,
    close: () => registered.close(),
  };
}

type Operations = (Record<string, unknown> | null)[];

/** What a webhook's patch (base64) says to do. Throws a CallError. */
function operationsOf(webhook: string, patch: string): Operations {
  const refuse = (why: string) => new CallError(webhook, `received undecodable patch in webhook response: ${why}`, 503);
  const text = Buffer.from(patch, 'base64').toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse(jsonError(text));
  }
  if (!Array.isArray(value)) {
    if (value === null) return [];
    throw refuse(`json: cannot unmarshal ${jsonKind(value)} into Go value of type jsonpatch.Patch`);
  }
  const odd = value.find((operation) => operation !== null && (typeof operation !== 'object' || Array.isArray(operation))) as unknown;
  if (odd !== undefined) throw refuse(`json: cannot unmarshal ${jsonKind(odd)} into Go value of type jsonpatch.Operation`);
  return value as Operations;
}

function patched(object: KubeObject, operations: Operations, attributes: AdmissionAttributes): KubeObject {
  try {
    const { apiVersion, kind } = object;
    const after = attributes.settle(carryOutAll(object, operations));
    if (after.apiVersion === apiVersion && after.kind === kind) return after;
    // Nothing becomes another kind.
    const nameOf = (of: KubeObject) => `${parseApiVersion(of.apiVersion ?? '').version}.${of.kind ?? ''}`;
    throw new Error(`converting (${nameOf(after)}) to (${nameOf(object)}): unknown conversion`);
  } catch (error) {
    throw internalError(error instanceof Error ? error.message : String(error));
  }
}
