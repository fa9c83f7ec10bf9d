/**
 * Passing requests on: to pods, Services and nodes by their `proxy` subresources, and to API servers that are aggregated.
 */
export { forward, type Destination } from './forward.ts';
export { nodeProxy, podProxy, serviceProxy } from './subresources.ts';
