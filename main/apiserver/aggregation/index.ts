/**
 * API servers besides this one: an APIService says which group and version a Service of the cluster answers for, and
 * requests for it are passed on, with the user's name in headers that only this server can send.
 */
export { Aggregator, type AggregatorOptions, type FrontProxy } from './aggregator.ts';
export { registerLocal } from './local.ts';
export type { AggregatedGroup, AggregatedResource } from './discovery.ts';
