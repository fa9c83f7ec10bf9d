import type { CapacityRequestPolicy, CapacityRequestPolicyRange, Counter, Device, DeviceAttribute, DeviceCapacity, ResourceSlice } from '../../../api/index.ts';
import { equalJson } from '../../../api/json.ts';
import { timestamp } from '../../../api/meta.ts';
import { isDns1123Label, isDns1123Subdomain } from '../../../api/names.ts';
import { asGiven } from '../../../api/normalize.ts';
import type { Quantity } from '../../../api/quantity.ts';
import { bindingConditions, deviceName, deviceQualifiedName, deviceTaint, driverName, each, eachOnce, poolName } from '../../validation/devices.ts';
import { internal } from '../../validation/internal.ts';
import type { FieldErrors } from '../../validation/field.ts';
import { byteLength, fieldImmutable } from '../../validation/names.ts';
import { quantityOf } from '../../validation/resources.ts';
import { validateNodeSelector } from '../../validation/scheduling.ts';
import { check, columns, define } from '../define.ts';
import { age, nameOf } from '../printers.ts';
import type { RequestContext, Strategy } from '../strategy.ts';

/* Mirrors pkg/registry/resource/resourceslice/strategy.go and pkg/apis/resource/validation. */

const maxDevices = 128;
/** Where devices have taints or consume counters. */
const maxElaborateDevices = 64;
const maxCounterSets = 8;
const maxCounters = 32;
const maxTaints = 16;
const maxConsumptions = 2;
const maxMembers = 32;
const maxAttributeValues = 48;
const maxValidValues = 10;

export const resourceSlice: Strategy<ResourceSlice> = {
  definition: define('resource.k8s.io', 'v1', 'ResourceSlice', 'resourceslices', { namespaced: false }),
  hasGeneration: true,
  nameRule: 'dnsSubdomain',
  allowUnconditionalUpdate: true,
  returnsDeletedObject: true,
  prepareForCreate: (context, object) => settle(context, object),
  prepareForUpdate: (context, object) => settle(context, object),
  validate: (_context, object) => check((errors) => validate(errors, object, undefined)),
  validateUpdate: (_context, object, old) => check((errors) => validate(errors, object, old)),
  warnings({ spec }) {
    const driver = spec?.driver ?? '';
    return driver === driver.toLowerCase()
      ? []
      : [`spec.driver: driver names should be lowercase; ${JSON.stringify(driver)} contains uppercase characters`];
  },
  fields: ({ spec }) => ({ 'spec.nodeName': spec?.nodeName ?? '', 'spec.driver': spec?.driver ?? '' }),
  columns: columns('Name', 'Node', 'Driver', 'Pool', 'Age'),
  row: (object, now) => [nameOf(object), object.spec?.nodeName ?? '', object.spec?.driver ?? '', object.spec?.pool?.name ?? '', age(object, now)],
};

/** When a taint came is set by whoever sees it first; lists of values and mappings are of a later version. */
function settle({ now }: RequestContext, { spec }: ResourceSlice): void {
  for (const device of spec?.devices ?? []) {
    for (const taint of device.taints ?? []) taint.timeAdded ??= timestamp(now);
    delete device.nodeAllocatableResourceMappings;
    for (const name in device.attributes) {
      const attribute = device.attributes[name]!;
      for (const list of ['bools', 'ints', 'strings', 'versions'] as const) delete attribute[list];
    }
  }
}

function validate(errors: FieldErrors, { spec }: ResourceSlice, old: ResourceSlice | undefined): void {
  const { driver, pool, nodeName, nodeSelector, allNodes, perDeviceNodeSelection, sharedCounters, devices } = spec ?? {};
  driverName(errors, 'spec.driver', driver);
  poolName(errors, 'spec.pool.name', pool?.name);
  if ((pool?.resourceSliceCount ?? 0) <= 0) errors.invalid('spec.pool.resourceSliceCount', pool?.resourceSliceCount ?? 0, 'must be greater than zero');
  if ((pool?.generation ?? 0) < 0) errors.invalid('spec.pool.generation', pool!.generation, 'must be greater than or equal to zero');
  if (old) {
    const before = old.spec;
    if (pool?.name !== before.pool.name) errors.invalid('spec.pool.name', pool?.name ?? '', fieldImmutable);
    if (driver !== before.driver) errors.invalid('spec.driver', driver ?? '', fieldImmutable);
    if (nodeName !== before.nodeName) errors.invalid('spec.nodeName', nodeName ?? null, fieldImmutable);
  }
  const set: string[] = [];
  if (nodeName === '') errors.invalid('spec.nodeName', nodeName, 'must be either unset or set to a non-empty string');
  else if (nodeName !== undefined) {
    set.push('`nodeName`');
    errors.invalidEach('spec.nodeName', nodeName, isDns1123Subdomain(nodeName));
  }
  if (nodeSelector) {
    set.push('`nodeSelector`');
    validateNodeSelector(errors, 'spec.nodeSelector', nodeSelector);
    if (nodeSelector.nodeSelectorTerms?.length !== 1)
      errors.invalid('spec.nodeSelector.nodeSelectorTerms', nodeSelector.nodeSelectorTerms ?? null, 'must have exactly one node selector term');
  }
  for (const [name, value] of Object.entries({ allNodes, perDeviceNodeSelection })) {
    if (value) set.push(`\`${name}\``);
    else if (value === false) errors.invalid(`spec.${name}`, value, 'must be either unset or set to true');
  }
  const oneOf = 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required';
  if (!set.length) errors.required('spec', oneOf);
  else if (set.length > 1) errors.invalid('spec', `{${set.join(', ')}}`, `${oneOf}, but multiple fields are set`);
  if (asGiven(spec, 'sharedCounters') && asGiven(spec, 'devices')) errors.invalid('spec', '', 'only one of `sharedCounters` or `devices` is allowed');

  const elaborate = devices?.some(({ taints, consumesCounters }) => taints?.length || consumesCounters?.length);
  eachOnce(
    errors, 'spec.devices', devices, elaborate ? maxElaborateDevices : maxDevices,
    (device, path) => validateDevice(errors, path, device, old?.spec.devices?.find(({ name }) => name === device.name), perDeviceNodeSelection === true),
    ({ name }) => name,
  );
  eachOnce(
    errors, 'spec.sharedCounters', sharedCounters, maxCounterSets,
    ({ name, counters }, path) => {
      counterName(errors, `${path}.name`, name);
      validateCounters(errors, `${path}.counters`, counters);
    },
    ({ name }) => name,
  );
}

function counterName(errors: FieldErrors, path: string, name: string | undefined): void {
  if (!name) errors.required(path);
  else errors.invalidEach(path, name, isDns1123Label(name));
}

function validateCounters(errors: FieldErrors, path: string, counters: Record<string, Counter> | undefined): void {
  const names = Object.keys(counters ?? {});
  if (!names.length) errors.required(path);
  else if (names.length > maxCounters) errors.tooMany(path, names.length, maxCounters);
  else for (const name of names) errors.invalidEach(path, name, isDns1123Label(name));
}

function validateDevice(errors: FieldErrors, path: string, device: Device, old: Device | undefined, perDevice: boolean): void {
  const { attributes = {}, capacity = {} } = device;
  deviceName(errors, `${path}.name`, device.name);
  const members = Object.keys(attributes).length + Object.keys(capacity).length;
  if (members > maxMembers) errors.invalid(path, members, `the total number of attributes and capacities must not exceed ${maxMembers}`);
  if (Object.keys(attributes).length > maxAttributeValues)
    errors.invalid(path, Object.keys(attributes).length, `the total number of attribute values must not exceed ${maxAttributeValues}`);
  for (const name in attributes) {
    deviceQualifiedName(errors, `${path}.attributes`, name);
    validateAttribute(errors, `${path}.attributes[${name}]`, attributes[name]!);
  }
  for (const name in capacity) {
    deviceQualifiedName(errors, `${path}.capacity`, name);
    validateCapacity(errors, `${path}.capacity[${name}]`, capacity[name]!, device.allowMultipleAllocations === true);
  }
  if (!old || !equalJson(old.taints, device.taints)) each(errors, `${path}.taints`, device.taints, maxTaints, (taint, field) => deviceTaint(errors, field, taint));
  eachOnce(
    errors, `${path}.consumesCounters`, device.consumesCounters, maxConsumptions,
    ({ counterSet, counters }, field) => {
      counterName(errors, `${field}.counterSet`, counterSet);
      validateCounters(errors, `${field}.counters`, counters);
    },
    ({ counterSet }) => counterSet,
  );
  validatePlace(errors, path, device, perDevice);
  bindingConditions(errors, path, device);
}

function validatePlace(errors: FieldErrors, path: string, { nodeName, nodeSelector, allNodes }: Device, perDevice: boolean): void {
  if (!perDevice) {
    if (nodeName !== undefined || nodeSelector || allNodes !== undefined)
      errors.invalid(path, undefined, '`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec');
    return;
  }
  const set: string[] = [];
  if (nodeName === '') errors.invalid(`${path}.nodeName`, nodeName, 'must not be empty');
  else if (nodeName !== undefined) {
    set.push('`nodeName`');
    errors.invalidEach(`${path}.nodeName`, nodeName, isDns1123Subdomain(nodeName));
  }
  if (nodeSelector) {
    set.push('`nodeSelector`');
    validateNodeSelector(errors, `${path}.nodeSelector`, nodeSelector);
  }
  if (allNodes) set.push('`allNodes`');
  else if (allNodes === false) errors.invalid(`${path}.allNodes`, allNodes, 'must be either unset or set to true');
  const oneOf = 'exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec';
  if (!set.length) errors.required(path, oneOf);
  else if (set.length > 1) errors.invalid(path, `{${set.join(', ')}}`, oneOf);
}

const number = '(0|[1-9]\\d*)';
const preRelease = '(0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)';
const build = '[0-9a-zA-Z-]+';
const semver = new RegExp(`^${number}\\.${number}\\.${number}(-${preRelease}(\\.${preRelease})*)?(\\+${build}(\\.${build})*)?$`);

function validateAttribute(errors: FieldErrors, path: string, attribute: DeviceAttribute): void {
  const { string, version } = attribute;
  if (string !== undefined && byteLength(string) > 64) errors.tooLong(`${path}.string`, 64);
  if (version !== undefined) {
    if (!semver.test(version)) errors.invalid(`${path}.version`, version, 'must be a string compatible with semver.org spec 2.0.0');
    if (byteLength(version) > 64) errors.tooLong(`${path}.version`, 64);
  }
  const set = (['bool', 'int', 'string', 'version'] as const).filter((name) => attribute[name] !== undefined).length;
  if (set !== 1) errors.invalid(path, set ? internal('resource/v1.DeviceAttribute', attribute) : '', 'exactly one value must be specified');
}

function validateCapacity(errors: FieldErrors, path: string, { value, requestPolicy: policy }: DeviceCapacity, shared: boolean): void {
  if (!policy) return;
  const field = `${path}.requestPolicy`;
  if (!shared) return errors.forbidden(field, 'allowMultipleAllocations must be true');
  if (policy.validValues?.length && policy.validRange)
    return errors.forbidden(field, 'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time');
  const which = policy.validValues?.length ? 'validValues' : policy.validRange ? 'validRange' : undefined;
  if (!which) return;
  const usual = policy.default === undefined ? undefined : quantityOf(policy.default);
  const whole = quantityOf(value ?? '0')!;
  if (!usual) errors.required(`${field}.default`, `required when ${which} is defined`);
  else if (which === 'validValues') validateValues(errors, `${field}.validValues`, policy, usual, whole);
  else validateRange(errors, `${field}.validRange`, policy.validRange!, usual, whole);
}

function validateValues(errors: FieldErrors, path: string, policy: CapacityRequestPolicy, usual: Quantity, whole: Quantity): void {
  const values = policy.validValues!.map((text) => quantityOf(text)!);
  for (let i = 1; i < values.length; i++)
    if (values[i - 1]!.cmp(values[i]!) > 0) errors.invalid(`${path}[${i}]`, values[i]!.toString(), 'values must be sorted in ascending order');
  eachOnce(
    errors, path, values, maxValidValues,
    (option, field) => {
      if (option.cmp(whole) > 0) errors.invalid(field, option.toString(), `option is larger than capacity value: ${whole.toString()}`);
    },
    (option) => String(option.value()),
  );
  const found = values.length <= maxValidValues && values.some((option) => option.cmp(usual) === 0);
  if (!found) errors.invalid(path, usual.toString(), 'default value is not valid according to the requestPolicy');
}

function validateRange(errors: FieldErrors, path: string, range: CapacityRequestPolicyRange, usual: Quantity, whole: Quantity): void {
  const parsed = (text: string | undefined) => (text === undefined ? undefined : quantityOf(text));
  const [min, max, step] = [parsed(range.min), parsed(range.max), parsed(range.step)];
  if (!min) return errors.required(`${path}.min`, 'required when validRange is defined');
  if (min.cmp(whole) > 0) errors.invalid(`${path}.min`, min.toString(), `min is larger than capacity value: ${whole.toString()}`);
  if (usual.cmp(min) < 0) errors.invalid(`${path}.min`, usual.toString(), `default is less than min: ${min.toString()}`);
  if (max) {
    if (min.cmp(max) > 0) errors.invalid(`${path}.max`, min.toString(), `min is larger than max: ${max.toString()}`);
    if (max.cmp(whole) > 0) errors.invalid(`${path}.max`, max.toString(), `max is larger than capacity value: ${whole.toString()}`);
    if (usual.cmp(max) > 0) errors.invalid(`${path}.max`, usual.toString(), `default is more than max: ${max.toString()}`);
  }
  if (!step) return;
  const first = min.add(step);
  if (first.cmp(whole) > 0) errors.invalid(`${path}.step`, step.toString(), `one step ${first.toString()} is larger than capacity value: ${whole.toString()}`);
  for (const value of max ? [usual, max] : [usual])
    if ((value.value() - min.value()) % (step.value() || 1) !== 0)
      errors.invalid(`${path}.step`, value.toString(), `value is not a multiple of a given step (${step.toString()}) from (${min.toString()})`);
}
