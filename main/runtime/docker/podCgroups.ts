import type Docker from 'dockerode';
import { RuntimeError, type ContainerResources, type SandboxConfig } from '../index.ts';
import type { Engine } from './engine.ts';
import type { Helpers } from './helpers.ts';
import { label, type Labels } from './labels.ts';

/** Where helpers find the kernel's control groups, as the engine's machine has them. */
const root = '/cgroup';
const binds = [`/sys/fs/cgroup:${root}`];

/**
 * Writes what a group may use; waits for the group, which the engine makes with its first container. An empty argument leaves
 * things as they are. With version 1 of the groups each kind of resource has its own tree, and swap counts beside memory.
 */
export const limitScript = (root: string): string => [
  'name=$1; shares=$2; weight=$3; quota=$4; period=$5; memory=$6',
  'group() {',
  '  tries=0',
  '  until at=$(find "$1" -type d -name "$name" 2>/dev/null | head -n 1); [ -n "$at" ]; do',
  '    tries=$((tries + 1)); [ $tries -lt 200 ] || { echo "there is no control group $name in $1"; exit 1; }',
  '    sleep 0.05',
  '  done',
  '}',
  'put() { [ -z "$2" ] || printf %s "$2" > "$at/$1" || exit 1; }',
  'limit() { [ "$1" = -1 ] && printf max || printf %s "$1"; }',
  `if [ -f ${root}/cgroup.controllers ]; then`,
  `  group ${root}`,
  '  put cpu.weight "$weight"',
  '  [ -z "$quota" ] || put cpu.max "$(limit "$quota") $period"',
  '  [ -z "$memory" ] || put memory.max "$(limit "$memory")"',
  'else',
  `  for tree in ${root}/cpu ${root}/cpu,cpuacct; do [ -d $tree ] && break; done`,
  '  group $tree',
  '  put cpu.shares "$shares"',
  '  put cpu.cfs_period_us "$period"',
  '  put cpu.cfs_quota_us "$quota"',
  `  group ${root}/memory`,
  // The limit of both may never be the lower one.
  '  both=; [ -f "$at/memory.memsw.limit_in_bytes" ] && both=$memory',
  '  if [ -n "$both" ] && ! { printf %s "$memory" > "$at/memory.limit_in_bytes"; } 2>/dev/null; then put memory.memsw.limit_in_bytes "$both"; fi',
  '  put memory.limit_in_bytes "$memory"',
  '  put memory.memsw.limit_in_bytes "$both"',
  'fi',
].join('\n');

/** The engine leaves groups behind that it made for others: they go when nothing is in them. */
const removeScript = [
  'for name in "$@"; do for try in 1 2 3 4 5; do',
  `  find ${root} -depth -type d -name "$name" -exec rmdir {} + 2>/dev/null`,
  `  [ -n "$(find ${root} -type d -name "$name" 2>/dev/null)" ] || break`,
  '  sleep 0.1',
  'done; done',
].join('\n');

/** Labels of a sandbox whose containers are in a control group of their own. */
export const cgroupLabels = (parent: string | undefined): Labels => (parent ? { [label.cgroup]: parent } : {});

/** What puts a container there. */
export const inPodCgroup = (sandbox: Labels): Docker.HostConfig => (sandbox[label.cgroup] ? { CgroupParent: sandbox[label.cgroup] } : {});

/** A control group around all containers of a pod, beside the groups of the engine's other containers. */
export class PodCgroups {
  constructor(
    private readonly engine: Engine,
    private readonly helpers: Helpers,
    private readonly cluster: string,
  ) {}

  /** What the engine is to call it; undefined where it has no control groups. */
  async parentOf({ uid }: Pick<SandboxConfig, 'uid'>): Promise<string | undefined> {
    const { driver, rootless } = await this.engine.cgroups();
    if (driver === 'cgroupfs') return `/docker/skiff-${this.cluster}-pod${uid}`;
    // A dash in the name of a slice leads into another slice.
    if (driver === 'systemd') return `${rootless ? 'user' : 'system'}-${`skiff_${this.cluster}_pod${uid}`.replaceAll('-', '_')}.slice`;
    return undefined;
  }

  async limit(sandbox: Labels, { cpuShares, cpuQuota, cpuPeriod, memoryLimit }: ContainerResources): Promise<void> {
    const parent = sandbox[label.cgroup];
    if (!parent) throw new RuntimeError('invalid', 'the container engine has no control group for the pod');
    const given = [cpuShares, cpuShares === undefined ? undefined : weightOf(cpuShares), cpuQuota ?? -1, cpuPeriod ?? 100_000, memoryLimit ?? -1];
    const { code, output } = await this.helpers.run(binds, limitScript(root), [nameOf(parent), ...given.map((one) => String(one ?? ''))]);
    if (code !== 0) throw new RuntimeError('other', `the pod's control group could not be given its limits: ${output.trim()}`);
  }

  remove(sandbox: Labels): Promise<void> {
    return removeCgroups(this.helpers, [sandbox]);
  }
}

/** Those of sandboxes of which no container is left. */
export async function removeCgroups(helpers: Helpers, sandboxes: Labels[]): Promise<void> {
  const names = sandboxes.flatMap(({ [label.cgroup]: parent }) => (parent ? [nameOf(parent)] : []));
  if (names.length > 0) await helpers.run(binds, removeScript, names);
}

const nameOf = (parent: string) => parent.slice(parent.lastIndexOf('/') + 1);

/** Mirrors pkg/kubelet/cm/cgroup_manager_linux.go (getCPUWeight). */
const weightOf = (shares: number) => (shares >= 262_144 ? 10_000 : 1 + Math.floor(((shares - 2) * 9999) / 262_142));
