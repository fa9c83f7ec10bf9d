import type { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, Validation } from '../../../api/index.ts';
import type { KubeObject } from '../../../api/meta.ts';
import { type StatusReason } from '../../../api/status.ts';
import { celLimits } from '../../cel/index.ts';
import { reject } from '../attributes.ts';
import { matchConditionsHold, OutOfBudget, RequestEvaluation } from '../expressions/index.ts';
import { isExemptFromPolicies, type Match } from '../matching.ts';
import type { EnforcementAction } from '../metrics.ts';
import { seenAs } from '../versions.ts';
import type { AdmissionAttributes, AdmissionPlugin, AdmissionServices } from '../types.ts';
import { RegisteredPolicies } from './registered.ts';
import { namespaceOf, paramsOf, selects } from './selection.ts';

type Policy = ValidatingAdmissionPolicy;
type Binding = ValidatingAdmissionPolicyBinding;

/** One thing that a policy does not agree with. */
interface Denial {
  index: number;
  message: string;
  reason?: string;
  /** An expression could not be evaluated. */
  failed?: boolean;
}

interface Judgement {
  denials: Denial[];
  annotations: { key: string; value: string }[];
  /** Notes for the audit log that could not be made. */
  failed: string[];
}

const codes: Record<string, number> = { Forbidden: 403, Unauthorized: 401, RequestEntityTooLarge: 413, Invalid: 422 };
const maxAnnotation = 10 * 1024;

/** Policies that judge by expressions. Mirrors k8s.io/apiserver/pkg/admission/plugin/policy/validating. */
export function validatingPolicies(services: AdmissionServices): AdmissionPlugin {
  const registered = new RegisteredPolicies<Policy, Binding>(services, 'validatingadmissionpolicies', 'validatingadmissionpolicybindings');
  return {
    name: 'ValidatingAdmissionPolicy',
    handles: (_operation, resource) => !isExemptFromPolicies(resource),
    async validate(attributes) {
      const all = await registered.all();
      if (!all.length) return;
      const denied: { policy: Policy; binding?: Binding; message: string; reason?: string }[] = [];
      for (const { policy, bindings } of all) {
        const strict = policy.spec?.failurePolicy !== 'Ignore';
        const match = await selects(policy.spec?.matchConstraints, attributes, services, false);
        if (!match) continue;
        const noted = new Map<string, string[]>();
        for (const binding of bindings) {
          if (!(await selects(binding.spec?.matchResources, attributes, services, true))) continue;
          try {
            const params = await paramsOf(policy.spec?.paramKind, binding.spec?.paramRef, attributes, services);
            const namespace = await namespaceOf(attributes);
            const seen = await seenAs(attributes, match, services);
            for (const param of params) {
              const started = services.clock.monotonic();
              const judgement = judge(policy, match, seen, services, param, namespace);
              const took = services.clock.monotonic() - started;
              for (const denial of judgement.denials) {
                enforce(attributes, policy, binding, denial, () => denied.push({ policy, binding, ...denial }));
                for (const action of binding.spec?.validationActions ?? [])
                  services.metrics.policy(policy.metadata!.name!, binding.metadata!.name!, denial.failed === true, action.toLowerCase() as EnforcementAction, took);
              }
              for (const message of judgement.failed) denied.push({ policy, binding, message });
              for (const { key, value } of judgement.annotations) {
                const values = noted.get(key) ?? [];
                if (!values.includes(value)) noted.set(key, [...values, value]);
              }
            }
          } catch (error) {
            if (strict) denied.push({ policy, binding, message: `failed to configure binding: ${error instanceof Error ? error.message : String(error)}` });
          }
        }
        for (const [key, values] of noted) attributes.context.auditAnnotations[`${policy.metadata!.name}/${key}`] = values.join(', ');
      }
      const first = denied[0];
      if (!first) return;
      const message = `ValidatingAdmissionPolicy '${first.policy.metadata!.name}'${first.binding ? ` with binding '${first.binding.metadata!.name}'` : ''} denied request: ${first.message}`;
      const error = reject(attributes, message);
      const reason = (first.reason ?? 'Invalid') as StatusReason;
      Object.assign(error.status, { reason, code: codes[reason] ?? 422 });
      error.status.details = { ...error.status.details, causes: [...(error.status.details?.causes ?? []), { message }] };
      throw error;
    },
    isIdle: () => registered.isEmpty,
    close: () => registered.close(),
  };
}

/** What the binding wants done with what its policy denies. */
function enforce(attributes: AdmissionAttributes, policy: Policy, binding: Binding, { message, index }: Denial, deny: () => void): void {
  const { context } = attributes;
  const actions = binding.spec?.validationActions ?? [];
  const names = { policy: policy.metadata!.name, binding: binding.metadata!.name };
  if (actions.includes('Deny')) deny();
  if (actions.includes('Audit'))
    context.auditAnnotations['validation.policy.admission.k8s.io/validation_failure'] = JSON.stringify([{ message, ...names, expressionIndex: index, validationActions: actions }]);
  if (actions.includes('Warn')) context.warnings.push(`Validation failed for ValidatingAdmissionPolicy '${names.policy}' with binding '${names.binding}': ${message}`);
}

function judge(
  { spec = {} }: Policy,
  match: Match,
  attributes: AdmissionAttributes,
  { authorizer }: AdmissionServices,
  params: KubeObject | null | undefined,
  namespace: Awaited<ReturnType<typeof namespaceOf>>,
): Judgement {
  const nothing: Judgement = { denials: [], annotations: [], failed: [] };
  const strict = spec.failurePolicy !== 'Ignore';
  const failed = (message: string): Judgement => (strict ? { ...nothing, denials: [{ index: 0, message, failed: true }] } : nothing);
  const { object, oldObject } = attributes;
  const input = { attributes, match, object, oldObject, params, authorizer };
  const holds = matchConditionsHold(spec.matchConditions, input);
  if (typeof holds === 'string') return failed(holds);
  if (!holds) return nothing;
  const evaluation = () => new RequestEvaluation({ ...input, namespace, variables: spec.variables, budget: celLimits.runtimeBudget });
  try {
    const validations = evaluation();
    const denials = (spec.validations ?? []).flatMap((validation, index): Denial[] => {
      const outcome = validations.evaluate(validation.expression, 'bool');
      if ('error' in outcome) return strict ? [{ index, message: outcome.error, failed: true }] : [];
      return outcome.value === true ? [] : [{ index, message: messageOf(validation, validations), reason: validation.reason ?? 'Invalid' }];
    });
    return { denials, ...annotate(spec.auditAnnotations ?? [], evaluation(), strict) };
  } catch (error) {
    if (error instanceof OutOfBudget) return failed(error.message);
    throw error;
  }
}

/** The message that an expression makes, if it makes a good one; else the one that is given; else the expression itself. */
function messageOf({ expression, message, messageExpression }: Validation, evaluation: RequestEvaluation): string {
  if (messageExpression) {
    const outcome = evaluation.evaluate(messageExpression, 'string', { authorizer: false });
    const text = 'value' in outcome && typeof outcome.value === 'string' ? outcome.value.trim() : '';
    if (text && Buffer.byteLength(text) <= celLimits.maxMessageBytes && !text.includes('\n')) return text;
  }
  return message?.trim() || `failed expression: ${expression.trim()}`;
}

function annotate(wanted: readonly { key: string; valueExpression: string }[], evaluation: RequestEvaluation, strict: boolean): Pick<Judgement, 'annotations' | 'failed'> {
  const annotations: Judgement['annotations'] = [];
  const failed: string[] = [];
  for (const { key, valueExpression } of wanted) {
    const outcome = evaluation.evaluate(valueExpression.trim(), 'string or null');
    if ('error' in outcome) {
      if (strict) failed.push(outcome.error);
    } else if (typeof outcome.value === 'string' && outcome.value.trim()) annotations.push({ key, value: outcome.value.trim().slice(0, maxAnnotation) });
  }
  return { annotations, failed };
}
