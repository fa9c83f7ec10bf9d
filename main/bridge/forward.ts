import type { ForwardRequest } from '../../preload/contract.ts';

const isPort = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 65_535;
const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= 253;

/** A port's number as a window sent it. Throws for everything else. */
export function portNumber(value: unknown): number {
  if (!isPort(value)) throw new Error('not a port');
  return value;
}

/** Keeps only what the contract names, each of its type. Throws where something is missing or of another type. */
export function forwardRequest(value: unknown): ForwardRequest {
  const { resource, namespace, name, port, localPort } = (value ?? {}) as Record<string, unknown>;
  if (!isText(resource) || !isText(namespace) || !isText(name)) throw new Error('not a request to forward a port');
  return { resource, namespace, name, port: portNumber(port), ...(localPort === undefined || localPort === null ? {} : { localPort: portNumber(localPort) }) };
}
