import type {
  AllocatedDeviceStatus, AllocationResult, DeviceClaim, DeviceConstraint, DeviceRequest, DeviceRequestAllocationResult, DeviceSubRequest,
  ExactDeviceRequest, Namespace, NetworkDeviceData, ResourceClaimConsumerReference, ResourceClaimSpec, ResourceClaimTemplate,
  ResourceResourceClaim as ResourceClaim,
} from '../../../api/index.ts';
import { equalJson } from '../../../api/json.ts';
import { isDns1123Label, isDns1123Subdomain, isInterfaceAddress } from '../../../api/names.ts';
import type { Authorizer } from '../../auth/types.ts';
import { internal } from '../../validation/internal.ts';
import { conditions } from '../../validation/conditions.ts';
import { bindingConditions, deviceName, deviceToleration, driverName, each, eachOnce, fullyQualifiedName, opaqueConfiguration, poolName, rawObject, selectors } from '../../validation/devices.ts';
import { FieldErrors } from '../../validation/field.ts';
import { byteLength, fieldImmutable, templateMeta } from '../../validation/names.ts';
import { validateNodeSelector } from '../../validation/scheduling.ts';
import { check, clientMetadata, columns, define, statusSubresource } from '../define.ts';
import { age, nameOf } from '../printers.ts';
import type { Objects, Strategy } from '../strategy.ts';
import { judgeBinding, judgeDeviceStatus } from './claimRights.ts';

/* Mirrors pkg/registry/resource/{resourceclaim,resourceclaimtemplate}/strategy.go and pkg/apis/resource/validation. */

const group = 'resource.k8s.io';
const definition = define(group, 'v1', 'ResourceClaim', 'resourceclaims');
const adminLabel = 'resource.kubernetes.io/admin-access';
const maxRequests = 32;
const maxConstraints = 32;
const maxConfigs = 32;
const maxSubRequests = 8;
const maxReserved = 256;
const maxDeviceConditions = 8;
const maxDeviceData = 10 * 1024;

/** `authorizer`: who may bind claims and speak for drivers. */
export const resourceClaim = (authorizer: Authorizer): Strategy<ResourceClaim> => ({
  definition,
  hasGeneration: false,
  nameRule: 'dnsSubdomain',
  judgedAgain: true,
  resetFields: (subresource) => (subresource === 'status' ? [['metadata'], ['spec']] : undefined),
  allowUnconditionalUpdate: true,
  returnsDeletedObject: true,
  defaults: ({ spec }) => defaultSpec(spec),
  prepareForCreate(_context, object) {
    object.status = {};
  },
  prepareForUpdate(_context, object, old) {
    object.status = old.status;
  },
  async validate({ namespace }, object, objects) {
    const admin = await adminAccess(object.spec, 'spec.devices.requests', namespace, objects);
    return check((errors) => {
      if (admin) errors.forbidden(...admin);
      validateSpec(errors, 'spec', object.spec);
    });
  },
  validateUpdate: (_context, object, old) => check((errors) => {
    if (!equalJson(object.spec, old.spec)) errors.invalid('spec', internal('resource/v1.ResourceClaimSpec', object.spec), fieldImmutable);
  }),
  columns: columns('Name', 'State', 'Age'),
  row: (object, now) => [nameOf(object), stateOf(object), age(object, now)],
  subresources: {
    status: {
      ...statusSubresource<ResourceClaim>(definition, undefined, clientMetadata),
      prepareForUpdate(_context, object, old) {
        object.spec = old.spec;
        for (const key of clientMetadata) (object.metadata as Record<string, unknown>)[key] = old.metadata?.[key];
        dropDeallocated(object, old);
      },
      async validateUpdate(context, object, old, objects) {
        const errors = new FieldErrors();
        await adminAccessGiven(errors, context.namespace, object, old, objects);
        const [status, before] = [object.status ?? {}, old.status ?? {}];
        await judgeBinding(errors, authorizer, context, status, before);
        if (status.allocation) await judgeDeviceStatus(errors, authorizer, context, status, before);
        validateStatus(errors, object, old);
        return errors.all;
      },
    },
  },
});

export const resourceClaimTemplate: Strategy<ResourceClaimTemplate> = {
  definition: define(group, 'v1', 'ResourceClaimTemplate', 'resourceclaimtemplates'),
  hasGeneration: false,
  nameRule: 'dnsSubdomain',
  judgedAgain: true,
  allowUnconditionalUpdate: true,
  returnsDeletedObject: true,
  defaults: ({ spec }) => defaultSpec(spec?.spec),
  async validate({ namespace }, object, objects) {
    const admin = await adminAccess(object.spec?.spec, 'spec.devices.requests', namespace, objects);
    return check((errors) => {
      if (admin) errors.forbidden(...admin);
      validateTemplate(errors, object);
    });
  },
  validateUpdate: (_context, object, old) => check((errors) => {
    validateTemplate(errors, object);
    if (!equalJson(object.spec, old.spec)) errors.invalid('spec', internal('resource/v1.ResourceClaimTemplateSpec', object.spec), fieldImmutable);
  }),
  columns: columns('Name', 'Age'),
  row: (object, now) => [nameOf(object), age(object, now)],
};

function validateTemplate(errors: FieldErrors, { spec }: ResourceClaimTemplate): void {
  templateMeta(errors, 'spec.metadata', spec?.metadata);
  validateSpec(errors, 'spec.spec', spec?.spec);
}

function defaultSpec(spec: ResourceClaimSpec | undefined): void {
  for (const request of spec?.devices?.requests ?? [])
    for (const wanted of [request.exactly, ...(request.firstAvailable ?? [])]) {
      if (!wanted) continue;
      for (const toleration of wanted.tolerations ?? []) toleration.operator ??= 'Equal';
      wanted.allocationMode ||= 'ExactCount';
      if (wanted.allocationMode === 'ExactCount') wanted.count ||= 1;
    }
}

function stateOf({ metadata, status }: ResourceClaim): string {
  const states = metadata?.deletionTimestamp ? ['deleted'] : [];
  if (!status?.allocation) {
    if (!metadata?.deletionTimestamp) states.push('pending');
  } else states.push('allocated', ...(status.reservedFor?.length ? ['reserved'] : []));
  return states.join(',');
}

/** What is said against a claim that wants more than its namespace may have (upstream: pkg/registry/resource/utils.go). */
async function adminAccess(spec: ResourceClaimSpec | undefined, path: string, namespace: string, objects: Objects): Promise<[string, string] | undefined> {
  const at = spec?.devices?.requests?.findIndex(({ exactly }) => exactly?.adminAccess) ?? -1;
  return at < 0 || (await isForAdmins(namespace, objects)) ? undefined : [`${path}[${at}].adminAccess`, notForAdmins];
}

/** The same of devices that a claim is given. */
async function adminAccessGiven(errors: FieldErrors, namespace: string, object: ResourceClaim, old: ResourceClaim, objects: Objects): Promise<void> {
  const at = ({ status }: ResourceClaim) => status?.allocation?.devices?.results?.findIndex(({ adminAccess }) => adminAccess) ?? -1;
  if (at(object) < 0 || at(old) >= 0 || (await isForAdmins(namespace, objects))) return;
  errors.forbidden(`status.allocation.devices.results[${at(object)}].adminAccess`, notForAdmins);
}

const notForAdmins = `admin access to devices requires the \`${adminLabel}: true\` label on the containing namespace`;

async function isForAdmins(namespace: string, objects: Objects): Promise<boolean> {
  const home = await objects.get<Namespace>({ group: '', version: 'v1', resource: 'namespaces' }, '', namespace);
  return home?.metadata?.labels?.[adminLabel] === 'true';
}

/** The names that constraints, configuration and results may refer to: `request` and `request/subrequest`. */
function requestNames(devices: DeviceClaim | undefined): Set<string> {
  const names = new Set<string>();
  for (const { name, firstAvailable = [] } of devices?.requests ?? []) {
    names.add(name);
    for (const sub of firstAvailable) names.add(`${name}/${sub.name}`);
  }
  return names;
}

function validateSpec(errors: FieldErrors, path: string, spec: ResourceClaimSpec | undefined): void {
  const devices = spec?.devices;
  const names = requestNames(devices);
  eachOnce(errors, `${path}.devices.requests`, devices?.requests, maxRequests, (request, field) => validateRequest(errors, field, request), ({ name }) => name);
  each(errors, `${path}.devices.constraints`, devices?.constraints, maxConstraints, (constraint, field) => validateConstraint(errors, field, constraint, names));
  each(errors, `${path}.devices.config`, devices?.config, maxConfigs, ({ requests, opaque }, field) => {
    references(errors, `${field}.requests`, requests, names);
    opaqueConfiguration(errors, field, opaque);
  });
}

function validateRequest(errors: FieldErrors, path: string, { name, exactly, firstAvailable = [] }: DeviceRequest): void {
  requestName(errors, `${path}.name`, name);
  const oneOf = 'exactly one of `exactly` or `firstAvailable` is required';
  if (!exactly && !firstAvailable.length) errors.required(path, oneOf);
  else if (exactly && firstAvailable.length) errors.invalid(path, undefined, `${oneOf}, but multiple fields are set`);
  else if (exactly) validateWanted(errors, `${path}.exactly`, exactly);
  else
    eachOnce(
      errors, `${path}.firstAvailable`, firstAvailable, maxSubRequests,
      (sub, field) => {
        requestName(errors, `${field}.name`, sub.name);
        validateWanted(errors, field, sub);
      },
      (sub) => sub.name,
    );
}

function requestName(errors: FieldErrors, path: string, name = ''): void {
  errors.invalidEach(path, name, isDns1123Label(name));
}

function validateWanted(errors: FieldErrors, path: string, wanted: ExactDeviceRequest | DeviceSubRequest): void {
  const { deviceClassName, allocationMode = '', count = 0, tolerations } = wanted;
  if (!deviceClassName) errors.required(`${path}.deviceClassName`);
  else errors.invalidEach(`${path}.deviceClassName`, deviceClassName, isDns1123Subdomain(deviceClassName));
  selectors(errors, `${path}.selectors`, wanted.selectors);
  if (allocationMode === 'All') {
    if (count) errors.invalid(`${path}.count`, count, `must not be specified when allocationMode is '${allocationMode}'`);
  } else if (allocationMode === 'ExactCount') {
    if (count <= 0) errors.invalid(`${path}.count`, count, 'must be greater than zero');
  } else errors.notSupported(`${path}.allocationMode`, allocationMode, ['All', 'ExactCount']);
  tolerations?.forEach((toleration, i) => deviceToleration(errors, `${path}.tolerations[${i}]`, toleration));
}

function validateConstraint(errors: FieldErrors, path: string, { requests, matchAttribute, distinctAttribute }: DeviceConstraint, names: Set<string>): void {
  references(errors, `${path}.requests`, requests, names);
  if (matchAttribute !== undefined) fullyQualifiedName(errors, `${path}.matchAttribute`, matchAttribute);
  else if (distinctAttribute !== undefined) fullyQualifiedName(errors, `${path}.distinctAttribute`, distinctAttribute);
  else errors.required(path, 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set');
}

function references(errors: FieldErrors, path: string, requests: string[] | undefined, names: Set<string>): void {
  eachOnce(errors, path, requests, maxRequests, (name, field) => reference(errors, field, name, names), (name) => name);
}

function reference(errors: FieldErrors, path: string, name = '', names: Set<string>): void {
  const unknown = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
  const segments = name.split('/');
  if (segments.length > 2) return errors.invalid(path, name, unknown);
  for (const segment of segments) requestName(errors, path, segment);
  if (!names.has(name)) errors.invalid(path, name, unknown);
}

interface DeviceId {
  driver: string;
  pool: string;
  device: string;
  shareID?: string;
}

const idOf = ({ driver, pool, device, shareID }: DeviceId) => [driver, pool, device, shareID ?? ''].join('/');
const shownId = ({ driver, pool, device, shareID = '' }: DeviceId) => ({ Driver: driver, Pool: pool, Device: device, ShareID: shareID });

function validateStatus(errors: FieldErrors, object: ResourceClaim, old: ResourceClaim): void {
  const { allocation, devices, reservedFor = [] } = object.status ?? {};
  eachOnce(errors, 'status.reservedFor', reservedFor, maxReserved, (consumer, path) => validateConsumer(errors, path, consumer), ({ uid }) => uid);
  const allocated = new Set((allocation?.devices?.results ?? []).map(idOf));
  eachOnce(errors, 'status.devices', devices, Infinity, (device, path) => validateDeviceStatus(errors, path, device, allocated), shownId);
  if (reservedFor.length) {
    if (!allocation) errors.forbidden('status.reservedFor', 'may not be specified when `allocated` is not set');
    else if (object.metadata?.deletionTimestamp && reservedFor.some((consumer) => !old.status?.reservedFor?.some((before) => equalJson(before, consumer))))
      errors.forbidden('status.reservedFor', 'new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set');
  }
  const before = old.status?.allocation;
  if (before && allocation) {
    if (!equalJson(allocation, before)) errors.invalid('status.allocation', internal('resource/v1.AllocationResult', allocation), fieldImmutable);
  } else if (allocation) validateAllocation(errors, 'status.allocation', allocation, requestNames(object.spec?.devices));
}

function validateConsumer(errors: FieldErrors, path: string, consumer: ResourceClaimConsumerReference): void {
  for (const name of ['resource', 'name', 'uid'] as const) if (!consumer[name]) errors.required(`${path}.${name}`);
}

function validateAllocation(errors: FieldErrors, path: string, { devices, nodeSelector }: AllocationResult, names: Set<string>): void {
  each(errors, `${path}.devices.results`, devices?.results, maxRequests, (result, field) => validateResult(errors, field, result, names));
  each(errors, `${path}.devices.config`, devices?.config, 2 * maxConfigs, ({ source, requests, opaque }, field) => {
    if (!source) errors.required(`${field}.source`);
    else if (source !== 'FromClaim' && source !== 'FromClass') errors.notSupported(`${field}.source`, source, ['FromClaim', 'FromClass']);
    references(errors, `${field}.requests`, requests, names);
    opaqueConfiguration(errors, field, opaque);
  });
  if (nodeSelector) validateNodeSelector(errors, `${path}.nodeSelector`, nodeSelector);
}

function validateResult(errors: FieldErrors, path: string, result: DeviceRequestAllocationResult, names: Set<string>): void {
  reference(errors, `${path}.request`, result.request, names);
  driverName(errors, `${path}.driver`, result.driver);
  poolName(errors, `${path}.pool`, result.pool);
  deviceName(errors, `${path}.device`, result.device);
  bindingConditions(errors, path, result);
  if (result.shareID !== undefined) uid(errors, `${path}.shareID`, result.shareID);
}

function uid(errors: FieldErrors, path: string, text: string): void {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) return;
  if (/^(urn:uuid:)?\{?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}\}?$/i.test(text))
    errors.invalid(path, text, 'uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters');
  else errors.invalid(path, text, `error validating uid: ${text.length === 36 ? 'invalid UUID format' : `invalid UUID length: ${text.length}`}`);
}

function validateDeviceStatus(errors: FieldErrors, path: string, device: AllocatedDeviceStatus, allocated: Set<string>): void {
  driverName(errors, `${path}.driver`, device.driver);
  poolName(errors, `${path}.pool`, device.pool);
  deviceName(errors, `${path}.device`, device.device);
  if (device.shareID !== undefined) uid(errors, `${path}.shareID`, device.shareID);
  if (!allocated.has(idOf(device))) errors.invalid(path, shownId(device), 'must be an allocated device in the claim');
  if ((device.conditions?.length ?? 0) > maxDeviceConditions) errors.tooMany(`${path}.conditions`, device.conditions!.length, maxDeviceConditions);
  conditions(errors, `${path}.conditions`, device.conditions);
  if (device.data !== undefined) rawObject(errors, `${path}.data`, device.data, maxDeviceData);
  if (device.networkData) validateNetwork(errors, `${path}.networkData`, device.networkData);
}

function validateNetwork(errors: FieldErrors, path: string, { interfaceName = '', hardwareAddress = '', ips }: NetworkDeviceData): void {
  if (byteLength(interfaceName) > 256) errors.tooLong(`${path}.interfaceName`, 256);
  if (byteLength(hardwareAddress) > 128) errors.tooLong(`${path}.hardwareAddress`, 128);
  eachOnce(errors, `${path}.ips`, ips, 16, (address, field) => errors.invalidEach(field, address, isInterfaceAddress(address)), (address) => address);
}

/** What is said of devices that have been given back goes with them. */
function dropDeallocated(object: ResourceClaim, old: ResourceClaim): void {
  const { status } = object;
  if (!status?.devices) return;
  const gone = new Set((old.status?.allocation?.devices?.results ?? []).map(idOf));
  for (const result of status.allocation?.devices?.results ?? []) gone.delete(idOf(result));
  status.devices = status.devices.filter((device) => !gone.has(idOf(device)));
  if (!status.devices.length) delete status.devices;
}
