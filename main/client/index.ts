/**
 * client-go's place: typed access to an API server (Client), shared caches (Informer), rate limited work (WorkQueue)
 * and events (EventRecorder, and SeriesRecorder for those of events.k8s.io). Rooms that act on the cluster are given a Client; none knows where its server runs.
 */
export type * from './transport.ts';
export { HttpsTransport, type HttpsTransportOptions } from './httpsTransport.ts';
export {
  Client,
  type ListOptions,
  type PatchOptions,
  type PatchType,
  type ResourceClient,
  type WatchOptions,
} from './client.ts';
export { resources, type ResourceDef } from './resources.ts';
export { InformerFactory, type Informer, type InformerHandlers, type InformerOptions } from './informer.ts';
export { disruptPod, disruptionPatch, type Disruption } from './disruptPod.ts';
export { WorkQueue } from './workQueue.ts';
export { ClientMetrics } from './metrics.ts';
export {
  DefaultControllerRateLimiter,
  ItemExponentialFailureRateLimiter,
  TokenBucket,
  type RateLimiter,
} from './rateLimiter.ts';
export { EventRecorder, type EventRecorderOptions } from './eventRecorder.ts';
export { SeriesRecorder, type SeriesRecorderOptions } from './seriesRecorder.ts';
export { HeldLease, type HeldLeaseOptions } from './heldLease.ts';
export { LeaderElector, type LeaderElectionOptions } from './leaderElection.ts';
export { created, installCustomKinds, type CustomKindsOptions } from './customKinds.ts';
