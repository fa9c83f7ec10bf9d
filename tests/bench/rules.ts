// A node's rules for many Services: what it costs to make them, and the kernel to take them, all at once and one by one.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { planTable, renderChanges } from '../../main/proxy/dataplane/index.ts';
import type { ProxyModel } from '../../main/proxy/model.ts';

type Report = (line: Record<string, unknown>) => void;

function modelOf(services: number, endpoints: number, moved: boolean): ProxyModel {
  return {
    nodeCIDR: '10.244.1.0/24',
    nodeIP: '10.244.0.2',
    serviceCIDRs: ['10.96.0.0/16'],
    nodeEligible: true,
    hostPorts: [],
    healthChecks: [],
    routes: [],
    services: Array.from({ length: services }, (_, i) => ({
      name: `default/service-${i}:http`,
      protocol: 'TCP' as const,
      clusterIPs: [`10.96.${i >> 8}.${i & 255}`],
      externalIPs: [],
      port: 80,
      nodePort: i % 10 === 0 ? 30_000 + i : 0,
      endpoints: Array.from({ length: endpoints }, (_, j) => ({ ip: `10.244.${1 + ((i + j) % 200)}.${2 + (j % 250)}`, port: moved && i === 7 && j === 0 ? 8081 : 8080 })),
      localEndpoints: [],
      internalLocal: false,
      externalLocal: false,
      affinitySeconds: 0,
    })),
  };
}

const timed = <T>(work: () => T): { value: T; ms: number } => {
  const began = performance.now();
  const value = work();
  return { value, ms: performance.now() - began };
};

export function measureRules(report: Report, { services = 1000, endpoints = 10 } = {}): void {
  const first = timed(() => planTable(modelOf(services, endpoints, false)));
  const all = timed(() => renderChanges('ip skiff', undefined, first.value));
  const next = timed(() => planTable(modelOf(services, endpoints, true)));
  const one = timed(() => renderChanges('ip skiff', first.value, next.value));
  report({ op: 'rules-made', services, endpoints: services * endpoints, planMs: first.ms, renderMs: all.ms, bytes: all.value.length, oneChangeMs: next.ms + one.ms, oneChangeBytes: one.value.length });

  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'skiff-rules-'));
  try {
    fs.writeFileSync(path.join(directory, 'all.nft'), all.value);
    fs.writeFileSync(path.join(directory, 'one.nft'), one.value);
    // In a network of its own: the rules of this computer are left alone.
    const script = 'for f in all one; do a=$(date +%s%N); nft -f $f.nft || exit 1; b=$(date +%s%N); echo $(( (b - a) / 1000 )); done';
    const said = execFileSync('unshare', ['-n', 'sh', '-c', script], { cwd: directory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const [allMs, oneMs] = said.trim().split('\n').map((us) => Number(us) / 1000);
    report({ op: 'rules-applied', services, endpoints: services * endpoints, allMs, oneChangeMs: oneMs });
  } catch {
    report({ op: 'rules-applied', skipped: 'no network namespace, or no nft' });
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}
