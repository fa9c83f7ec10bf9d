import type { DeviceClass, DeviceRequest, DeviceSubRequest, ExactDeviceRequest, ResourceResourceClaim } from '../../api/index.ts';
import type { Candidate } from './pools.ts';

/** One request, or one of the alternatives of a request, with what is known about it before the search. */
export interface Wanted {
  /** `name`, or `name/alternative`. */
  name: string;
  spec: ExactDeviceRequest | DeviceSubRequest;
  class: DeviceClass;
  count: number;
  adminAccess: boolean;
  /** Where all devices are asked for: which they are. */
  all?: Candidate[];
}

/** A request: the first of its alternatives that can be had is taken. */
export interface Request {
  name: string;
  alternatives: Wanted[];
}

/** Something is wrong with a claim, a class or a pool that no other node would mend. */
export class AllocationError extends Error {}

/** What a node can reach contradicts itself. */
export class InvalidPoolError extends Error {}

export const aboutClaim = ({ metadata }: ResourceResourceClaim) => `claim ${metadata!.namespace}/${metadata!.name}`;

/** The alternatives of a request as its author has them: by the names that results and constraints use. */
export function alternativesOf({ name, exactly, firstAvailable }: DeviceRequest): { name: string; spec: ExactDeviceRequest | DeviceSubRequest }[] {
  if (exactly) return [{ name, spec: exactly }];
  return (firstAvailable ?? []).map((spec) => ({ name: `${name}/${spec.name}`, spec }));
}
