import type { DeviceAttribute, DeviceConstraint } from '../../api/index.ts';
import type { Candidate } from './pools.ts';

/** What the devices of a claim have to have in common, or must not; once it says no, more devices do not make it say yes. */
export interface Constraint {
  /** Whether the device may be taken for the request (`name` or `name/subrequest`) beside those taken before; if so it counts from now on. */
  add(request: string, candidate: Candidate): boolean;
  /** The device that was added last is given back. */
  remove(request: string): void;
}

/** Undefined for a kind of constraint that is not known here. */
export function constraintOf({ requests = [], matchAttribute, distinctAttribute }: DeviceConstraint): Constraint | undefined {
  const attribute = matchAttribute ?? distinctAttribute;
  if (attribute === undefined) return undefined;
  const applies = (request: string) => requests.length === 0 || requests.includes(request) || requests.includes(request.split('/')[0]!);
  const fits = matchAttribute !== undefined ? (seen: string[], value: string) => seen.length === 0 || seen[0] === value : (seen: string[], value: string) => !seen.includes(value);
  const seen: string[] = [];
  return {
    add(request, candidate) {
      if (!applies(request)) return true;
      const value = valueOf(attributeOf(candidate, attribute));
      if (value === undefined || !fits(seen, value)) return false;
      seen.push(value);
      return true;
    },
    remove(request) {
      if (applies(request)) seen.pop();
    },
  };
}

/** Attributes without a domain have the driver's. */
function attributeOf({ device, driver }: Candidate, name: string): DeviceAttribute | undefined {
  const slash = name.indexOf('/');
  return device.attributes?.[name] ?? (name.slice(0, slash) === driver ? device.attributes?.[name.slice(slash + 1)] : undefined);
}

/** Equal texts for equal values of one type. */
function valueOf({ string, int, bool, version }: DeviceAttribute = {}): string | undefined {
  if (string !== undefined) return `string ${string}`;
  if (int !== undefined) return `int ${int}`;
  if (bool !== undefined) return `bool ${bool}`;
  return version === undefined ? undefined : `version ${version}`;
}
