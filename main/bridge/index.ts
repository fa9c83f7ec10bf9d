/**
 * The window's requests, watches and streams, answered by an API server, whichever shell carries them:
 * the web shell by HTTP and WebSocket, Electron by messages.
 */
export { EndpointClient, messageOf, type ApiEndpoint } from './endpoint.ts';
export { BridgeSession, type FrameSink, type ServerFrame } from './session.ts';
export { contentSecurityPolicy, pageFile, type PageFile } from './page.ts';
export { forwardRequest, portNumber } from './forward.ts';
export { Settings } from './settings.ts';
export { FailureLedger, podFailures, type PodFailure } from './podFailures.ts';
export { watchFailures } from './failureWatch.ts';
