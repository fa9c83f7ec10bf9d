import { isDns1123Label, isQualifiedName } from '../../api/names.ts';
import { quantityOf, type Quantity } from '../../api/quantity.ts';
import { isExtended, isHugePage, isNative } from '../../api/resourceNames.ts';
import type { ResourceRequirements } from '../../api/index.ts';
import type { FieldErrors } from './field.ts';
import { isNegative } from './names.ts';

/*
 * Resource names and amounts. Mirrors pkg/apis/core/validation/validation.go (validateResourceRequirements and
 * around) and pkg/apis/core/helper/helpers.go.
 */

export const quotaResources = new Set([
  'cpu', 'memory', 'ephemeral-storage', 'requests.cpu', 'requests.memory', 'requests.storage', 'requests.ephemeral-storage',
  'limits.cpu', 'limits.memory', 'limits.ephemeral-storage', 'pods', 'resourcequotas', 'services', 'replicationcontrollers',
  'secrets', 'persistentvolumeclaims', 'configmaps', 'services.nodeports', 'services.loadbalancers',
]);
export { isHugePage, quantityOf };

const containerResources = new Set(['cpu', 'memory', 'ephemeral-storage']);
const standardResources = new Set([...quotaResources, 'storage']);
const integerResources = new Set(['pods', 'resourcequotas', 'services', 'replicationcontrollers', 'secrets', 'configmaps', 'persistentvolumeclaims', 'services.nodeports', 'services.loadbalancers']);
export const podLevelResources = ['cpu', 'hugepages-', 'memory'];

/** Whether a request may be smaller than its limit. */
export const isOvercommitAllowed = (name: string) => isNative(name) && !isHugePage(name);

export const notAQuantity =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

export function resourceName(errors: FieldErrors, field: string, name: string): boolean {
  const messages = isQualifiedName(name);
  errors.invalidEach(field, name, messages);
  if (messages.length) return false;
  if (!name.includes('/') && !standardResources.has(name) && !isHugePage(name)) {
    errors.invalid(field, name, 'must be a standard resource type or fully qualified');
    return false;
  }
  return true;
}

export function containerResourceName(errors: FieldErrors, field: string, name: string): void {
  resourceName(errors, field, name);
  if (!name.includes('/')) {
    if (!containerResources.has(name) && !isHugePage(name)) errors.invalid(field, name, 'must be a standard resource for containers');
  } else if (!isNative(name) && !isExtended(name)) {
    errors.invalid(field, name, "doesn't follow extended resource name standard");
  }
}

export function podResourceName(errors: FieldErrors, field: string, name: string): void {
  if (resourceName(errors, field, name) && name !== 'cpu' && name !== 'memory' && !isHugePage(name))
    errors.notSupported(field, name, podLevelResources);
}

export function quotaResourceName(errors: FieldErrors, field: string, name: string): void {
  resourceName(errors, field, name);
  if (!name.includes('/') && !quotaResources.has(name) && !isHugePage(name) && !name.startsWith('requests.hugepages-'))
    errors.invalid(field, name, 'must be a standard resource for quota');
}

/** Rewrites amounts as Go's decoder does: `0.5` becomes `500m`, finer than a thousandth is rounded up. */
export function canonicalQuantities(list: Record<string, string> | undefined): void {
  for (const name in list) {
    const quantity = quantityOf(list[name]!);
    if (quantity) list[name] = quantity.toString();
  }
}

/** validateBasicResource: how much there is of something cannot be negative. */
export function basicResource(errors: FieldErrors, field: string, quantity: Quantity): boolean {
  if (quantity.sign() >= 0) return true;
  errors.invalid(field, quantity.value(), 'must be a valid resource quantity');
  return false;
}

/** ValidateResourceQuantityValue. */
export function resourceValue(errors: FieldErrors, field: string, name: string, quantity: Quantity): void {
  if (quantity.sign() < 0) errors.invalid(field, quantity.toString(), isNegative);
  if ((integerResources.has(name) || isExtended(name)) && quantity.milliValue() % 1000 !== 0)
    errors.invalid(field, quantity.toString(), 'must be an integer');
}

function hugePageValue(errors: FieldErrors, field: string, name: string, quantity: Quantity): void {
  const size = quantityOf(name.slice('hugepages-'.length))?.value() ?? 0;
  if (size <= 0 || quantity.value() % size !== 0)
    errors.invalid(field, quantity.toString(), `${quantity.toString()} is not positive integer multiple of ${name}`);
}

export function resourceRequirements(
  errors: FieldErrors,
  field: string,
  requirements: ResourceRequirements | undefined,
  checkName: (errors: FieldErrors, field: string, name: string) => void,
  claimNames: ReadonlySet<string>,
): void {
  if (!requirements) return;
  const { limits = {}, requests = {}, claims = [] } = requirements;
  let computes = false;
  let hugePages = false;
  for (const name in limits) {
    const path = `${field}.limits[${name}]`;
    const quantity = quantityOf(limits[name]!);
    checkName(errors, path, name);
    if (!quantity) {
      errors.invalid(path, limits[name], notAQuantity);
      continue;
    }
    resourceValue(errors, path, name, quantity);
    if (isHugePage(name)) {
      hugePages = true;
      hugePageValue(errors, path, name, quantity);
    }
    computes ||= name === 'cpu' || name === 'memory';
  }
  for (const name in requests) {
    const path = `${field}.requests[${name}]`;
    const quantity = quantityOf(requests[name]!);
    checkName(errors, path, name);
    if (!quantity) {
      errors.invalid(path, requests[name], notAQuantity);
      continue;
    }
    resourceValue(errors, path, name, quantity);
    const limit = limits[name] === undefined ? undefined : quantityOf(limits[name]);
    if (limit) {
      if (quantity.cmp(limit) !== 0 && !isOvercommitAllowed(name))
        errors.invalid(`${field}.requests`, quantity.toString(), `must be equal to ${name} limit of ${limit.toString()}`);
      else if (quantity.cmp(limit) > 0)
        errors.invalid(`${field}.requests`, quantity.toString(), `must be less than or equal to ${name} limit of ${limit.toString()}`);
    } else if (!isOvercommitAllowed(name)) {
      errors.required(`${field}.limits`, 'Limit must be set for non overcommitable resources');
    }
    if (isHugePage(name)) {
      hugePages = true;
      hugePageValue(errors, path, name, quantity);
    }
    computes ||= name === 'cpu' || name === 'memory';
  }
  if (!computes && hugePages) errors.forbidden(field, 'HugePages require cpu or memory');

  const seen = new Set<string>();
  claims.forEach((claim, i) => {
    const path = `${field}.claims[${i}]`;
    if (!claim.name) return errors.required(path);
    const key = claim.request ? `${claim.name}/${claim.request}` : claim.name;
    if (seen.has(claim.name)) errors.duplicate(path, claim.name);
    else {
      if (claim.request) errors.invalidEach(`${path}.request`, claim.request, isDns1123Label(claim.request));
      if (seen.has(key)) errors.duplicate(path, key);
      // The whole claim overlaps with each of its requests.
      else if (!claim.request) for (const other of seen) if (other.startsWith(`${claim.name}/`)) errors.duplicate(path, claim.name);
      seen.add(key);
    }
    if (!claimNames.has(claim.name))
      errors.notFound(
        path,
        claim.name,
        `must be one of the names in pod.spec.resourceClaims${claimNames.size ? `: ${[...claimNames].sort().join(', ')}` : ' which is empty'}`,
      );
  });
}

/** Amounts of bytes that are not whole, which nothing can give. */
export function fractionalBytes(amounts: Record<string, string> | undefined, tell: (name: string, text: string) => void, names = ['memory', 'ephemeral-storage']): void {
  for (const name of names) {
    const quantity = amounts?.[name] === undefined ? undefined : quantityOf(amounts[name]);
    if (quantity && quantity.milliValue() % 1000 !== 0)
      tell(name, `fractional byte value ${JSON.stringify(quantity.toString())} is invalid, must be an integer`);
  }
}
