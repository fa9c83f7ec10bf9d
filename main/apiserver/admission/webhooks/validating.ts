import { internalError } from '../../../api/status.ts';
import type { Match } from '../matching.ts';
import { isExempt } from '../matching.ts';
import { seenAs } from '../versions.ts';
import type { AdmissionAttributes, AdmissionPlugin, AdmissionServices } from '../types.ts';
import { callWebhook, CallError, observed, shouldCall } from './call.ts';
import type { WebhookCredentials } from './credentials.ts';
import { RegisteredWebhooks, type RegisteredWebhook } from './registered.ts';

/** Webhooks that judge, all at once. Mirrors k8s.io/apiserver/pkg/admission/plugin/webhook/validating. */
export function validatingWebhooks(services: AdmissionServices, credentials: WebhookCredentials): AdmissionPlugin {
  const registered = new RegisteredWebhooks(services, 'validatingwebhookconfigurations');

  async function ask(webhook: RegisteredWebhook, index: number, match: Match, attributes: AdmissionAttributes): Promise<void> {
    try {
      await observed(webhook, 'validating', attributes, services, async () => callWebhook(webhook, match, await seenAs(attributes, match, services), services, { mutating: false, credentials }));
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      if (webhook.hook.failurePolicy !== 'Ignore') throw internalError(error.message);
      services.log.warn('a webhook cannot be called, the request goes on without it', { webhook: webhook.hook.name, error: error.message });
      attributes.context.auditAnnotations[`failed-open.validating.webhook.admission.k8s.io/round_0_index_${index}`] = webhook.hook.name;
    }
  }

  return {
    name: 'ValidatingAdmissionWebhook',
    handles: (_operation, resource) => !isExempt(resource),
    async validate(attributes) {
      const all = await registered.all();
      if (!all.length) return;
      const relevant: [RegisteredWebhook, Match][] = [];
      for (const webhook of all) {
        const match = await shouldCall(webhook, attributes, services);
        if (match) relevant.push([webhook, match]);
      }
      if (!relevant.length) return;
      const outcomes = await Promise.allSettled(relevant.map(([webhook, match], index) => ask(webhook, index, match, attributes)));
      for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    },
    isIdle: () => registered.isEmpty,
    close: () => registered.close(),
  };
}
