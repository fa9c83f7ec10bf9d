/**
 * Calls of webhooks: programs outside of the API server that it asks while it answers a request, by URL or by a Service of
 * the cluster. What is asked is the caller's business (admission reviews, conversion reviews).
 */
export { AuthoritiesError, WebhookClient, type CredentialSource, type WebhookClientConfig, type WebhookClientOptions, type PostOptions } from './client.ts';
export { ExecPlugin, type ExecCluster, type ExecConfig } from './execPlugin.ts';
