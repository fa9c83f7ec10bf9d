/**
 * client-go's place: typed access to an API server (Client), shared caches (Informer), rate limited work (WorkQueue)
 * and events (EventRecorder). Rooms that act on the cluster are given a Client; none knows where its server runs.
 */
export type * from './transport.ts';
