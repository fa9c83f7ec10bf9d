import { Counter, Histogram, type Registry as Metrics } from 'prom-client';
import { Distributions, type Distribution } from '../../util/series.ts';
import type { AdmissionOperation } from './types.ts';

/** A step of admission, as metrics name it: `admit` may change, `validate` only judges. */
export type Step = 'admit' | 'validate';
/** How metrics name the two kinds of webhooks. */
export type WebhookType = 'admit' | 'validating';
/** Whose fault it is that a webhook's request was refused. */
export type RejectionCause = 'no_error' | 'calling_webhook_error' | 'apiserver_internal_error';
/** What was done with what a policy found. */
export type EnforcementAction = 'allow' | 'deny' | 'audit' | 'warn';

const stepBuckets = [0.005, 0.025, 0.1, 0.5, 1, 2.5];
/** Codes beyond are counted as this one, so that webhooks cannot make as many series as they like. */
const mostCode = 600;

/**
 * What admission tells of itself, under Kubernetes' own metric names.
 * Mirrors k8s.io/apiserver/pkg/admission/metrics and pkg/admission/plugin/policy/validating/metrics.
 */
export class AdmissionMetrics {
  readonly #steps: Distributions;
  readonly #plugins: Distributions;
  readonly #ofPlugins = new Map<string, Distribution>();
  readonly #webhookTimes: Histogram<'name' | 'type' | 'operation' | 'rejected'>;
  readonly #webhookRequests: Counter<'name' | 'type' | 'operation' | 'code' | 'rejected'>;
  readonly #webhookRejections: Counter<'name' | 'type' | 'operation' | 'error_type' | 'rejection_code'>;
  readonly #webhooksLeftOut: Counter<'name' | 'type'>;
  readonly #policyChecks: Counter<'policy' | 'policy_binding' | 'error_type' | 'enforcement_action'>;
  readonly #policyTimes: Histogram<'policy' | 'policy_binding' | 'error_type' | 'enforcement_action'>;
  readonly #ofSteps = new Map<string, Distribution>();

  constructor(metrics: Metrics) {
    const registers = [metrics];
    const prefix = 'apiserver_admission_';
    this.#steps = new Distributions(metrics, { name: `${prefix}step_admission_duration_seconds`, help: 'How long a step of admission took.', buckets: stepBuckets });
    this.#plugins = new Distributions(metrics, { name: `${prefix}controller_admission_duration_seconds`, help: 'How long a plugin took.', buckets: stepBuckets });
    this.#webhookTimes = new Histogram({
      name: `${prefix}webhook_admission_duration_seconds`, help: 'How long webhooks took.', labelNames: ['name', 'type', 'operation', 'rejected'], buckets: [...stepBuckets, 10, 25], registers,
    });
    this.#webhookRequests = new Counter({ name: `${prefix}webhook_request_total`, help: 'Requests to webhooks.', labelNames: ['name', 'type', 'operation', 'code', 'rejected'], registers });
    this.#webhookRejections = new Counter({ name: `${prefix}webhook_rejection_count`, help: 'Requests that webhooks refused, or that were refused because of them.', labelNames: ['name', 'type', 'operation', 'error_type', 'rejection_code'], registers });
    this.#webhooksLeftOut = new Counter({ name: `${prefix}webhook_fail_open_count`, help: 'Requests that went on without a webhook that could not be called.', labelNames: ['name', 'type'], registers });
    const policyLabels = ['policy', 'policy_binding', 'error_type', 'enforcement_action'] as const;
    this.#policyChecks = new Counter({ name: 'apiserver_validating_admission_policy_check_total', help: 'What policies found, and what was done with it.', labelNames: policyLabels, registers });
    this.#policyTimes = new Histogram({
      name: 'apiserver_validating_admission_policy_check_duration_seconds', help: 'How long policies took to judge.', labelNames: policyLabels, buckets: [0.000_000_5, 0.001, 0.01, 0.1, 1], registers,
    });
  }

  step(type: Step, operation: AdmissionOperation, milliseconds: number, rejected: boolean): void {
    const key = `${type} ${operation} ${rejected}`;
    let durations = this.#ofSteps.get(key);
    if (!durations) this.#ofSteps.set(key, (durations = this.#steps.series({ type, operation, rejected: String(rejected) })));
    durations.add(milliseconds / 1000);
  }

  /** Where the times of one plugin go: to be asked for once. */
  plugin(name: string, type: Step, operation: AdmissionOperation, rejected: boolean): Distribution {
    const key = `${name} ${type} ${operation} ${rejected}`;
    let durations = this.#ofPlugins.get(key);
    if (!durations) this.#ofPlugins.set(key, (durations = this.#plugins.series({ name, type, operation, rejected: String(rejected) })));
    return durations;
  }

  /** `code` is the HTTP status of what came of it; 0: it did not come to one. */
  webhook(name: string, type: WebhookType, operation: AdmissionOperation, milliseconds: number, code: number, rejection?: RejectionCause): void {
    const shown = String(Math.min(code, mostCode));
    const rejected = String(rejection !== undefined);
    if (rejection) this.#webhookRejections.labels(name, type, operation, rejection, shown).inc();
    this.#webhookTimes.labels(name, type, operation, rejected).observe(milliseconds / 1000);
    this.#webhookRequests.labels(name, type, operation, shown, rejected).inc();
  }

  leftOut(name: string, type: WebhookType): void {
    this.#webhooksLeftOut.labels(name, type).inc();
  }

  policy(policy: string, binding: string, failed: boolean, action: EnforcementAction, milliseconds: number): void {
    const labels = [policy, binding, failed ? 'invalid_error' : 'no_error', action] as const;
    this.#policyChecks.labels(...labels).inc();
    this.#policyTimes.labels(...labels).observe(milliseconds / 1000);
  }
}
