import { mandatoryLevels } from '../../../api/flowControl.ts';
import type { ExemptPriorityLevelConfiguration, LimitedPriorityLevelConfiguration, PriorityLevelConfiguration, QueuingConfiguration } from '../../../api/index.ts';
import { equalJson } from '../../../api/json.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { internal } from '../../validation/internal.ts';
import { check, clientMetadata, columns, define, statusSubresource } from '../define.ts';
import { age, nameOf } from '../printers.ts';
import type { Strategy } from '../strategy.ts';
import { validateConditions } from './conditions.ts';

/* Mirrors pkg/registry/flowcontrol/prioritylevelconfiguration/strategy.go and pkg/apis/flowcontrol/{v1,validation}. */

const definition = define('flowcontrol.apiserver.k8s.io', 'v1', 'PriorityLevelConfiguration', 'prioritylevelconfigurations', { namespaced: false });
const maxQueues = 10_000_000;
const maxHashBits = 60;

/** How many requests of a priority level run at once, and what becomes of the others. */
export const priorityLevelConfiguration: Strategy<PriorityLevelConfiguration> = {
  definition,
  hasGeneration: true,
  nameRule: 'dnsSubdomain',
  resetFields: (subresource) => (subresource === 'status' ? [['metadata'], ['spec']] : undefined),
  allowUnconditionalUpdate: true,
  defaults({ spec }) {
    for (const [level, shares] of [[spec?.exempt, 0], [spec?.limited, 30]] as const) {
      if (!level) continue;
      level.nominalConcurrencyShares ??= shares;
      level.lendablePercent ??= 0;
    }
    const queuing = spec?.limited?.limitResponse?.queuing;
    if (!queuing) return;
    queuing.handSize ||= 8;
    queuing.queues ||= 64;
    queuing.queueLengthLimit ||= 50;
  },
  prepareForCreate(_context, object) {
    object.status = {};
  },
  prepareForUpdate(_context, object, old) {
    object.status = old.status;
  },
  validate: (_context, object) => check((errors) => validate(errors, object)),
  validateUpdate: (_context, object) => check((errors) => validate(errors, object)),
  columns: columns('Name', 'Type', 'NominalConcurrencyShares', 'Queues', 'HandSize', 'QueueLengthLimit', 'Age'),
  row(object, now) {
    const { type, limited } = object.spec ?? {};
    const queuing = limited?.limitResponse?.queuing;
    const shown = (value: number | undefined) => value ?? '<none>';
    return [nameOf(object), type ?? '', shown(limited?.nominalConcurrencyShares), shown(queuing?.queues), shown(queuing?.handSize), shown(queuing?.queueLengthLimit), age(object, now)];
  },
  subresources: { status: statusSubresource<PriorityLevelConfiguration>(definition, validateConditions, clientMetadata) },
};

function validate(errors: FieldErrors, object: PriorityLevelConfiguration): void {
  const { spec } = object;
  const name = nameOf(object);
  const preserved = 'flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares';
  if (object.metadata?.annotations?.[preserved] !== undefined) errors.forbidden('metadata.annotations', `annotation '${preserved}' is forbidden`);
  const { type = '', limited, exempt } = spec ?? {};
  if ((name === 'exempt') !== (type === 'Exempt')) errors.invalid('spec.type', type, "must be 'Exempt' if and only if `name` is 'exempt'");
  if (type === 'Exempt') {
    if (limited) errors.forbidden('spec.limited', 'must be nil if the type is not Limited');
    if (exempt) validateShares(errors, 'spec.exempt', exempt);
  } else if (type === 'Limited') {
    if (exempt) errors.forbidden('spec.exempt', 'must be nil if the type is Limited');
    if (limited) validateLimited(errors, limited);
    else errors.required('spec.limited', 'must not be empty when type is Limited');
  } else errors.notSupported('spec.type', type, ['Exempt', 'Limited']);
  validateMandatory(errors, object);
  validateConditions(errors, object);
}

function validateMandatory(errors: FieldErrors, object: PriorityLevelConfiguration): void {
  const name = nameOf(object);
  const fixed = mandatoryLevels.find(({ metadata }) => metadata!.name === name);
  if (!fixed) return;
  if (name === 'exempt') {
    // How much it lends is the administrator's to say.
    if (!equalJson({ ...object.spec, exempt: fixed.spec!.exempt }, fixed.spec))
      errors.invalid('spec', internal('flowcontrol/v1.PriorityLevelConfigurationSpec', object.spec), `spec of '${name}' except the 'spec.exempt' field must equal the fixed value`);
  } else if (!equalJson(object.spec, fixed.spec)) errors.invalid('spec', internal('flowcontrol/v1.PriorityLevelConfigurationSpec', object.spec), `spec of '${name}' must equal the fixed value`);
}

function validateShares(errors: FieldErrors, path: string, { nominalConcurrencyShares, lendablePercent }: ExemptPriorityLevelConfiguration): void {
  if (nominalConcurrencyShares !== undefined && nominalConcurrencyShares < 0)
    errors.invalid(`${path}.nominalConcurrencyShares`, nominalConcurrencyShares, 'must be a non-negative integer');
  if (lendablePercent !== undefined && (lendablePercent < 0 || lendablePercent > 100))
    errors.invalid(`${path}.lendablePercent`, lendablePercent, 'must be between 0 and 100, inclusive');
}

function validateLimited(errors: FieldErrors, limited: LimitedPriorityLevelConfiguration): void {
  const path = 'spec.limited';
  const { nominalConcurrencyShares, limitResponse, lendablePercent, borrowingLimitPercent } = limited;
  validateShares(errors, path, { nominalConcurrencyShares });
  const { type = '', queuing } = limitResponse ?? {};
  if (type === 'Reject') {
    if (queuing) errors.forbidden(`${path}.limitResponse.queuing`, 'must be nil if limited.limitResponse.type is not Limited');
  } else if (type === 'Queue') {
    if (queuing) validateQueuing(errors, `${path}.limitResponse.queuing`, queuing);
    else errors.required(`${path}.limitResponse.queuing`, 'must not be empty if limited.limitResponse.type is Limited');
  } else errors.notSupported(`${path}.limitResponse.type`, type, ['Queue', 'Reject']);
  validateShares(errors, path, { lendablePercent });
  if (borrowingLimitPercent !== undefined && borrowingLimitPercent < 0)
    errors.invalid(`${path}.borrowingLimitPercent`, borrowingLimitPercent, 'if specified, must be a non-negative integer');
}

function validateQueuing(errors: FieldErrors, path: string, { queueLengthLimit = 0, queues = 0, handSize = 0 }: QueuingConfiguration): void {
  if (queueLengthLimit <= 0) errors.invalid(`${path}.queueLengthLimit`, queueLengthLimit, 'must be positive');
  if (queues <= 0) errors.invalid(`${path}.queues`, queues, 'must be positive');
  else if (queues > maxQueues) errors.invalid(`${path}.queues`, queues, `must not be greater than ${maxQueues}`);
  if (handSize <= 0) errors.invalid(`${path}.handSize`, handSize, 'must be positive');
  else if (handSize > queues) errors.invalid(`${path}.handSize`, handSize, `should not be greater than queues (${queues})`);
  else {
    const entropy = entropyBits(queues, handSize);
    if (entropy > maxHashBits)
      errors.invalid(`${path}.handSize`, handSize, `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${maxHashBits}`);
  }
}

/** Mirrors k8s.io/apiserver/pkg/util/shufflesharding (RequiredEntropyBits). */
const entropyBits = (deck: number, hand: number) => Math.ceil(Math.log2(deck) * hand);
