import { emptyPlan, type Plan } from './plan.ts';

/**
 * The nftables commands that make of a table (`ip skiff`) as it was `before` (what the kernel holds; undefined: unknown) what `after` says, to be
 * applied at once by one `nft -f -`. Empty when there is nothing to do.
 */
export function renderChanges(table: string, before: Plan | undefined, after: Plan): string {
  const lines: string[] = [];
  if (!before) lines.push(`add table ${table}`, `delete table ${table}`, `add table ${table}`);
  const old = before ?? emptyPlan();

  for (const [name, declaration] of after.dynamic)
    if (!old.dynamic.has(name)) lines.push(`add set ${table} ${name} { ${declaration} }`);
  for (const [name, { hook }] of after.chains)
    if (!old.chains.has(name)) lines.push(`add chain ${table} ${name}${hook ? ` { ${hook} ; policy accept ; }` : ''}`);
  for (const [name, { type, kind }] of after.maps)
    if (!old.maps.has(name)) lines.push(`add ${kind} ${table} ${name} { type ${type} ; }`);

  const changed = [...after.chains].filter(([name, { rules }]) => old.chains.get(name)?.rules.join('\n') !== rules.join('\n'));
  for (const [name] of changed) if (old.chains.has(name)) lines.push(`flush chain ${table} ${name}`);
  for (const [name, { rules }] of changed) for (const rule of rules) lines.push(`add rule ${table} ${name} ${rule}`);

  for (const [name, { elements }] of after.maps) {
    const known = old.maps.get(name)?.elements ?? new Map<string, string>();
    const gone = [...known].filter(([key, value]) => elements.get(key) !== value).map(([key]) => key);
    const fresh = [...elements].filter(([key, value]) => known.get(key) !== value);
    if (gone.length > 0) lines.push(`delete element ${table} ${name} { ${gone.join(', ')} }`);
    if (fresh.length > 0)
      lines.push(
        `add element ${table} ${name} { ${fresh.map(([key, value]) => (value ? `${key} : ${value}` : key)).join(', ')} }`,
      );
  }

  const staleChains = [...old.chains.keys()].filter((name) => !after.chains.has(name));
  for (const name of staleChains) lines.push(`flush chain ${table} ${name}`);
  for (const name of staleChains) lines.push(`delete chain ${table} ${name}`);
  for (const [name, { kind }] of old.maps) if (!after.maps.has(name)) lines.push(`delete ${kind} ${table} ${name}`);
  for (const name of old.dynamic.keys()) if (!after.dynamic.has(name)) lines.push(`delete set ${table} ${name}`);
  return lines.length > 0 ? `${lines.join('\n')}\n` : '';
}
