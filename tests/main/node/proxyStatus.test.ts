import { expect, test } from 'vitest';
import { ProxyHealth } from '../../../main/node/agent/proxyStatus.ts';

let now = 0;
const health = () => new ProxyHealth(() => now);

test('a proxy is healthy until rules have not come into force for a minute', async () => {
  const proxy = health();
  await proxy.measure(async () => {});
  expect(proxy.answer('/healthz')).toMatchObject({ status: 200, body: expect.stringContaining('"lastUpdated"') as string });
  await expect(proxy.measure(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  now += 59_000;
  expect(proxy.answer('/healthz').status).toBe(200);
  now += 2000;
  expect(proxy.answer('/healthz').status).toBe(503);
  expect(proxy.answer('/livez').status).toBe(503);
  await proxy.measure(async () => {});
  expect(proxy.answer('/healthz').status).toBe(200);
});

test('a node that is to go takes no new connections, but its proxy lives', () => {
  const proxy = health();
  proxy.nodeEligible = false;
  expect(proxy.answer('/healthz')).toMatchObject({ status: 503, body: expect.stringContaining('"nodeEligible":false') as string });
  expect(proxy.answer('/livez').status).toBe(200);
});

test('how long rules took is told to whoever collects metrics', async () => {
  const proxy = health();
  await proxy.measure(async () => void (now += 3));
  const text = proxy.metrics();
  expect(text).toContain('kubeproxy_sync_proxy_rules_duration_seconds_bucket{le="0.002"} 0');
  expect(text).toContain('kubeproxy_sync_proxy_rules_duration_seconds_bucket{le="0.004"} 1');
  expect(text).toContain('kubeproxy_sync_proxy_rules_duration_seconds_count 1');
});
