import type { Ingress, IngressLoadBalancerIngress } from '../../api/index.ts';
import { equalJson } from '../../api/json.ts';
import { isNotFound } from '../../api/status.ts';
import { resources, type Client } from '../../client/index.ts';

/** Writes at which address Ingresses are reached, where that is not said already. */
export async function writeIngressStatus(client: Client, ingress: Ingress, entries: IngressLoadBalancerIngress[]): Promise<void> {
  if (equalJson(ingress.status?.loadBalancer?.ingress ?? [], entries)) return;
  const { namespace, name } = ingress.metadata as { namespace: string; name: string };
  const status = { loadBalancer: { ingress: entries.length > 0 ? entries : null } };
  try {
    await client.of(resources.ingresses).patch(namespace, name, 'merge', { status }, { subresource: 'status' });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
