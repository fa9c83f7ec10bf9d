import type { Device } from '../api/index.ts';
import {
  anyType, boolType, CelError, CelObject, Environment, formatType, instantiationFailed, mapType, objectType, quantityType, quantityValue, sameType, semverValue,
  stringType, EntryMap, type SizeEstimate, type Value,
} from './cel/index.ts';

/* Mirrors k8s.io/dynamic-resource-allocation/cel/compile.go. */

/** What an expression may cost, both at most as it is written and when it runs. */
const maxCost = 1_000_000;
/** Bytes: of a domain or a driver's name, of the name in it, of a text or version. */
const sizes = { domain: 63, id: 32, value: 64 };
/** How many attributes and capacities a device has at most. */
const maxEntries = 32;

const environment = new Environment({
  bindings: true,
  variables: {
    device: objectType('kubernetes.DRADevice', {
      driver: stringType,
      allowMultipleAllocations: boolType,
      attributes: mapType(stringType, mapType(stringType, anyType)),
      capacity: mapType(stringType, mapType(stringType, quantityType)),
    }),
  },
});

/** Whether devices are what a selector asks for. */
export interface DeviceSelector {
  /** Throws where the expression cannot be evaluated for this device: an attribute that it has not, or one of another type. */
  matches(driver: string, device: Pick<Device, 'attributes' | 'capacity' | 'allowMultipleAllocations'>): boolean;
}

/** Why an expression selects no devices: it is none, cannot be made ready to run, or might cost too much. */
export type DeviceSelectorFault = { type: 'invalid' | 'internal' | 'too complex'; detail: string };

const kept = 200;
const known = new Map<string, DeviceSelector | DeviceSelectorFault>();

/** The selector of a DeviceClass or a ResourceClaim, ready to run. The same one is compiled once. */
export function compileDeviceSelector(expression: string): DeviceSelector | DeviceSelectorFault {
  let compiled = known.get(expression);
  if (!compiled) {
    // A map keeps the order of insertion: the oldest goes first.
    if (known.size >= kept) known.delete(known.keys().next().value!);
    known.set(expression, (compiled = compile(expression)));
  }
  return compiled;
}

function compile(expression: string): DeviceSelector | DeviceSelectorFault {
  const compiled = environment.compile(expression);
  if (typeof compiled === 'string') {
    if (compiled.startsWith(instantiationFailed)) return { type: 'internal', detail: compiled };
    return { type: 'invalid', detail: `compilation failed: ${compiled}` };
  }
  const { program, outputType } = compiled;
  if (outputType !== anyType && !sameType(outputType, boolType)) return { type: 'invalid', detail: `must evaluate to bool or the unknown type, not ${formatType(outputType)}` };
  if (compiled.estimate(sizeOf).max > maxCost) return { type: 'too complex', detail: 'too complex, exceeds cost limit' };
  return {
    matches(driver, device) {
      const value = valueOf(driver, device);
      const result = program.evaluate((name) => (name === 'device' ? value : undefined), maxCost);
      if ('error' in result) throw result.error;
      if (typeof result.value !== 'boolean') throw new CelError('CEL result could not be converted to bool');
      return result.value;
    },
  };
}

/** How large what `device` holds can be. */
function sizeOf([, field, ...rest]: readonly string[]): SizeEstimate | undefined {
  const upTo = (max: number) => ({ min: 0, max });
  if (field === undefined) return upTo(0);
  if (field === 'driver') return upTo(sizes.domain);
  if (field === 'allowMultipleAllocations') return upTo(1);
  if (field !== 'attributes' && field !== 'capacity') return undefined;
  const [domain, name] = rest;
  if (domain === undefined) return upTo(maxEntries);
  if (domain === '@keys') return upTo(sizes.domain);
  if (name === undefined) return upTo(maxEntries);
  if (name === '@keys') return upTo(sizes.id);
  // Every attribute is as long as it may be; of capacities none has a length.
  return field === 'attributes' ? upTo(sizes.value) : name.startsWith('@') ? upTo(0) : undefined;
}

function valueOf(driver: string, { attributes, capacity, allowMultipleAllocations }: Parameters<DeviceSelector['matches']>[1]): Value {
  return new CelObject('kubernetes.DRADevice', new Map<string, Value>([
    ['driver', driver],
    ['allowMultipleAllocations', allowMultipleAllocations ?? false],
    ['attributes', byDomain(driver, attributes, attributeValue)],
    ['capacity', byDomain(driver, capacity, ({ value }) => quantityValue(value))],
  ]));
}

function attributeValue({ int, bool, string, version }: NonNullable<Device['attributes']>[string], name: string): Value {
  if (int !== undefined) return BigInt(int);
  if (bool !== undefined) return bool;
  if (string !== undefined) return string;
  if (version === undefined) throw new CelError(`attribute ${name}: unsupported attribute value`);
  return semverValue(version);
}

/** Names without a domain are the driver's own. */
function byDomain<T>(driver: string, entries: Readonly<Record<string, T>> | undefined, read: (entry: T, name: string) => Value): DomainMap {
  const domains = new Map<string, [Value, Value][]>();
  for (const [name, entry] of Object.entries(entries ?? {})) {
    const slash = name.indexOf('/');
    const domain = slash < 0 ? driver : name.slice(0, slash);
    const value: [Value, Value] = [name.slice(slash + 1), read(entry, name)];
    const others = domains.get(domain);
    if (others) others.push(value);
    else domains.set(domain, [value]);
  }
  return new DomainMap([...domains].map(([domain, values]) => [domain, new EntryMap(values)]));
}

const empty = new EntryMap();

/** A domain that the device has nothing of is empty, so that expressions need not ask for it first. */
class DomainMap extends EntryMap {
  override get(key: Value): Value {
    return super.get(key) ?? empty;
  }
  override has(key: Value): boolean {
    return super.get(key) !== undefined;
  }
}
